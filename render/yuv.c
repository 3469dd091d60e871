#include "render/yuv.h"

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

void yuv_from_image(const struct yuv *yuv, const struct image *img)
{
	const size_t *stride = yuv->stride_bytes;

	for (int y = 0; y < img->height; y += 2) {
		const uint32_t *upper = image_row(img, y), *lower = image_row(img, y + 1);

		luma_row(yuv->plane[YUV_Y] + y * stride[YUV_Y], upper, img->width);
		luma_row(yuv->plane[YUV_Y] + (y + 1) * stride[YUV_Y], lower, img->width);
		chroma_row(yuv->plane[YUV_CB] + y / 2 * stride[YUV_CB],
			   yuv->plane[YUV_CR] + y / 2 * stride[YUV_CR], (const uint64_t *)upper,
			   (const uint64_t *)lower, img->width / 2);
	}
}
