#ifndef STORE_DICT_ROWS_H
#define STORE_DICT_ROWS_H

#include <stdint.h>

#include "base/strbuf.h"
#include "profile/dict.h"
#include "store/chunk.h"
#include "store/db.h"
#include "store/format.h"

/*
 * The tables module, frame, node, process and stack, which grow from snapshot to snapshot: written
 * and read in step with them, under one checksum for what came with each.
 *
 *	struct dict_rows rows = {.dict (or .into) = &dict, .stacks = &stacks};
 *	err = dict_rows_open(&rows, db, writing);
 *	err = dict_rows_put(&rows, &row, n_before);	or dict_rows_get(&rows, &row, &what);
 *	dict_rows_close(&rows);
 */
struct dict_rows {
	const struct dict *dict; /* when writing */
	struct dict *into;	 /* when reading */
	struct chunk_stacks *stacks;
	struct db_query *query[FORMAT_DICT];
	uint64_t n[FORMAT_DICT]; /* rows that were read */
	struct strbuf bytes;	 /* what dict_crc is made of */
};

int dict_rows_open(struct dict_rows *rows, struct db *db, bool writing);
void dict_rows_close(struct dict_rows *rows);

/* Writes all rows from those of `before` on; fills row->n and row->dict_crc. */
int dict_rows_put(struct dict_rows *rows, const uint64_t before[FORMAT_DICT],
		  struct format_row *row);

/*
 * Reads on up to row->n into dict and stacks. Names are cleaned, and may become equal by that; they
 * keep their numbers. 0, -EBADMSG with *what_ret in words, or another error.
 */
int dict_rows_get(struct dict_rows *rows, const struct format_row *row, const char **what_ret);
/* 1 where there are more rows than were read, else 0 or an error. */
int dict_rows_more(struct dict_rows *rows);

#endif
