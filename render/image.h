#ifndef RENDER_IMAGE_H
#define RENDER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * One drawn picture of the film: rows of 32-bit pixels, 0x00RRGGBB in native byte order (cairo's
 * RGB24), stride_bytes apart. Images come from a pool and are counted by reference, so that the
 * renderer can draw the next one while the sinks still read this one:
 *
 *	img = image_get(pool);		waits until one of the pool's images is free
 *	... draw ...
 *	image_ref(img); sink_push(a, img, …);	a sink drops its reference when it is done
 *	image_unref(img);
 *
 * All functions may be called from any thread. The pixels may be written only while the caller
 * holds the one reference.
 */
struct image {
	uint32_t *pixels;
	int width, height; /* px, both even */
	size_t stride_bytes;
	struct image_pool *pool;
	unsigned refs;
	struct image *next_free;
};

struct image_pool;

struct image_pool *image_pool_create(int width, int height, int n_images);
/* All images must be back. Accepts NULL. */
void image_pool_destroy(struct image_pool *pool);

struct image *image_get(struct image_pool *pool);
struct image *image_ref(struct image *img);
void image_unref(struct image *img);

#endif
