#ifndef PROFILE_FUNCTIONS_H
#define PROFILE_FUNCTIONS_H

#include <stdbool.h>

#include "profile/dict.h"
#include "profile/snapshot.h"

/*
 * How many samples each function got: `self` with it innermost, `total` with it anywhere on the
 * stack, where recursion counts once. A function is a frame of the dict.
 *
 *	struct functions f = {0};
 *	functions_add(&f, dict, s.entry, s.n_entries);	any number of times
 *	n = functions_best(&f, best, 100);
 *	functions_clear(&f);				and again, with the same dict
 *	functions_deinit(&f);
 *
 * It costs a step for each frame of each entry's stack, whatever the size of the dict.
 */
struct function {
	uint32_t frame;
	uint64_t self, total;
};

struct functions {
	struct function *function; /* those with a count, in the order of first sight */
	size_t n, cap;
	uint32_t *place; /* frame → its place in `function`, plus 1 */
	size_t n_places, cap_places;
	bool *nested; /* node → its frame stands on the stack above it, too */
	size_t n_nodes, cap_nodes;
};

void functions_deinit(struct functions *f);
void functions_clear(struct functions *f);
void functions_add(struct functions *f, const struct dict *d, const struct entry *e, size_t n);

/*
 * Writes the best ones, at most max, to best_ret: by self, then by total, then by frame number.
 * Returns how many there are.
 */
size_t functions_best(const struct functions *f, struct function *best_ret, size_t max);

#endif
