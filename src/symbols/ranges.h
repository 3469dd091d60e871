#ifndef SYMBOLS_RANGES_H
#define SYMBOLS_RANGES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Which of many address ranges an address lies in, when ranges may overlap and a later one
 * overrides what stands before it: the table under the symbols of a file, of the kernel, and of
 * JIT-compiled code that is moved and replaced while we look.
 *
 * Overlaps are dissolved when ranges are added, so that at most 2 n - 1 pieces remain of n ranges
 * and an address is found by bisection. Zero-initialise it.
 */
struct range {
	uint64_t start, end; /* [start, end); what is empty is dropped */
	uint32_t value;
};

struct ranges {
	struct range *r; /* in order of address, none overlapping */
	size_t n;
};

void ranges_deinit(struct ranges *rs);

/*
 * Adds n ranges, each of which overrides the earlier ones of `in` and all that `rs` holds.
 * O(n log n + rs->n); cheapest where `in` is in order of address.
 */
void ranges_add(struct ranges *rs, const struct range *in, size_t n);

/* The piece that covers the address, or NULL. Its start and end may be those of a part. */
const struct range *ranges_find(const struct ranges *rs, uint64_t addr);

#endif
