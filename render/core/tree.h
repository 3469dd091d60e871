#ifndef RENDER_CORE_TREE_H
#define RENDER_CORE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "render/core/palette.h"

/*
 * All stacks of a recording merged by name, and how they are arranged for the whole film. A node
 * is its path of names, so a function keeps its box from image to image; order, rows and what is
 * drawn at all are decided here, once, from the recording as a whole, and never from an image.
 *
 * Siblings stand by name, byte order, or by total. A child that has at least 98 % of its parent
 * over the recording, and is of the same kind, shares its parent's box ("a ▸ b ▸ c"). Where the
 * stacks are deeper than the rows, more frames share a box, from the root side: leaves are never
 * clipped. A node that is never TREE_MIN_PX wide is not drawn itself; its counts go into one
 * "small" box of its parent.
 *
 * All arrays have `cap` elements and are the caller's; who fills the first group (scene.c, or the
 * page) calls tree_arrange() when all nodes are in. A parent's number is smaller than its child's;
 * node 0 is the root, its children are processes.
 */
#define TREE_MIN_PX 4

struct tree {
	uint32_t n, cap;
	uint32_t *parent;
	const char **name;
	uint8_t *kind;	 /* enum box_kind */
	uint64_t *total; /* over the whole recording, with the callees */
	uint64_t *peak;	 /* the largest total of a window, in the unit of the scale */
	enum order order;
	bool
	    no_fold; /* no chains; where the rows do not suffice, frames share a box all the same */

	/* Filled by tree_arrange(). */
	bool *shown;
	bool *skips;	 /* frames beyond a plain chain share the box: its label says "···" */
	uint32_t *head;	 /* the node in whose box this one is drawn; itself if in its own */
	uint32_t *tail;	 /* of a head: the innermost node of its chain */
	uint16_t *row;	 /* of a head: 0 is the root's */
	uint32_t *child; /* boxes in drawing order, those on the box of head h at first[h]… */
	uint32_t *first; /* cap + 1 elements */
	uint32_t
	    *laid; /* what a layout looks at, n_laid: heads, and the hidden children of shown */
	uint32_t n_laid;
	uint16_t n_rows;
};

/* Pixels from the left edge at which `value` of a scale of `full` lies: rounded, and even. */
int tree_px(uint64_t value, uint64_t full, int width_px);

/* max_rows: how many there is room for. scratch: cap elements. */
void tree_arrange(struct tree *t, uint64_t full, int width_px, int max_rows, uint32_t *scratch);

#endif
