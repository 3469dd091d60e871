#ifndef TESTS_BENCH_PICTURE_H
#define TESTS_BENCH_PICTURE_H

/*
 * A picture as the film has them, for the benches of the sinks: up to 1,500 boxes in 40 rows with
 * some 300 labels, on even pixels, in a few tints of the kinds of code. `phase` moves the edges, as
 * a tween does. Also the clock and the table of figures.
 */

#include <cairo/cairo.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "render/image.h"

#define PICTURE_BOXES  1500
#define PICTURE_LABELS 300
#define PICTURE_ROWS   40

static inline double bench_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static int bench_compare(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return (a > b) - (a < b);
}

static inline double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), bench_compare);
	return v[n / 2];
}

static inline void bench_row(const char *name, double value, const char *unit, const char *limit)
{
	printf("%s\t%.3f\t%s\t%s\n", name, value, unit, limit);
}

static inline uint32_t picture_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

struct picture_box {
	int x0, x1, row;
	uint32_t seed;
};

static void picture_box(cairo_t *cr, const struct picture_box *b, int *labels)
{
	static const double kind[5][3] = {
	    {.56, .68, .90}, {.95, .76, .46}, {.62, .80, .58}, {.97, .85, .66}, {.80, .80, .80}};
	const double *c = kind[b->seed / 7 % 5];
	double tint = (b->seed % 8) * .01 - .04, bottom = 1000 - b->row * 22;
	char text[64];
	int fits = (b->x1 - b->x0 - 8) / 8;

	cairo_set_source_rgb(cr, c[0] + tint, c[1] + tint, c[2] + tint);
	cairo_rectangle(cr, b->x0, bottom - 22, b->x1 - b->x0 - 1, 21);
	cairo_fill(cr);
	if (fits < 3 || *labels == PICTURE_LABELS)
		return;
	++*labels;
	if (snprintf(text, sizeof(text), "ns::Type%u<T>::function_%u", b->seed % 97,
		     b->seed % 1009) > fits)
		text[fits] = '\0';
	cairo_set_source_rgb(cr, 0, 0, 0);
	cairo_move_to(cr, b->x0 + 4, bottom - 6);
	cairo_show_text(cr, text);
}

/*
 * A tree in rows from the root up, where a box has one child nearly as wide, or one wide and some
 * narrow ones. The edges swing with the phase.
 */
static void picture_boxes(cairo_t *cr, double phase)
{
	static struct picture_box box[PICTURE_BOXES];
	int n = 1, labels = 0;

	box[0] = (struct picture_box){.x1 = 1900, .seed = 4711};
	for (int i = 0; i < n; i++) {
		const struct picture_box *b = &box[i];
		uint32_t seed = b->seed;
		int x = b->x0, children = 1 + picture_random(&seed) % 8 / 5;

		picture_box(cr, b, &labels);
		for (int k = 0; k < children && b->row + 1 < PICTURE_ROWS; k++) {
			double swing = .04 * sin(phase + picture_random(&seed) % 64);
			double share = k < children - 1 ? .3 + swing : seed % 3 ? 1 : .97;
			int x1 = b->x0 + (int)((b->x1 - b->x0) * share / 2) * 2;

			if (n == PICTURE_BOXES || x1 - x < 4)
				continue;
			box[n++] = (struct picture_box){.x0 = x,
							.x1 = x1,
							.row = b->row + 1,
							.seed = picture_random(&seed)};
			x = x1;
		}
	}
}

static inline cairo_surface_t *picture_surface(struct image *img)
{
	return cairo_image_surface_create_for_data((unsigned char *)img->pixels, CAIRO_FORMAT_RGB24,
						   img->width, img->height, img->stride_bytes);
}

static inline void picture_draw(struct image *img, double phase)
{
	cairo_surface_t *surface = picture_surface(img);
	cairo_t *cr = cairo_create(surface);

	cairo_scale(cr, img->width / 1920., img->height / 1080.);
	cairo_set_source_rgb(cr, .98, .98, .97);
	cairo_paint(cr);
	cairo_select_font_face(cr, "Inter", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cr, 15);
	picture_boxes(cr, phase);
	cairo_set_font_size(cr, 38);
	cairo_set_source_rgb(cr, .1, .1, .1);
	cairo_move_to(cr, 40, 60);
	cairo_show_text(cr, "database host, 14:03:27 UTC");
	cairo_destroy(cr);
	cairo_surface_destroy(surface);
}

#endif
