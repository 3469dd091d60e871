#ifndef SYMBOLS_EHFRAME_H
#define SYMBOLS_EHFRAME_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The functions that have unwinding rules: a walk over the frame description entries of an
 * .eh_frame section, as the Linux Standard Base describes it ("Exception Frames"), or of a
 * .debug_frame section (DWARF 5, 6.4.1). The section is hostile: what cannot be read is passed
 * over, and the walk ends.
 */

/* A function's code: [start, start + size), virtual addresses; size is never 0. */
typedef void ehframe_fn(void *arg, uint64_t start, uint64_t size);

/* data: the section's, addr: its sh_addr, ident: the file's e_ident. Other byte orders than the
 * machine's own are not read. */
void ehframe_each(const uint8_t *ident, Elf_Data *data, uint64_t addr, ehframe_fn *fn, void *arg);
void debugframe_each(const uint8_t *ident, Elf_Data *data, ehframe_fn *fn, void *arg);

#endif
