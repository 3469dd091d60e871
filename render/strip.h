#ifndef RENDER_STRIP_H
#define RENDER_STRIP_H

#include <stdint.h>

#include "render/scene.h"

/*
 * The load over the whole recording, as areas stacked by kind: what the strip at the bottom of
 * every image shows. A column's height is the mean over the time that it covers, so that the
 * strip's mean over an image's window is the width of that image's root.
 */
#define STRIP_COLUMN_PX 2

/* From the bottom up. */
extern const uint8_t strip_order[];
extern const int strip_kinds;

/*
 * Tops of the areas in px above the strip's ground: top_ret[column * strip_kinds + i] for the i-th
 * kind of strip_order, from below. There are width_px / STRIP_COLUMN_PX columns.
 */
void strip_tops(const struct scene *s, int width_px, int height_px, uint16_t *top_ret);

/* Where a time lies on the strip, in px from its left edge, even. */
int strip_x(const struct scene *s, uint64_t time_ns, int width_px);

#endif
