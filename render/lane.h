#ifndef RENDER_LANE_H
#define RENDER_LANE_H

#include "render/geometry.h"
#include "render/scene.h"
#include "render/text.h"

/*
 * The lane between title and flame: the headline, and under it the movers, each behind the badge
 * that its boxes wear.
 */
void lane_draw(const struct scene *s, const struct geometry *geo, struct text *text,
	       struct image *img, const struct state *st);

/* The places of the movers, "1" … "3", as a badge around a point. */
void badge_draw(const struct scene *s, const struct geometry *geo, struct text *text,
		struct image *img, int place, int x, int y);
/* Half of what a badge is wide. */
int badge_radius(const struct geometry *geo);

#endif
