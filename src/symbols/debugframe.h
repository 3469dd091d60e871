#ifndef SYMBOLS_DEBUGFRAME_H
#define SYMBOLS_DEBUGFRAME_H

#include <elfutils/libdw.h>
#include <stdint.h>

/*
 * The .debug_frame of an ELF file: the unwinding rules of code that has none in .eh_frame (Go's).
 * It is read from a copy that holds nothing else, since libdw would uncompress all of the DWARF of
 * the file first. The section is hostile, and of bounded size.
 */
struct debugframe {
	void *bytes; /* the copy */
	Elf *elf;
	Dwarf *dwarf;
	Elf_Data *data;
	Dwarf_CFI *cfi;
};

/* 0, or -ENODATA where there is none, or none that can be read. Deinit it in any case, and before
 * `file` is ended. */
int debugframe_init(struct debugframe *d, Elf *file);
void debugframe_deinit(struct debugframe *d);

#endif
