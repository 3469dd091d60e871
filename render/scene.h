#ifndef RENDER_SCENE_H
#define RENDER_SCENE_H

#include <stdint.h>

#include "profile/recording.h"
#include "render/core/layout.h"
#include "render/core/timeline.h"
#include "render/core/tree.h"
#include "render/options.h"

/*
 * What all images of a film share: the tree of all its stacks, its scale and its timeline, from
 * one pass over the recording. Then the state of any window can be asked for; windows that follow
 * each other cost only the snapshots in which they differ.
 *
 * A value is load in thousand-millionths: of a CPU where the recording knows how much CPU time a
 * sample stands for, of a blocked thread where it is of off-CPU time, else of a sample per
 * interval; of the window itself where the scale is SCALE_SHARE.
 */
#define VALUE_ONE 1000000000u
/* Counts that are not samples (ns, bytes) may be so many that they are values as they are. */
#define COUNT_MAX (UINT64_C(1) << 33)

/* What an image shows at rest: the sum over the snapshots [first, end). */
struct state {
	uint32_t first, end;
	uint64_t t0_ns, t1_ns; /* unix */
	struct account account;
	uint64_t unnamed; /* samples whose own function has no name */
	uint64_t *self;	  /* value of each node of the tree, without its callees */
};

struct scene {
	struct recording *rec;
	struct render_options opt;
	struct timeline timeline;
	struct tree tree;
	uint64_t full;	  /* value of the full width */
	uint64_t busiest; /* value of the busiest window */
	bool knows_cpus;  /* or threads */
	bool is_off_cpu;
	uint64_t one; /* value of one CPU or thread, one sample per interval, or of all: VALUE_ONE
			 or 1 */
	/* Value of each snapshot's samples by the kind of their own function: strip[i * BOX_KINDS +
	 * kind]. */
	uint64_t *strip;
	/* The snapshot with which each mark of the recording begins, and that begins a window. */
	uint32_t *mark_at;
	bool has_kind[BOX_KINDS];
	uint32_t *leaf, n_leaves; /* nodes that ever have a value without their callees, in order */
	struct changes *changes;  /* render/changes.h */
	struct scene_impl *impl;
};

/* Borrows rec and opt->title. 0, -ENODATA where nothing was sampled, or the recording's error. */
int scene_create(struct recording *rec, const struct render_options *opt, int flame_width_px,
		 int max_rows, struct scene **scene_ret);
void scene_destroy(struct scene *s);

/* What the load can be at most: the CPUs that were online; 0: any number. */
uint64_t scene_limit(const struct scene *s);

/* Fills st, whose `self` has tree.cap elements, all 0 at first, and is the caller's. */
int scene_state(struct scene *s, uint32_t last, struct state *st);

/* What has a count in one snapshot: nodes of the tree, a node perhaps more than once. */
struct leaves {
	struct leaf {
		uint32_t node;
		uint64_t count;
	} * leaf;
	size_t n, cap;
};

/* The leaves of snapshot i, until the next call of a function of the scene. */
int scene_leaves(struct scene *s, uint32_t i, const struct leaves **leaves_ret);

/* For scene_value(): what a sample is worth in the snapshots [first, end), of `samples` in all. */
uint64_t scene_worth(const struct scene *s, uint32_t first, uint32_t end, uint64_t samples);
uint64_t scene_value(uint64_t count, uint64_t worth);

#endif
