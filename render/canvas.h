#ifndef RENDER_CANVAS_H
#define RENDER_CANVAS_H

#include <stdint.h>

#include "render/image.h"

/*
 * Shapes in an image, by cairo, on top of what is there. Between canvas_begin() and canvas_end()
 * nobody else may touch the pixels; text (render/text.h) comes afterwards. Coordinates are whole
 * pixels and edges are hard: what has no half-covered pixels stays sharp when video halves the
 * resolution of colour.
 */
struct canvas;

/* NULL where cairo has no memory. */
struct canvas *canvas_begin(struct image *img);
void canvas_end(struct canvas *c);

/*
 * Nothing where width or height is not positive. Rectangles of one colour in a row are drawn as one
 * shape, which is faster: let those that do not overlap come by colour.
 */
void canvas_rect(struct canvas *c, uint32_t colour, int x, int y, int width, int height);

#endif
