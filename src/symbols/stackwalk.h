#ifndef SYMBOLS_STACKWALK_H
#define SYMBOLS_STACKWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/stack_copy.h"

/*
 * Unwinds a copied user stack by libdwfl, with the unwinding rules in the files themselves: for
 * what the kernel's tables do not have yet, or cannot express. Files and stack are hostile, and so
 * this runs in the namer's worker.
 *
 * What was prepared for the mappings of the last processes is kept for their next copies.
 */
struct stackwalk;

/* The descriptor of a module's file, which stays open for as long; -1: there is none. */
typedef int stackwalk_file_fn(void *arg, uint32_t module);

struct stackwalk *stackwalk_create(stackwalk_file_fn *file, void *arg);
void stackwalk_destroy(struct stackwalk *w);

/*
 * Writes up to `max` addresses, innermost first, as they stand in struct sampler_record, and
 * returns how many. *complete_ret: they reach the outermost frame, and all of them lie in mappings.
 */
size_t stackwalk_unwind(struct stackwalk *w, const struct stack_copy *c,
			const struct stack_copy_map *map, const uint8_t *bytes, uint64_t *address,
			size_t max, bool *complete_ret);

#endif
