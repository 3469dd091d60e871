#ifndef RENDER_DRAW_H
#define RENDER_DRAW_H

#include "base/strbuf.h"
#include "render/image.h"
#include "render/surround.h"

/*
 * The picture: the flame, and what surrounds it. Everything that does not move is measured once,
 * from the scene; an image is then drawn from a moment.
 *
 *	geometry_plan(&geo, &opt);			before the scene, which needs its width
 *	scene_create(rec, &opt, geo.flame_width, geo.max_rows, &scene);
 *	d = drawing_create(scene, &geo);
 *	drawing_image(d, img, &moment);
 */
struct drawing;

/* Borrows the scene. NULL with errno. */
struct drawing *drawing_create(const struct scene *scene, const struct geometry *geo);
void drawing_destroy(struct drawing *d);

/* Images at rest must come in the order of the film: they choose the labels of the next motion. */
void drawing_image(struct drawing *d, struct image *img, const struct moment *m);

/* The boxes of the last image as text, one a line: row, edges in px, kind, label. For tests. */
void drawing_describe(const struct drawing *d, struct strbuf *sb);

#endif
