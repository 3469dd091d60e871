#include "render/canvas.h"

#include <cairo.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct canvas {
	struct image *img;
	cairo_t *cr;
	uint32_t colour; /* of the rectangles in the path */
	bool has_path;
};

static void fill_path(struct canvas *c)
{
	if (!c->has_path)
		return;
	cairo_set_source_rgba(c->cr, 0, 0, 0, colours_number(&c->img->colours, c->colour) / 255.0);
	cairo_fill(c->cr);
	c->has_path = false;
}

/*
 * To cairo an image is a mask of 8 bits: drawing replaces its values, and they are the numbers of
 * colours. With hard edges nothing ever mixes two of them.
 */
struct canvas *canvas_begin(struct image *img)
{
	cairo_surface_t *surface =
	    cairo_image_surface_create_for_data(img->pixels, CAIRO_FORMAT_A8, img->width,
						img->height, (int)img->stride_bytes);
	struct canvas *c = xcalloc(1, sizeof(*c));

	c->img = img;
	c->cr = cairo_create(surface);
	cairo_surface_destroy(surface);
	if (cairo_status(c->cr)) {
		cairo_destroy(c->cr);
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	cairo_set_operator(c->cr, CAIRO_OPERATOR_SOURCE);
	cairo_set_antialias(c->cr, CAIRO_ANTIALIAS_NONE);
	return c;
}

void canvas_end(struct canvas *c)
{
	fill_path(c);
	cairo_surface_flush(cairo_get_target(c->cr));
	cairo_destroy(c->cr);
	free(c);
}

void canvas_rect(struct canvas *c, uint32_t colour, int x, int y, int width, int height)
{
	if (width <= 0 || height <= 0)
		return;
	if (colour != c->colour)
		fill_path(c);
	c->colour = colour;
	c->has_path = true;
	cairo_rectangle(c->cr, x, y, width, height);
}
