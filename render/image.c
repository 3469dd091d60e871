#include "render/image.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Rows begin on a cache line, which is also the widest vector. */
#define ROW_ALIGN 64

struct image_pool {
	pthread_mutex_t lock;
	pthread_cond_t came_back;
	int width, height, n_images;
	struct image **image; /* those that were needed so far */
	int n_made;
	struct image *free;
};

struct image_pool *image_pool_create(int width, int height, int n_images)
{
	struct image_pool *pool;

	if (!image_size_ok(width, height) || n_images < 1) {
		errno = EINVAL;
		return NULL;
	}
	pool = xcalloc(1, sizeof(*pool));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->came_back, NULL);
	pool->width = width;
	pool->height = height;
	pool->n_images = n_images;
	pool->image = xcalloc(n_images, sizeof(struct image *));
	return pool;
}

void image_pool_destroy(struct image_pool *pool)
{
	if (!pool)
		return;
	for (int i = 0; i < pool->n_made; i++) {
		free(pool->image[i]->pixels);
		free(pool->image[i]);
	}
	free(pool->image);
	pthread_cond_destroy(&pool->came_back);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Their memory is taken when it is needed: a fast sink never asks for the last ones. */
static struct image *image_make(struct image_pool *pool)
{
	struct image *img = xcalloc(1, sizeof(*img));
	void *pixels;

	img->width = pool->width;
	img->height = pool->height;
	img->stride_bytes = ((size_t)pool->width + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
	img->pool = pool;
	if (posix_memalign(&pixels, ROW_ALIGN, img->stride_bytes * img->height))
		pixels = xmalloc(SIZE_MAX); /* says so and ends */
	img->pixels = pixels;
	pool->image[pool->n_made++] = img;
	return img;
}

struct image *image_get(struct image_pool *pool)
{
	struct image *img;

	pthread_mutex_lock(&pool->lock);
	while (!pool->free && pool->n_made == pool->n_images)
		pthread_cond_wait(&pool->came_back, &pool->lock);
	img = pool->free;
	if (img)
		pool->free = img->next_free;
	else
		img = image_make(pool);
	img->next_free = NULL;
	img->refs = 1;
	pthread_mutex_unlock(&pool->lock);
	return img;
}

struct image *image_ref(struct image *img)
{
	pthread_mutex_lock(&img->pool->lock);
	img->refs++;
	pthread_mutex_unlock(&img->pool->lock);
	return img;
}

void image_unref(struct image *img)
{
	struct image_pool *pool = img->pool;

	pthread_mutex_lock(&pool->lock);
	if (--img->refs == 0) {
		img->next_free = pool->free;
		pool->free = img;
		pthread_cond_signal(&pool->came_back);
	}
	pthread_mutex_unlock(&pool->lock);
}

void image_clear(struct image *img, uint32_t rgb)
{
	colours_clear(&img->colours);
	memset(img->pixels, colours_number(&img->colours, rgb), img->stride_bytes * img->height);
}

void image_line(struct image *img, uint32_t rgb, int x, int y, int width)
{
	int from = x < 0 ? 0 : x, to = x + width < img->width ? x + width : img->width;

	if (y >= 0 && y < img->height && from < to)
		memset(image_row(img, y) + from, colours_number(&img->colours, rgb), to - from);
}
