#ifndef CAPTURE_TALLY_H
#define CAPTURE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "bpf/sampler.h"
#include "capture/wire.h"

/*
 * The stacks of one snapshot while it is open: how many samples each stack of each process got. (Of
 * off-CPU time a count is a microsecond, and one record may bring many to several snapshots.)
 *
 * Most samples have been seen before, address for address. So there are two steps: tally_again()
 * finds the sample by its raw addresses; where it does not, the caller says which module and offset
 * each address is, and tally_add() counts it, and remembers the raw addresses.
 *
 * Two bounds hold: (process, stack) pairs, and distinct stacks whatever the process. A sample that
 * would pass one is counted as lost and nothing else.
 */
struct tally_limits {
	uint32_t pairs, stacks;
};

/* The raw key: what makes two samples of one snapshot the same without looking at mappings. */
struct tally_raw {
	uint32_t process, generation; /* of the process's mappings */
	uint32_t flags;		      /* as in the record */
	uint16_t n_kernel, n_user;
	uint32_t copy;		 /* not 0: it is like no other */
	const uint64_t *address; /* both stacks */
};

struct tally_stack {
	uint8_t flags; /* enum wire_stack_flag */
	uint8_t end;   /* enum unwind_end */
	uint8_t state; /* enum block_state */
	uint32_t copy; /* as in struct wire_stack */
	uint16_t n_kernel, n_user;
	const uint64_t *kernel;
	const struct wire_frame *user;
};

struct tally {
	uint64_t seed;
	struct tally_limits limits;
	uint64_t records;  /* all of the interval that came, lost ones included */
	uint64_t ended_ns; /* length of the blocks whose ends those were */
	uint64_t taken, filtered, lost_pairs, lost_stacks;

	/* (process, stack) */
	struct tally_pair {
		uint32_t process, stack;
		uint64_t count;
	} * pair;
	size_t n_pairs, cap_pairs;
	/* stacks: as bytes of a struct wire_stack without process and count */
	struct tally_bytes {
		size_t at;
		uint32_t size, pair; /* pair: of a raw key */
	} * stack, *raw;
	size_t n_stacks, cap_stacks, n_raw, cap_raw;
	uint8_t *bytes, *raw_bytes;
	size_t n_bytes, cap_bytes, n_raw_bytes, cap_raw_bytes;
	struct index pair_ix, stack_ix, raw_ix;
};

void tally_init(struct tally *t, const struct tally_limits *limits, uint64_t seed);
/* Empties it, and keeps its memory for the next snapshot. */
void tally_clear(struct tally *t);
void tally_deinit(struct tally *t);

/* A record came. What it brings is counted by one of those below. */
void tally_record(struct tally *t);
/* Counts what nobody asked for. */
void tally_filter(struct tally *t, uint64_t count);
/* Counts it and returns true, if the same was counted before. */
bool tally_again(struct tally *t, const struct tally_raw *raw, uint64_t count);
/* Counts it, or counts it as lost. `raw` is what tally_again() did not find. */
void tally_add(struct tally *t, const struct tally_raw *raw, const struct tally_stack *stack,
	       uint64_t count);

/* A stack as it stands in WIRE_STACKS, of `count` samples; `out` as below. How many bytes. */
size_t tally_write_stack(const struct tally_stack *s, uint32_t process, uint64_t count,
			 uint8_t *out);
/* Writes pair i as it stands in WIRE_STACKS; `out` has TALLY_STACK_MAX bytes. How many it took. */
size_t tally_write(const struct tally *t, size_t i, uint8_t *out);
#define TALLY_STACK_MAX                                                                            \
	(sizeof(struct wire_stack) + SAMPLER_MAX_FRAMES * sizeof(uint64_t) +                       \
	 SAMPLER_MAX_USER * sizeof(struct wire_frame))

#endif
