#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

/*
 * Recordings made by hand for tests, in memory: names and stacks in a few words, then their counts.
 *
 *	recording_init(&rec);
 *	counts_attach(&rec);
 *	snapshot_add(&s, add_process(&rec, 12, "dd"), add_stack(&rec, "main/0|read/0|vfs_read/1"),
 *3); add_snapshot(&rec, &s, t0_ns, t1_ns);
 */

#include <stdlib.h>
#include <string.h>

#include "import/counts.h"
#include "profile/recording.h"

static inline uint32_t add_process(struct recording *rec, uint32_t pid, const char *comm)
{
	struct process p = {.pid = pid, .comm = dict_string(&rec->dict, comm, strlen(comm))};

	return dict_process(&rec->dict, &p);
}

/* Frames of no module, root first, between "|": the name, "/", and the kind as a digit. */
static inline uint32_t add_stack(struct recording *rec, const char *text)
{
	uint32_t node = 0;

	while (*text) {
		size_t len = strcspn(text, "|");
		uint32_t name = dict_string(&rec->dict, text, len - 2);

		node = dict_node(&rec->dict, node,
				 dict_frame(&rec->dict, name, 0, text[len - 1] - '0'));
		text += len + (text[len] == '|');
	}
	return node;
}

/* Sums up s, appends it, and empties it. All samples are taken, and complete. */
static inline void add_snapshot(struct recording *rec, struct snapshot *s, uint64_t t0_ns,
				uint64_t t1_ns)
{
	struct account a = {0};

	snapshot_sort(s);
	for (size_t i = 0; i < s->n_entries; i++)
		a.taken += s->entry[i].count;
	a.expected = a.complete = a.taken;
	s->info = (struct snapshot_info){.t0_ns = t0_ns, .t1_ns = t1_ns, .account = a};
	counts_append(rec, s);
	s->n_entries = 0;
}

#endif
