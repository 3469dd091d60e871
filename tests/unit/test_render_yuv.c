#include "render/yuv.h"
#include "tests/test.h"

/* BT.709 in whole numbers: 10,000 and 255 are the denominators of the standard's weights. */
static int round_div(int64_t a, int64_t b)
{
	return (2 * a + b) / (2 * b);
}

static int exact_y(int64_t r, int64_t g, int64_t b)
{
	return round_div(16 * 2550000 + 219 * (2126 * r + 7152 * g + 722 * b), 2550000);
}

/* Sums of four pixels; 1.8556 and 1.5748 are 2 × (1 − the weight). */
static int exact_cb(int64_t r, int64_t g, int64_t b)
{
	int64_t d = 4 * 255 * 18556ll;

	return round_div(128 * d + 224 * (10000 * b - 2126 * r - 7152 * g - 722 * b), d);
}

static int exact_cr(int64_t r, int64_t g, int64_t b)
{
	int64_t d = 4 * 255 * 15748ll;

	return round_div(128 * d + 224 * (10000 * r - 2126 * r - 7152 * g - 722 * b), d);
}

#define SIDE 256
/* Strides of the planes that are no multiple of anything. */
#define STRIDE_Y (SIDE + 7)
#define STRIDE_C (SIDE / 2 + 3)

static uint8_t plane_y[SIDE * STRIDE_Y], plane_cb[SIDE * STRIDE_C], plane_cr[SIDE * STRIDE_C];
static const struct yuv yuv = {.plane = {plane_y, plane_cb, plane_cr},
			       .stride_bytes = {STRIDE_Y, STRIDE_C, STRIDE_C}};

