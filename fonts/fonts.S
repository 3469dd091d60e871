/* The faces, as they are in their files, for FreeType to open from memory. */
	.section .rodata
	.balign 16
	.globl font_regular, font_regular_end, font_bold, font_bold_end
font_regular:
	.incbin FONT
font_regular_end:
	.balign 16
font_bold:
	.incbin FONT_BOLD
font_bold_end:
	.section .note.GNU-stack, "", %progbits
