#ifndef TESTS_BENCH_PICTURE_H
#define TESTS_BENCH_PICTURE_H

/*
 * A picture as the film has them, for the benches of the sinks: up to 1,500 boxes in 40 rows with
 * some 300 labels, on even pixels, in a few tints of the kinds of code. `phase` moves the edges, as
 * a tween does. Also the clock and the table of figures.
 */

#include <cairo/cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "render/canvas.h"
#include "render/text.h"

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

static void picture_fill(struct canvas *c, const struct picture_box *b)
{
	static const uint32_t kind[5] = {0x8fade6, 0xf2c275, 0x9ecc94, 0xf7d9a8, 0xcccccc};
	int tint = (int)(b->seed % 8) - 4;

	canvas_rect(c, kind[b->seed / 7 % 5] + tint * 0x020202, b->x0, 978 - b->row * 22,
		    b->x1 - b->x0 - 1, 21);
}

static void picture_label(struct text *t, struct image *img, const struct picture_box *b,
			  int *labels)
{
	struct text_style style = {FACE_REGULAR, 15, 0};
	char text[64];

	if (b->x1 - b->x0 < 32 || *labels == PICTURE_LABELS)
		return;
	++*labels;
	snprintf(text, sizeof(text), "ns::Type%u<T>::function_%u", b->seed % 97, b->seed % 1009);
	text_draw(t, img, &style, ALIGN_LEFT, b->x0 + 4, 994 - b->row * 22, b->x0, b->x1 - 4, text);
}

/*
 * A tree in rows from the root up, where a box has one child nearly as wide, or one wide and some
 * narrow ones. The edges swing with the phase.
 */
static int picture_boxes(struct picture_box *box, double phase)
{
	int n = 1;

	box[0] = (struct picture_box){.x1 = 1900, .seed = 4711};
	for (int i = 0; i < n; i++) {
		const struct picture_box *b = &box[i];
		uint32_t seed = b->seed;
		int x = b->x0, children = 1 + picture_random(&seed) % 8 / 5;

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
	return n;
}

/* On an image of 1920×1080. */
static inline void picture_draw(struct text *t, struct image *img, double phase)
{
	static struct picture_box box[PICTURE_BOXES];
	struct text_style title = {FACE_BOLD, 38, 0x1a1a1a};
	int n = picture_boxes(box, phase), labels = 0;
	struct canvas *c;

	image_clear(img, 0xfafaf7);
	c = canvas_begin(img);
	for (int i = 0; i < n; i++)
		picture_fill(c, &box[i]);
	canvas_end(c);
	text_draw(t, img, &title, ALIGN_LEFT, 40, 60, 0, 1920, "database host, 14:03:27 UTC");
	for (int i = 0; i < n; i++)
		picture_label(t, img, &box[i], &labels);
}

/* The same pixels as cairo keeps them. */
static inline cairo_surface_t *picture_surface(const struct image *img)
{
	cairo_surface_t *s =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, img->width, img->height);

	cairo_surface_flush(s);
	for (int y = 0; y < img->height; y++) {
		uint32_t *row = (uint32_t *)(cairo_image_surface_get_data(s) +
					     y * cairo_image_surface_get_stride(s));

		for (int x = 0; x < img->width; x++)
			row[x] = img->colours.rgb[image_row(img, y)[x]];
	}
	cairo_surface_mark_dirty(s);
	return s;
}

#endif
