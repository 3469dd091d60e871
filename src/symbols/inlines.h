#ifndef SYMBOLS_INLINES_H
#define SYMBOLS_INLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which functions were inlined at an address, and the lines of source there, from the DWARF of a
 * file or of its debug file (dwarfstd.org; versions 2 to 5).
 *
 * Only the compilation units that are asked for are read, each once. DWARF can be large, and is
 * hostile as for symbols/elf.h: each call of inlines_find() takes at most INLINES_CALL_MS of CPU,
 * and all those of a file INLINES_FILE_MS; what would take longer is not known, and
 * inlines_are_cut() says so.
 */
#define INLINES_CALL_MS 400
#define INLINES_FILE_MS 10000
#define INLINES_MAX	64

struct inlines;

/* A function that was running at an address. */
struct inlined {
	const char *name; /* as in the file (mangled), until the table goes; NULL: not known */
	const char *file; /* of the source, without its folder; NULL: not known */
	uint32_t line;	  /* that was running, or called the next one; 0: not known */
};

/* Borrows the descriptors, which stay open; -1 for none. NULL: there is no DWARF. */
struct inlines *inlines_create(int fd, int debug_fd);
void inlines_destroy(struct inlines *in);

/*
 * The chain at a virtual address: the function that the code belongs to, then those inlined into
 * it, the innermost last. Returns how many of `chain` are written; 0: nothing is known.
 */
size_t inlines_find(struct inlines *in, uint64_t vaddr, struct inlined chain[INLINES_MAX]);

/* A new measure of INLINES_CALL_MS begins. */
void inlines_begin(struct inlines *in);
bool inlines_are_cut(const struct inlines *in);
/* Memory it holds. */
size_t inlines_bytes(const struct inlines *in);

#endif
