#ifndef RENDER_CORE_LAYOUT_H
#define RENDER_CORE_LAYOUT_H

#include <stdint.h>

#include "render/core/labels.h"
#include "render/core/tree.h"

/*
 * The boxes of one image: children flush left on their parent, edges rounded from cumulated
 * values, so that they neither drift nor leave gaps: at most 1 px off.
 */
struct box {
	uint32_t node;	  /* whose box it is; of a BOX_SMALL: on whose box it stands */
	int x0_px, x1_px; /* from the left edge of the flame */
	uint16_t row;
	uint8_t kind;	  /* enum box_kind */
	uint32_t n_small; /* of a BOX_SMALL: how many are in it */
	uint64_t value;
};

/* self[i] + all below, for every node; in place of self where they are the same array. */
void layout_totals(const struct tree *t, const uint64_t *self, uint64_t *total);

/*
 * Writes the boxes, row by row from the root within each subtree, and returns how many: at most
 * 2 × nodes. `total` comes from layout_totals(); scratch: 3 × cap elements.
 */
uint32_t layout_boxes(const struct tree *t, const uint64_t *total, uint64_t full, int width_px,
		      uint64_t *scratch, struct box *box_ret);

/* The label of a head's box (LABEL_MAX_BYTES in buf); scratch: cap + 1 elements. */
size_t layout_label(const struct tree *t, uint32_t head, const struct advances *adv, int size_px,
		    int room_px, const char **scratch, char *buf);

#endif
