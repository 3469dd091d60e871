#include "render/yuv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "render/per_processor.h"

#define SHIFT	  24
#define FIXED(x)  ((uint32_t)(int32_t)((x) * (1 << SHIFT) + ((x) < 0 ? -0.5 : 0.5)))
#define OFFSET(x) (((uint32_t)(2 * (x) + 1)) << (SHIFT - 1)) /* with the half for rounding */
#define KR	  0.2126
#define KG	  0.7152
#define KB	  0.0722
#define LUMA	  (219 / 255.0)
#define CHROMA(k) (224 / 255.0 / (2 * (1 - (k))) / 4) /* of a sum of four */
#define CB_R	  FIXED(-CHROMA(KB) * KR)
#define CB_B	  FIXED(CHROMA(KB) * (1 - KB))
#define CR_R	  FIXED(CHROMA(KR) * (1 - KR))
#define CR_B	  FIXED(-CHROMA(KR) * KB)

/* Negative terms wrap around; the sum is never negative. */
static inline uint8_t luma(uint32_t px)
{
	uint32_t r = px >> 16 & 0xff, g = px >> 8 & 0xff, b = px & 0xff;

	return (FIXED(LUMA * KR) * r + FIXED(LUMA * KG) * g + FIXED(LUMA * KB) * b + OFFSET(16)) >>
	       SHIFT;
}

PER_PROCESSOR
static void luma_row(uint8_t *restrict y, const uint32_t *restrict px, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = luma(px[i]);
}

/*
 * The weights of green are what is missing to zero, so that grey has no colour at all. Pairs are
 * taken as 64-bit numbers, which vectors add and halve without a shuffle.
 */
PER_PROCESSOR
static void chroma_row(uint8_t *restrict cb, uint8_t *restrict cr, const uint64_t *restrict upper,
		       const uint64_t *restrict lower, size_t n)
{
	const uint64_t mask = 0x00ff00ff00ff00ff;

	for (size_t i = 0; i < n; i++) {
		uint64_t rb = (upper[i] & mask) + (lower[i] & mask);
		uint64_t g2 = (upper[i] >> 8 & mask) + (lower[i] >> 8 & mask);
		uint32_t rb4 = (uint32_t)rb + (uint32_t)(rb >> 32);
		uint32_t g = ((uint32_t)g2 + (uint32_t)(g2 >> 32)) & 0xffff;
		uint32_t r = rb4 >> 16, b = rb4 & 0xffff;

		cb[i] = (CB_R * r - (CB_R + CB_B) * g + CB_B * b + OFFSET(128)) >> SHIFT;
		cr[i] = (CR_R * r - (CR_R + CR_B) * g + CR_B * b + OFFSET(128)) >> SHIFT;
	}
}

/* Rows y and y + 1 are what the two rows above them are. */
static bool same_pair(const struct image *img, int y)
{
	size_t bytes = img->width * sizeof(uint32_t);

	return !memcmp(image_row(img, y), image_row(img, y - 2), bytes) &&
	       !memcmp(image_row(img, y + 1), image_row(img, y - 1), bytes);
}

/* Row y of a plane is what the row `distance` above it is. */
static void repeat(const struct yuv *yuv, int plane, int y, int distance, int width)
{
	uint8_t *row = yuv->plane[plane] + y * (ptrdiff_t)yuv->stride_bytes[plane];

	memcpy(row, row - distance * (ptrdiff_t)yuv->stride_bytes[plane], width);
}

static void copy_or_luma(const struct yuv *yuv, int y, bool again, const uint32_t *row, int width)
{
	if (again)
		repeat(yuv, YUV_Y, y, 2, width);
	else
		luma_row(yuv->plane[YUV_Y] + y * (ptrdiff_t)yuv->stride_bytes[YUV_Y], row, width);
}

void yuv_from_image(const struct yuv *yuv, const struct image *img)
{
	const size_t *stride = yuv->stride_bytes;

	/*
	 * Most pairs of rows are like the pair above: the ground, and boxes beside their labels. To
	 * find that out and to copy costs a third of converting.
	 */
	for (int y = 0; y < img->height; y += 2) {
		const uint32_t *upper = image_row(img, y), *lower = image_row(img, y + 1);
		bool again = y && same_pair(img, y);

		copy_or_luma(yuv, y, again, upper, img->width);
		copy_or_luma(yuv, y + 1, again, lower, img->width);
		if (again) {
			repeat(yuv, YUV_CB, y / 2, 1, img->width / 2);
			repeat(yuv, YUV_CR, y / 2, 1, img->width / 2);
			continue;
		}
		chroma_row(yuv->plane[YUV_CB] + y / 2 * stride[YUV_CB],
			   yuv->plane[YUV_CR] + y / 2 * stride[YUV_CR], (const uint64_t *)upper,
			   (const uint64_t *)lower, img->width / 2);
	}
}
