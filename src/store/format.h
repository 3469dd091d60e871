#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "profile/recording.h"

/*
 * What a recording looks like as a file: an SQLite database (sqlite.org/fileformat2.html) whose
 * application_id is "FLAM" and whose user_version is the format's. The meta row `min_reader` is the
 * oldest version of a reader that understands the file, so that tables can be added later without
 * shutting out older readers.
 *
 *	meta      one row for each field of struct recording_meta, and the three of enum format_own;
 *		  off_cpu_ns only where there are two series
 *	module, frame, node, process
 *		  the rows of struct dict under the same numbers, which count up from 0; but for
 *		  node 0, the empty stack. parent < id. kind is enum frame_kind.
 *	stack     the nodes that ever got a count (store/chunk.h), numbered from 0
 *	snapshot  one row each, in order of time, id from 0: the interval by three clocks, the
 *		  account, then how many rows of the five above there are up to here
 *	chunk     the counts of each snapshot (store/chunk.h)
 *	top       the best functions of each snapshot, for stock sqlite3; we only write it. At most
 *		  FORMAT_TOP, and none whose self is below 1/FORMAT_TOP_SHARE of the samples: a
 *		  hundred rows in any case would take as much room as all counts together
 *	mark      what happened when, in words
 *
 * Of two series (enum series) each snapshot has a row, a chunk and its best functions in either:
 * those with even numbers are of the first, and those with odd numbers, of the same times, of time
 * off the CPU, in units of off_cpu_ns.
 *
 * Every number and name is under a CRC-32, for SQLite itself checks only the structure: meta.crc
 * covers meta, snapshot.crc the row before it, snapshot.dict_crc the rows of the five
 * tables that came with this snapshot, and the chunk begins with its own. Useful from the shell:
 *
 *	sqlite3 x.flame "select name, sum(self) s from top join frame on id = frame
 *			 group by name order by s desc limit 10"
 */
#define FORMAT_APPLICATION_ID 0x464c414d
#define FORMAT_VERSION	      1
#define FORMAT_MIN_READER     1
#define FORMAT_TOP	      100
#define FORMAT_TOP_SHARE      200

struct format_table {
	const char *name, *sql; /* sql as it stands in sqlite_schema */
};

extern const struct format_table format_tables[];
extern const size_t format_n_tables;

/* Numbers are kept as int64, texts as UTF-8. */
enum format_type {
	FORMAT_TEXT,
	FORMAT_BOOL,
	FORMAT_I32,
	FORMAT_U32,
	FORMAT_I64,
	FORMAT_U64, /* up to INT64_MAX */
};

struct format_field {
	const char *key;
	enum format_type type;
	size_t offset;	  /* in struct recording_meta */
	bool is_optional; /* where it is 0 there is no row */
};

extern const struct format_field format_fields[];
extern const size_t format_n_fields;

/* Rows of meta that are no field. */
enum format_own {
	FORMAT_OWN_MIN_READER,
	FORMAT_OWN_SNAPSHOTS, /* how many rows there are; -1 while it is not finished */
	FORMAT_OWN_CRC,
	FORMAT_OWNS
};

extern const char *const format_owns[FORMAT_OWNS];

char **format_text(struct recording_meta *meta, const struct format_field *f);
int64_t format_get(const struct recording_meta *meta, const struct format_field *f);
/* Whether there is a row of it. */
bool format_has(const struct recording_meta *meta, const struct format_field *f);
/* 0, or -ERANGE where the field cannot hold it. */
int format_set(struct recording_meta *meta, const struct format_field *f, int64_t v);
uint32_t format_meta_crc(const struct recording_meta *meta, int64_t snapshots);

/* Columns of snapshot after the id, as numbers below 2^63. */
enum { FORMAT_CLOCKS = 4, FORMAT_ACCOUNT = 7 + LOSSES, FORMAT_DICT = 5 };
enum { FORMAT_COLUMNS = FORMAT_CLOCKS + FORMAT_ACCOUNT + FORMAT_DICT + 2 };

struct format_row {
	struct snapshot_info info;
	uint64_t n[FORMAT_DICT]; /* modules, frames, nodes, processes, stacks */
	uint32_t dict_crc;
};

/* The last column is the CRC of the id and of the others. */
void format_pack(const struct format_row *row, uint64_t id, uint64_t col_ret[FORMAT_COLUMNS]);
/* 0 or -EBADMSG. */
int format_unpack(const uint64_t col[FORMAT_COLUMNS], uint64_t id, struct format_row *row_ret);

/*
 * It may follow `before` (NULL: it is the first): later in time, not overlapping, with a dict that
 * did not shrink, and its account balances. The sum of what all snapshots expected is below 2^63.
 * same_time: it is of another series of the snapshot `before`.
 */
bool format_is_sound(const struct format_row *row, const struct format_row *before, bool same_time,
		     const struct account *sum_before);

#endif
