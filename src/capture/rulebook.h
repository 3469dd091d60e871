#ifndef CAPTURE_RULEBOOK_H
#define CAPTURE_RULEBOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "bpf/unwind.h"

/*
 * The rules of all modules, in memory that the BPF program reads (bpf/unwind.h): equal ones are
 * one, and its number is its place. Each counts its users. A number without any is given to another
 * rule when there is no other left, so the caller waits before it releases what the program may
 * still read.
 */
struct rulebook {
	struct unwind_rule *rule; /* UNWIND_RULES_MAX; not ours */
	uint32_t *users;	  /* by number */
	uint32_t n;		  /* numbers that were ever given out, and 0, which is no rule */
	uint32_t n_used;	  /* those with users */
	uint32_t hand;		  /* where the search for an unused one goes on */
	struct index ix;
	uint64_t seed;
};

void rulebook_init(struct rulebook *b, struct unwind_rule *memory);
void rulebook_deinit(struct rulebook *b);

/* The rule's number, with one user more; 0: all are in use. */
uint32_t rulebook_take(struct rulebook *b, const struct unwind_rule *rule);
/* One user less of each of n numbers; 0 may be among them. */
void rulebook_release(struct rulebook *b, const uint32_t *number, size_t n);

#endif
