#ifndef SYMBOLS_CFI_H
#define SYMBOLS_CFI_H

#include "base/strbuf.h"

/*
 * The unwinding rules of an x86-64 ELF file (.eh_frame, and .debug_frame where that has none), as
 * the table that profile/unwind_table.h describes: what dwarf_cfi_addrframe() says of every place,
 * with neighbours of one rule joined. Rules that the table cannot express are UNWIND_UNKNOWN.
 *
 * Code that no rule covers: small gaps between functions belong to the function before them (they
 * are padding, where nothing runs); gaps of 64 KB and more are taken for the work of a compiler
 * that keeps frame pointers and writes no rules (Go without its DWARF, the builtins of V8); others
 * have no rule, but for _init and _fini, where their machine code tells (symbols/startup.h).
 *
 * The file is hostile, as for symbols/elf.h, and this runs where that runs.
 */

/* Adds the table to `table_ret`. 0, or -ENOEXEC where it is no such file, -ENODATA where it holds
 * no code, -E2BIG where the table would be too large. */
int cfi_table(int fd, struct strbuf *table_ret);

#endif
