#ifndef SYMBOLS_SYMTAB_H
#define SYMBOLS_SYMTAB_H

#include <stddef.h>
#include <stdint.h>

#include "symbols/ranges.h"

/*
 * Which symbol of a file names an address, where several cover it, are aliases of each other, or
 * have no size: the rules that symbols/elf.h states, free of any file format.
 */
struct symbol {
	uint64_t start, size; /* size 0: up to what begins next */
	uint32_t name;	      /* offset in the text */
	uint8_t rank;	      /* SYMBOL_… added up; of one start, the lowest is taken */
};

#define SYMBOL_WEAK    1
#define SYMBOL_LOCAL   2
#define SYMBOL_NO_SIZE 4
#define SYMBOL_LABEL   8 /* not typed as a function */

struct symtab {
	struct symbol *symbol; /* in any order */
	size_t n_symbols;
	const char *text;	  /* names, each with its NUL */
	const struct range *code; /* sections with code, in any order; may be empty */
	size_t n_code;
	const uint64_t *function; /* where functions start, in order of address */
	size_t n_functions;
};

/* Sorts the symbols, and writes n_symbols ranges for ranges_add(): of the best ones last. */
void symtab_ranges(const struct symtab *st, struct range *out);

#endif
