#include "capture/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void arena_deinit(struct arena *a)
{
	free(a->free);
	a->free = NULL;
	a->n_free = a->cap_free = 0;
}

static uint32_t take_from(struct arena *a, size_t i, uint32_t n)
{
	struct arena_extent *e = &a->free[i];
	uint32_t at = e->at;

	e->at += n;
	e->n -= n;
	if (!e->n) {
		a->n_free--;
		memmove(e, e + 1, (a->n_free - i) * sizeof(*e));
	}
	a->used_words += n;
	return at;
}

static int add_segment(struct arena *a)
{
	uint32_t index = a->n_segments;
	uint32_t *memory;

	if (index >= a->max_segments || index >= UNWIND_SEGMENTS)
		return 0;
	memory = a->grow(a->arg, index);
	if (!memory)
		return 0;
	a->segment[a->n_segments++] = memory;
	a->used_words += UNWIND_SEGMENT_WORDS;
	arena_free(a, index * UNWIND_SEGMENT_WORDS, UNWIND_SEGMENT_WORDS);
	return 1;
}

uint32_t arena_alloc(struct arena *a, uint32_t n)
{
	if (!n || n > UNWIND_SEGMENT_WORDS)
		return ARENA_NONE;
	for (size_t i = 0; i < a->n_free; i++)
		if (a->free[i].n >= n)
			return take_from(a, i, n);
	/* A new segment is behind all others. */
	return add_segment(a) ? take_from(a, a->n_free - 1, n) : ARENA_NONE;
}

static int are_one(const struct arena_extent *a, const struct arena_extent *b)
{
	return a->at + a->n == b->at && b->at % UNWIND_SEGMENT_WORDS;
}

void arena_free(struct arena *a, uint32_t at, uint32_t n)
{
	size_t lo = 0, hi = a->n_free;
	struct arena_extent *e;

	a->used_words -= n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->free[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	a->free = xgrow(a->free, &a->cap_free, a->n_free + 1, sizeof(*a->free));
	e = &a->free[lo];
	memmove(e + 1, e, (a->n_free - lo) * sizeof(*e));
	*e = (struct arena_extent){at, n};
	a->n_free++;
	if (lo + 1 < a->n_free && are_one(e, e + 1)) {
		e->n += e[1].n;
		a->n_free--;
		memmove(e + 1, e + 2, (a->n_free - lo - 1) * sizeof(*e));
	}
	if (lo && are_one(e - 1, e)) {
		e[-1].n += e->n;
		a->n_free--;
		memmove(e, e + 1, (a->n_free - lo) * sizeof(*e));
	}
}
