#ifndef RENDER_CORE_TIMELINE_H
#define RENDER_CORE_TIMELINE_H

#include <stdint.h>

#include "render/options.h"

/*
 * Which image shows what, and when. The film goes in steps of equal length; each begins with a
 * motion of 0.2 s to the state that then rests until the next. A step stands for
 * `intervals_per_step` snapshots and its image shows the last `window` of them.
 */
struct timeline {
	uint32_t n_snapshots, n_steps;
	uint32_t intervals_per_step;
	uint32_t window; /* snapshots that an image shows, at most */
	int fps;
	int motion;	    /* images in a motion, the last of which is the state at rest */
	uint64_t steps_ns;  /* time that the steps share */
	uint64_t length_ns; /* of the film: the last image rests for 2 s or more */
	double speed;	    /* real time / film time */
	enum mode mode;
	const uint32_t *cut; /* snapshots with which no earlier one shares a window, in order */
	uint32_t n_cuts;
};

/* Without cuts, which may be set afterwards, and are the caller's. recorded_ns: from the first
 * snapshot's begin to the last one's end. */
void timeline_plan(struct timeline *tl, uint32_t n_snapshots, uint64_t interval_ns,
		   uint64_t recorded_ns, const struct render_options *opt);

/* The snapshots [first, end) that are shown when the last of them is `last`. */
void timeline_window(const struct timeline *tl, uint32_t last, uint32_t *first_ret,
		     uint32_t *end_ret);

/* The last snapshot of a step. */
uint32_t timeline_last(const struct timeline *tl, uint32_t step);

/* When a step begins, counted in images: a multiple of 1 / fps. */
uint64_t timeline_start(const struct timeline *tl, uint32_t step);

/* Smoothstep of i / n, in 1/65536. */
uint32_t timeline_ease(uint32_t i, uint32_t n);

#endif
