#ifndef RENDER_CHANGES_H
#define RENDER_CHANGES_H

#include "render/scene.h"

/*
 * What changed against the baseline, found once for all images: the load as a whole, and what rose
 * or fell most: functions by their own samples, and where many callers share what they call, the
 * callers by all samples in which they stand. Of those only the innermost are told, and no two
 * movers count the same samples.
 *
 * The baseline is the time before the first mark, else the first quarter. A change counts once it
 * passes the gate (core/gate.h) in two windows in a row that share no snapshot, neither of them in
 * the baseline, and is at least 1 % of the full width. Images that add up all from the start are
 * not compared, nor is time off the CPU, whose events are not counted.
 */
#define MOVERS_MAX  3
#define NO_FUNCTION UINT32_MAX

struct mover {
	uint32_t subject; /* a function; + n_functions: with its callees; NO_FUNCTION: nobody */
	uint64_t before, after;
};

/* The window that ends with a snapshot, against the baseline. */
struct change {
	bool
	    judged; /* two windows since the baseline tell, so that nothing found means something */
	uint64_t before, after; /* values of all */
	int direction;		/* of the load as a whole: 1 more, -1 less, 0 about the same */
	uint32_t since;		/* the snapshot with which that began */
	struct mover mover[MOVERS_MAX];
};

struct changes {
	uint32_t baseline;     /* snapshots in it, from the first on; 0: nothing is compared */
	bool has_mark;	       /* it ends with the first mark */
	struct change *of;     /* of each snapshot; NULL where nothing is compared */
	uint32_t *function_of; /* of each node; NO_FUNCTION for what is none */
	const char **name;     /* of each function; the scene's */
	uint32_t n_functions;
};

static inline uint32_t mover_function(const struct changes *c, const struct mover *m)
{
	return m->subject < c->n_functions ? m->subject : m->subject - c->n_functions;
}

static inline bool mover_has_callees(const struct changes *c, const struct mover *m)
{
	return m->subject >= c->n_functions;
}

/* 0, or what loading the recording failed with. Needs changes_deinit() either way. */
int changes_find(struct changes *c, struct scene *s);
void changes_deinit(struct changes *c);

#endif
