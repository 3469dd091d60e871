/*
 * Our PNG of a drawn 1080p image against cairo's, in time and in bytes; each figure is a median,
 * and both are measured in turns, so that other work on the machine meets both.
 */
#include "render/indexed.h"
#include "render/png.h"
#include "tests/bench/picture.h"

#define ROUNDS 15

static cairo_status_t count_bytes(void *sum, const unsigned char *data, unsigned size)
{
	(void)data;
	*(size_t *)sum += size;
	return CAIRO_STATUS_SUCCESS;
}

int main(void)
{
	struct image_pool *pool = image_pool_create(1920, 1080, 1);
	struct image *img = image_get(pool);
	struct png png = {0};
	struct indexed ix = {0};
	double ours_ms[ROUNDS], cairo_ms[ROUNDS], indexed_ms[ROUNDS];
	size_t cairo_bytes = 0;

	picture_draw(img, 0);
	for (int i = 0; i < ROUNDS; i++) {
		cairo_surface_t *surface = picture_surface(img);
		double start = bench_now_ms();

		cairo_bytes = 0;
		cairo_surface_write_to_png_stream(surface, count_bytes, &cairo_bytes);
		cairo_ms[i] = bench_now_ms() - start;
		cairo_surface_destroy(surface);
		start = bench_now_ms();
		if (png_encode(&png, img, NULL, 0))
			return 1;
		ours_ms[i] = bench_now_ms() - start;
		start = bench_now_ms();
		indexed_make(&ix, img, 256);
		indexed_ms[i] = bench_now_ms() - start;
	}
	bench_row("PNG 1080p", bench_median(ours_ms, ROUNDS), "ms", "");
	bench_row("PNG 1080p: its palette", bench_median(indexed_ms, ROUNDS), "ms", "");
	bench_row("PNG 1080p: time", bench_median(ours_ms, ROUNDS) / bench_median(cairo_ms, ROUNDS),
		  "x cairo", "<= 0.2");
	bench_row("PNG 1080p: bytes", (double)png.file.len / cairo_bytes, "x cairo", "<= 0.5");
	png_deinit(&png);
	indexed_deinit(&ix);
	image_unref(img);
	image_pool_destroy(pool);
	return 0;
}
