#ifndef RENDER_GEOMETRY_H
#define RENDER_GEOMETRY_H

#include "render/options.h"

/*
 * Where the zones of a picture lie, from its size alone. From the top: title and clock, room for a
 * headline and what changed, flame, ruler, strip, footer. Lengths are told in units of 1/1080 of
 * the shorter side.
 */
struct geometry {
	int width, height;
	double u; /* px in a unit */
	int margin, flame_width, flame_top, flame_bottom;
	int gap, row_min, row_max, max_rows;
	int strip_top, strip_bottom;
};

void geometry_plan(struct geometry *geo, const struct render_options *opt);

int geometry_px(const struct geometry *geo, double units);
/* To an even pixel: video halves the resolution of colour. */
int geometry_even(const struct geometry *geo, double units);
/* From the bottom of a picture of 1080 units, whatever its height is. */
int geometry_from_bottom(const struct geometry *geo, double y);

#endif
