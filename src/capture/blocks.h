#ifndef CAPTURE_BLOCKS_H
#define CAPTURE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "capture/cutter.h"
#include "capture/tally.h"

/*
 * Off-CPU time: which of the time that threads were blocked belongs to which interval. No clock is
 * read here, and nothing but numbers is known of a stack.
 *
 *	blocks_begin     a thread is blocked, and will be for a while
 *	blocks_end       it is not any more
 *	blocks_whole     it was, and nobody had told of it
 *	blocks_close     right before the oldest interval closes: what still lasts gets its part
 *
 * A block gives each interval the time that it lasted in it. What a thread's time leaves below one
 * unit is kept for its next time, so that the sum is right to the unit.
 *
 * An interval may be closed before it is known that a thread was blocked in it: where the block was
 * the first long one of a thread with blocks too short to count, and its CPU had so many of those
 * that it did not take the stack as it began (bpf/offcpu.bpf.h).
 * Such time goes to the oldest interval that is open, is counted in `moved_ns`, and is told of at
 * the end. Where blocks are filtered by length, intervals stay open for as long as it takes to
 * decide (blocks_hold_ns()).
 */
struct block_stack {
	struct tally_raw raw;
	struct tally_stack stack;
	uint32_t pid, tid, cpu;
	char comm[16];
	bool filtered;			 /* whatever its length is */
	const struct sampler_copy *copy; /* or NULL */
};

/* Takes what `count` units at the time t_ns are due to; that interval is open. It may close the
 * oldest one (blocks_close()) before it returns. */
typedef void blocks_fn(void *arg, const struct block_stack *s, bool filtered, uint64_t t_ns,
		       uint64_t count);

/* Takes a block that is over, and that its length does not filter. */
typedef void blocks_over_fn(void *arg, const struct block_stack *s, uint64_t in_ns, uint64_t ns);

struct blocks {
	const struct cutter *cutter;
	uint64_t min_ns, max_ns; /* max_ns 0: none is too long */
	blocks_fn *fn;
	blocks_over_fn *over; /* NULL: nobody asks */
	void *arg;

	struct block_thread {
		uint32_t id;
		uint64_t left_ns; /* below a unit */
		uint64_t out_ns,
		    from_ns; /* of the block that lasts: what was told ends at from_ns */
		uint64_t touched_ns;
		struct block_stack *stack; /* NULL: it is not blocked */
	} * thread;
	size_t n_threads, cap_threads;
	struct index ix;
	size_t copy_bytes;
	uint64_t moved_ns;
	uint64_t unended; /* blocks whose end nobody told of */
};

void blocks_init(struct blocks *b, const struct cutter *cutter, uint64_t min_ns, uint64_t max_ns,
		 blocks_fn *fn, void *arg);
void blocks_deinit(struct blocks *b);

/* Copies the stack. */
void blocks_begin(struct blocks *b, uint32_t thread, uint64_t out_ns, const struct block_stack *s);
void blocks_end(struct blocks *b, uint32_t thread, uint64_t out_ns, uint64_t in_ns);
void blocks_whole(struct blocks *b, uint32_t thread, uint64_t out_ns, uint64_t in_ns,
		  const struct block_stack *s);

/* The cutter's oldest interval closes. `seen_ns`: up to then all ends are known. */
void blocks_close(struct blocks *b, uint64_t seen_ns);

/* For how long an interval is to stay open after its end. */
uint64_t blocks_hold_ns(const struct blocks *b);

/* Forgets the threads that are not blocked and of which nothing was heard since. */
void blocks_sweep(struct blocks *b, uint64_t before_ns);

#endif
