#ifndef SYMBOLS_ELF_H
#define SYMBOLS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an ELF file (32 or 64 bits, either byte order) tells about its code: names from .symtab,
 * .dynsym and .gnu_debugdata (symbols/debugdata.h), the stubs of the PLT by the function they lead
 * to, and the start of every function that has unwinding rules (.eh_frame), which is known even
 * where names were stripped. All is read at once and sorted; the descriptor is not needed
 * afterwards.
 *
 * Which symbol, where several cover an address: the one that starts last; of those with one start a
 * function before a plain label, one with a size before one without, global before weak before
 * local, then the fewest leading underscores, the shortest, the first by bytes. A symbol ends at
 * its size; without a size it ends at the next symbol, function or end of its section. Versions
 * (memcpy@@GLIBC_2.14) are cut off.
 *
 * A separate debug file (symbols/debugfiles.h) adds its .symtab. It also stands for the program
 * alone, where only that is there: code is found by virtual address then, not by offset.
 *
 * The file may be hostile: it is read by pread(), never mapped, and every size is bounded; out of
 * memory ends the process (base/xalloc.h), and so this runs in the namer's worker.
 *
 * Specified in the System V ABI (ELF), its processor supplements (PLT), and the Linux Standard Base
 * ("Exception Frames", .eh_frame).
 */
struct elf_names;

struct elf_place {
	/* Of the offset; where no executable segment has it, the offset itself. */
	uint64_t vaddr;
	bool is_offset; /* it is the offset */
	/* As in the file (mangled), valid until the table goes; NULL: not known. */
	const char *name;
	bool is_plt;   /* `name` is that of the function which the stub leads to */
	bool is_entry; /* in a program, the function that e_entry lies in */
	/* Where the function starts. */
	bool has_function;
	uint64_t function;
};

/* debug_fd: of the same build (symbols/identity.h), or -1. NULL with errno: ENOEXEC where it is no
 * ELF file, EINVAL where no regular file, or EIO. */
struct elf_names *elf_names_create(int fd, int debug_fd);
void elf_names_destroy(struct elf_names *names);

/* The offset is that of a byte of code in the file. */
struct elf_place elf_names_find(const struct elf_names *names, uint64_t offset);

/* The same by virtual address. */
struct elf_place elf_names_find_vaddr(const struct elf_names *names, uint64_t vaddr);

/* What the linker left in it to tell files apart (NT_GNU_BUILD_ID); size 0: nothing of use. */
const uint8_t *elf_names_build_id(const struct elf_names *names, size_t *size_ret);

/* Memory it holds. */
size_t elf_names_bytes(const struct elf_names *names);

#endif
