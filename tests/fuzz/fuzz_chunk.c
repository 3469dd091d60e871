/*
 * Any bytes as a chunk: the blob itself, its zstd frame, or its content, with all that stands
 * around it put right. What is accepted is sound, and comes back when written again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/xalloc.h"
#include "store/chunk.h"

#define STACKS	  100
#define PROCESSES 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool claim)
{
	if (!claim)
		abort();
}

static void check(struct chunk_coder *c, struct chunk_stacks *st, struct snapshot *s)
{
	struct snapshot back = {0};
	uint64_t sum = 0;
	const void *blob;
	size_t size;

	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i];

		insist(e->process < PROCESSES && e->node >= 1000 && e->node < 1000 + STACKS);
		insist(e->count && !__builtin_add_overflow(sum, e->count, &sum));
		insist(!i || e[-1].process < e->process ||
		       (e[-1].process == e->process && e[-1].node < e->node));
	}
	insist(!chunk_encode(c, st, s, &blob, &size));
	insist(!chunk_decode(c, st, blob, size, STACKS, PROCESSES, &back));
	insist(back.n_entries == s->n_entries);
	insist(!s->n_entries || !memcmp(back.entry, s->entry, s->n_entries * sizeof(*s->entry)));
	snapshot_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chunk_coder *c;
	static struct chunk_stacks st;
	struct snapshot s = {0};
	uint8_t *blob;
	size_t n;
	uint32_t crc;

	if (!c) {
		struct snapshot all = {0};

		c = chunk_coder_create();
		for (int i = 0; i < STACKS; i++)
			snapshot_add(&all, i % PROCESSES, 1000 + i, 1);
		chunk_stacks_number(&st, &all);
		snapshot_deinit(&all);
	}
	if (!size)
		return 0;
	n = ZSTD_compressBound(size) + 4;
	blob = xcalloc(1, n);
	if (*data % 3 == 0) {
		n = size - 1;
		memcpy(blob, data + 1, n);
	} else {
		if (*data % 3 == 1) {
			memcpy(blob + 4, data + 1, size - 1);
			n = size - 1 + 4;
		} else {
			n = ZSTD_compress(blob + 4, n - 4, data + 1, size - 1, 1) + 4;
		}
		crc = chunk_crc(0, blob + 4, n - 4);
		memcpy(blob, &crc, 4);
	}
	if (!chunk_decode(c, &st, blob, n, STACKS, PROCESSES, &s))
		check(c, &st, &s);
	else
		insist(!s.n_entries);
	free(blob);
	snapshot_deinit(&s);
	return 0;
}
