#include "render/canvas.h"

#include <cairo.h>

/* cairo's context is all that a canvas is. */
static cairo_t *context(struct canvas *c)
{
	return (cairo_t *)c;
}

static void set_colour(cairo_t *cr, uint32_t c)
{
	cairo_set_source_rgb(cr, (c >> 16 & 0xff) / 255.0, (c >> 8 & 0xff) / 255.0,
			     (c & 0xff) / 255.0);
}

struct canvas *canvas_begin(struct image *img, uint32_t ground)
{
	cairo_surface_t *surface =
	    cairo_image_surface_create_for_data((unsigned char *)img->pixels, CAIRO_FORMAT_RGB24,
						img->width, img->height, (int)img->stride_bytes);
	cairo_t *cr = cairo_create(surface);

	cairo_surface_destroy(surface);
	if (cairo_status(cr)) {
		cairo_destroy(cr);
		return NULL;
	}
	cairo_set_operator(cr, CAIRO_OPERATOR_SOURCE);
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
	set_colour(cr, ground);
	cairo_paint(cr);
	return (struct canvas *)cr;
}

void canvas_end(struct canvas *c)
{
	cairo_surface_flush(cairo_get_target(context(c)));
	cairo_destroy(context(c));
}

void canvas_rect(struct canvas *c, uint32_t colour, int x, int y, int width, int height)
{
	if (width <= 0 || height <= 0)
		return;
	set_colour(context(c), colour);
	cairo_rectangle(context(c), x, y, width, height);
	cairo_fill(context(c));
}
