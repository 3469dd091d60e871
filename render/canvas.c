#include "render/canvas.h"

#include <cairo.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct canvas {
	cairo_t *cr;
	uint32_t colour; /* of the rectangles in the path */
	bool has_path;
};

static void set_colour(cairo_t *cr, uint32_t c)
{
	cairo_set_source_rgb(cr, (c >> 16 & 0xff) / 255.0, (c >> 8 & 0xff) / 255.0,
			     (c & 0xff) / 255.0);
}

static void fill_path(struct canvas *c)
{
	if (!c->has_path)
		return;
	set_colour(c->cr, c->colour);
	cairo_fill(c->cr);
	c->has_path = false;
}

struct canvas *canvas_begin(struct image *img, uint32_t ground)
{
	cairo_surface_t *surface =
	    cairo_image_surface_create_for_data((unsigned char *)img->pixels, CAIRO_FORMAT_RGB24,
						img->width, img->height, (int)img->stride_bytes);
	struct canvas *c = xcalloc(1, sizeof(*c));

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
	set_colour(c->cr, ground);
	cairo_paint(c->cr);
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
