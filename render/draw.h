#ifndef RENDER_DRAW_H
#define RENDER_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "render/image.h"
#include "render/scene.h"

/*
 * The picture: title and clock, flame with its ruler, strip, footer. Everything that does not
 * move is measured once, from the scene; an image is then drawn from a moment.
 *
 *	geometry_plan(&geo, &opt);			before the scene, which needs its width
 *	scene_create(rec, &opt, geo.flame_width, geo.max_rows, &scene);
 *	d = drawing_create(scene, &geo);
 *	drawing_image(d, img, &moment);
 */
struct geometry {
	int width, height;
	double u; /* px for each thousand-and-eightieth of the picture's height */
	int margin, flame_width, flame_top, flame_bottom;
	int gap, row_min, row_max, max_rows;
	int strip_top, strip_bottom;
};

void geometry_plan(struct geometry *geo, const struct render_options *opt);

/*
 * What one image shows. In a motion the boxes, the bracket and the playhead move, while numbers and
 * labels are still those of the state before.
 */
struct moment {
	const uint64_t *self;	     /* value of each node */
	const struct state *numbers; /* at rest: the state whose `self` that is */
	uint64_t from_ns, to_ns;     /* unix: what the bracket spans, and the playhead */
	bool at_rest;
};

struct drawing;

/* Borrows the scene. NULL with errno. */
struct drawing *drawing_create(const struct scene *scene, const struct geometry *geo);
void drawing_destroy(struct drawing *d);

/* Images at rest must come in the order of the film: they choose the labels of the next motion. */
void drawing_image(struct drawing *d, struct image *img, const struct moment *m);

#endif
