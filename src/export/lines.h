#ifndef EXPORT_LINES_H
#define EXPORT_LINES_H

#include <stdbool.h>

#include "export/folded.h"

/*
 * The stacks of a recording as they will be written: words, safe to stand between semicolons, in
 * place of processes and frames, those of equal words added up, and put in byte order.
 *
 *	err = lines_init(&lines, &rec, &style);		reads each snapshot once
 *	... lines.touched[0 … n_touched) are in order, with lines.count[] of each ...
 *	lines_clear(&lines);
 *	lines_add(&lines, &snapshot);	again, for the counts of one snapshot alone
 *	lines_deinit(&lines);
 *
 * A line is a node of lines.text, whose frames are the words: the first one is the process. Memory
 * is taken for distinct stacks only, about 100 bytes for each node of them.
 */
#define LINES_MAX_FRAMES 4094

struct lines {
	const struct recording *rec;
	bool annotate, delimited;
	enum grouping by;
	struct dict text;
	uint32_t delimiter, truncated; /* words */
	uint32_t *process_word;	       /* of each process of rec; UINT32_MAX: not asked for yet */
	struct lines_frame {
		uint32_t word; /* UINT32_MAX: not asked for yet */
		uint8_t kind;  /* that import will see */
	} * frame;
	uint32_t *depth, *cut; /* of each node of rec: its frames; itself, or where it is cut */
	struct lines_seen {
		uint32_t first, node, line;
	} * seen;
	size_t n_seen, cap_seen;
	struct index seen_ix;
	uint64_t *count; /* of each line */
	size_t cap_count;
	uint32_t *rank; /* of each line: its place in byte order */
	uint32_t *touched;
	size_t n_touched, cap_touched;
};

/*
 * 0, or a negative errno after one line. Needs lines_deinit() either way.
 */
int lines_init(struct lines *l, struct recording *rec, const struct folded_style *style);
void lines_deinit(struct lines *l);

/* Adds the counts of one of the recording's snapshots, in order. */
void lines_add(struct lines *l, const struct snapshot *s);
void lines_clear(struct lines *l);

#endif
