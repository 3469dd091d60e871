/*
 * Our PNG of a drawn 1080p image against cairo's, in time and in bytes; each figure is a median,
 * and both are measured in turns, so that other work on the machine meets both.
 */
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
	struct text *text = text_create(false);
	double ours_ms[ROUNDS], cairo_ms[ROUNDS];
	size_t cairo_bytes = 0;

	picture_draw(text, img, 0);
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
	}
	bench_row("PNG 1080p", bench_median(ours_ms, ROUNDS), "ms", "");
	bench_row("PNG 1080p: colours", img->colours.n, "", "");
	bench_row("PNG 1080p: time", bench_median(ours_ms, ROUNDS) / bench_median(cairo_ms, ROUNDS),
		  "x cairo", "<= 0.2");
	bench_row("PNG 1080p: bytes", (double)png.file.len / cairo_bytes, "x cairo", "<= 0.5");
	png_deinit(&png);
	text_destroy(text);
	image_unref(img);
	image_pool_destroy(pool);
	return 0;
}