static uint32_t random_u32(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static unsigned deviation(int a, int b)
{
	return a > b ? a - b : b - a;
}

static uint32_t colour_at(const struct image *img, int x, int y)
{
	return img->colours.rgb[image_row(img, y)[x]];
}

/* Of the Y of all pixels and the chroma of all fours: how many differ from the exact value. */
static void compare(const struct image *img, unsigned *wrong, unsigned *worst)
{
	for (int y = 0; y < img->height; y++) {
		for (int x = 0; x < img->width; x++) {
			uint32_t c = colour_at(img, x, y);
			unsigned d = deviation(plane_y[y * STRIDE_Y + x],
					       exact_y(c >> 16 & 255, c >> 8 & 255, c & 255));

			*wrong += d > 0;
			*worst = d > *worst ? d : *worst;
		}
	}
	for (int y = 0; y < img->height; y += 2) {
		for (int x = 0; x < img->width; x += 2) {
			int r = 0, g = 0, b = 0, at = y / 2 * STRIDE_C + x / 2;
			uint32_t four[4] = {colour_at(img, x, y), colour_at(img, x + 1, y),
					    colour_at(img, x, y + 1), colour_at(img, x + 1, y + 1)};
			unsigned d;

			for (int i = 0; i < 4; i++) {
				r += four[i] >> 16 & 255;
				g += four[i] >> 8 & 255;
				b += four[i] & 255;
			}
			d = deviation(plane_cb[at], exact_cb(r, g, b));
			*wrong += d > 0;
			*worst = d > *worst ? d : *worst;
			d = deviation(plane_cr[at], exact_cr(r, g, b));
			*wrong += d > 0;
			*worst = d > *worst ? d : *worst;
		}
	}
}

/* All 16.7 million, a table after the other; each fills a block of 2×2 and shows Y, Cb and Cr. */
TEST(every_colour_is_exact_up_to_ties)
{
	struct image_pool *pool = image_pool_create(32, 32, 1);
	struct image *img = image_get(pool);
	unsigned wrong = 0, worst = 0;

	for (uint32_t first = 0; first < 1 << 24; first += COLOURS_MAX) {
		colours_clear(&img->colours);
		for (int i = 0; i < 32 * 32; i++) {
			int x = i % 32, y = i / 32;
			uint32_t c = first + y / 2 * 16 + x / 2;

			/* The top byte means nothing. */
			image_row(img, y)[x] = colours_number(&img->colours, c | (c << 24));
		}
		yuv_from_image(&yuv, img);
		compare(img, &wrong, &worst);
	}
	printf("# %u of %u values differ\n", wrong, (1u << 24) * 6);
	CHECK(worst <= 1);
	CHECK(wrong < (1 << 24) / 1000);
	image_unref(img);
	image_pool_destroy(pool);
}

static void random_colours(struct image *img)
{
	colours_clear(&img->colours);
	while (img->colours.n < COLOURS_MAX)
		colours_number(&img->colours, random_u32());
}

TEST(random_fours_are_exact_up_to_ties)
{
	struct image_pool *pool = image_pool_create(SIDE, SIDE, 1);
	struct image *img = image_get(pool);
	unsigned wrong = 0, worst = 0;

	for (int round = 0; round < 100; round++) {
		random_colours(img);
		for (size_t i = 0; i < img->stride_bytes * SIDE; i++)
			img->pixels[i] = random_u32();
		yuv_from_image(&yuv, img);
		compare(img, &wrong, &worst);
	}
	printf("# %u of %u values differ\n", wrong, SIDE * SIDE * 150);
	CHECK(worst <= 1);
	CHECK(wrong < SIDE * SIDE * 150 / 1000);
	image_unref(img);
	image_pool_destroy(pool);
}

/*
 * As films are: boxes whose edges may be odd, rows like those above but for a pixel, runs that end
 * anywhere in the eight columns that are taken at once.
 */
TEST(flat_places_and_repeated_rows_are_exact)
{
	struct image_pool *pool = image_pool_create(200, SIDE, 1);
	struct image *img = image_get(pool);
	unsigned wrong = 0, worst = 0;

	for (int round = 0; round < 100; round++) {
		random_colours(img);
		for (int y = 0; y < SIDE; y++) {
			uint8_t *row = image_row(img, y);

			if (y && random_u32() % 4) {
				memcpy(row, row - img->stride_bytes, 200);
				if (random_u32() % 2)
					row[random_u32() % 200] ^= 1;
				continue;
			}
			for (int x = 0, n; x < 200; x += n) {
				n = 1 + random_u32() % 40;
				n = n > 200 - x ? 200 - x : n;
				memset(row + x, random_u32(), n);
			}
		}
		memset(plane_y, 7, sizeof(plane_y));
		yuv_from_image(&yuv, img);
		compare(img, &wrong, &worst);
	}
	CHECK(worst <= 1);
	CHECK(wrong < SIDE * 200 * 150 / 1000);
	image_unref(img);
	image_pool_destroy(pool);
}

TEST(grey_has_no_colour_and_ends_are_the_limits)
{
	struct image_pool *pool = image_pool_create(2, 2, 1);
	struct image *img = image_get(pool);

	for (uint32_t grey = 0; grey < 256; grey++) {
		image_clear(img, grey * 0x010101);
		yuv_from_image(&yuv, img);
		CHECK_EQ(plane_cb[0], 128);
		CHECK_EQ(plane_cr[0], 128);
		if (grey == 0)
			CHECK_EQ(plane_y[0], 16);
		if (grey == 255)
			CHECK_EQ(plane_y[0], 235);
	}
	image_unref(img);
	image_pool_destroy(pool);
}

/* Sizes that fill no vector, and bytes beyond the rows that are not ours. */
TEST(nothing_is_written_beyond_the_image)
{
	for (int width = 2; width <= 70; width += 2) {
		struct image_pool *pool = image_pool_create(width, 4, 1);
		struct image *img = image_get(pool);
		unsigned wrong = 0, worst = 0;

		random_colours(img);
		for (size_t i = 0; i < img->stride_bytes * 4; i++)
			img->pixels[i] = random_u32();
		memset(plane_y, 7, sizeof(plane_y));
		memset(plane_cb, 7, sizeof(plane_cb));
		memset(plane_cr, 7, sizeof(plane_cr));
		yuv_from_image(&yuv, img);
		compare(img, &wrong, &worst);
		CHECK(worst <= 1);
		for (int y = 0; y < 4; y++)
			for (int x = width; x < STRIDE_Y; x++)
				CHECK_EQ(plane_y[y * STRIDE_Y + x], 7);
		for (int y = 0; y < 2; y++)
			for (int x = width / 2; x < STRIDE_C; x++)
				CHECK(plane_cb[y * STRIDE_C + x] == 7 &&
				      plane_cr[y * STRIDE_C + x] == 7);
		image_unref(img);
		image_pool_destroy(pool);
	}
}

TEST_MAIN()
