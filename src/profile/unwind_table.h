#ifndef PROFILE_UNWIND_TABLE_H
#define PROFILE_UNWIND_TABLE_H

#include <stdint.h>

#include "bpf/unwind.h"
#include "profile/dict.h"

/*
 * The table of one module by which callers are found in its code, on its way from the table maker,
 * which makes it out of the file (symbols/cfi.h), to the collector, which gives it to the kernel
 * (capture/unwinder.h). In the machine's own order, without gaps:
 *
 *	struct unwind_table
 *	struct unwind_rule rule[n_rules]	rule i is number i + 1; 0 is "no rule"
 *	struct unwind_page page[n_pages]	page i: where its rows begin in row[], and how many
 *	uint32_t row[n_rows]			ascending in a page, which has them one after the
 *other
 *
 * The collector believes nothing of it: whoever makes it reads hostile files.
 */
#define UNWIND_TABLE_MAGIC 0x31545746u /* "FWT1" */

/* What the kernel's memory can hold of one module: 512 MB of code, at most. */
#define UNWIND_TABLE_PAGES_MAX (UNWIND_SEGMENT_WORDS / 2)
#define UNWIND_TABLE_ROWS_MAX  (1u << 24)
/* Of UNWIND_RULES_MAX that all modules share; the largest programs have a thousand. */
#define UNWIND_TABLE_RULES_MAX 4096

struct unwind_table {
	uint32_t magic;
	uint32_t n_rules, n_pages, n_rows;
	uint32_t first_page; /* number in the file of page 0 */
	uint32_t unused;
};

/*
 * How the collector asks for it, over base/chan.h. The table maker is a process that does nothing
 * else: a table is in a hurry, and must not wait for names, or for the disk.
 *
 *	collector → maker   TABLE_FILE   struct table_file, and its descriptor if it has one
 *	                    TABLE_WANT   uint32_t module, a file of which was told. One at a time
 *	maker → collector   TABLE_MADE   the table in a sealed memfd; without one there is none
 */
enum table_msg { TABLE_FILE = 64, TABLE_WANT, TABLE_MADE };

struct table_file {
	uint32_t module;
	uint8_t is_vdso; /* the kernel's own page, which has no file */
	uint8_t build_id_size, build_id[BUILD_ID_MAX]; /* of what is mapped; size 0: not known */
};

static inline uint64_t unwind_table_bytes(const struct unwind_table *t)
{
	return sizeof(*t) + (uint64_t)t->n_rules * sizeof(struct unwind_rule) +
	       (uint64_t)t->n_pages * sizeof(struct unwind_page) +
	       (uint64_t)t->n_rows * sizeof(uint32_t);
}

#endif
