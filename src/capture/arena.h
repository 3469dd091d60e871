#ifndef CAPTURE_ARENA_H
#define CAPTURE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind.h"

/*
 * Memory that the BPF program reads (bpf/unwind.h): words of 4 bytes in segments, which are asked
 * for one by one and kept. What was freed is given out again, first fit; nothing that is given out
 * crosses the end of a segment. The caller waits before it frees what the program may still read.
 *
 * Zero-initialise it but for `grow`, `arg` and `max_segments`.
 */
#define ARENA_NONE UINT32_MAX

struct arena {
	/* The memory of segment `index`, or NULL where there is no more. */
	uint32_t *(*grow)(void *arg, uint32_t index);
	void *arg;
	uint32_t max_segments;

	uint32_t *segment[UNWIND_SEGMENTS];
	uint32_t n_segments;
	struct arena_extent {
		uint32_t at, n; /* words */
	} * free;		/* by place; neighbours in a segment are one */
	size_t n_free, cap_free;
	size_t used_words;
};

/* The memory of the segments is not the arena's. */
void arena_deinit(struct arena *a);

/* The address of n words (0 < n ≤ UNWIND_SEGMENT_WORDS), of any content; ARENA_NONE: no room. */
uint32_t arena_alloc(struct arena *a, uint32_t n);
/* All that arena_alloc() gave, or a part of it. */
void arena_free(struct arena *a, uint32_t at, uint32_t n);

static inline uint32_t *arena_words(const struct arena *a, uint32_t at)
{
	return a->segment[at / UNWIND_SEGMENT_WORDS] + at % UNWIND_SEGMENT_WORDS;
}

#endif
