#ifndef RENDER_MOVERS_H
#define RENDER_MOVERS_H

#include "render/changes.h"

/*
 * Who of those that changed is told, and at which place. For each window, in order:
 *
 *	m.n = 0;
 *	movers_add(&m, &mover);		each subject whose change is none by chance
 *	movers_sort(&m);		most first; from here on candidates may be dropped
 *	movers_choose(&m, i, &change);
 *
 * Callers whose change is that of what they call are dropped, and no two that are told count the
 * same samples. Who is told stays at its place for two seconds of the film at least, and as long as
 * it is a candidate, so that a number means one function as long as it is there.
 */
#define CANDIDATES_MAX 64 /* beyond the greatest of so many nobody looks; bits of a word */

struct candidate {
	struct mover mover;
	uint64_t by; /* |after - before| */
};

struct movers {
	const struct changes *changes;
	const struct scene *scene;
	uint32_t *node, *first_node; /* those of each function */
	uint64_t *bit_of;	     /* of each function: its candidate; 0: none */
	struct candidate *candidate;
	uint32_t n;
	uint32_t shown_from[MOVERS_MAX];
};

/* Borrows both; the functions are numbered by now. */
void movers_init(struct movers *m, const struct changes *c, const struct scene *s);
void movers_deinit(struct movers *m);

/* Less than 1 % of the full width is no candidate. */
void movers_add(struct movers *m, const struct mover *one);
void movers_sort(struct movers *m);

/* ch->mover: at first who stood there in the window before, with the numbers of this one. */
void movers_choose(struct movers *m, uint32_t i, struct change *ch);

#endif
