#ifndef RENDER_IMAGE_H
#define RENDER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/colours.h"

/*
 * One drawn picture of the film: rows of pixels, each the number of a colour in the image's own
 * table; stride_bytes apart, each on a boundary of 64 bytes. Images come from a pool and are
 * counted by reference, so that the renderer can draw the next one while the sinks still read this
 * one:
 *
 *	img = image_get(pool);		waits until one of the pool's images is free
 *	image_clear(img, ground);
 *	... draw: lines, render/canvas.h, then render/text.h ...
 *	sink_push(a, img, &info);	a sink that reads on takes a reference of its own
 *	image_unref(img);
 *
 * An image from image_get() still shows what was last drawn on it. The functions of the pool may be
 * called from any thread. Pixels and colours may be written only while the caller holds the one
 * reference.
 */
struct image {
	uint8_t *pixels;
	struct colours colours;
	int width, height; /* px, both even */
	size_t stride_bytes;
	struct image_pool *pool;
	unsigned refs;
	struct image *next_free;
};

struct image_pool;

/* What H.264 can carry; beyond it a picture would be over 256 MB. */
#define IMAGE_SIZE_MAX 16384

/* Even, as 4:2:0 wants it, and neither zero nor beyond IMAGE_SIZE_MAX. */
static inline bool image_size_ok(int width, int height)
{
	return width >= 2 && height >= 2 && width <= IMAGE_SIZE_MAX && height <= IMAGE_SIZE_MAX &&
	       width % 2 == 0 && height % 2 == 0;
}

/*
 * n_images: one to draw on, and for each sink as many as it may hold (SINK_HOLDS_MAX in sink.h);
 * with fewer the renderer waits, but nothing stops for good. NULL with EINVAL on a bad size.
 */
struct image_pool *image_pool_create(int width, int height, int n_images);
/* All images must be back. Accepts NULL. */
void image_pool_destroy(struct image_pool *pool);

struct image *image_get(struct image_pool *pool);
struct image *image_ref(struct image *img);
void image_unref(struct image *img);

/* All of one colour, and no other in the table. */
void image_clear(struct image *img, uint32_t rgb);
/* A part of one line, or what of it is inside the image. */
void image_line(struct image *img, uint32_t rgb, int x, int y, int width);

static inline uint8_t *image_row(const struct image *img, int y)
{
	return img->pixels + y * img->stride_bytes;
}

#endif
