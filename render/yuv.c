#include "render/yuv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* What each colour of an image becomes. */
struct tables {
	uint8_t y[COLOURS_MAX], cb[COLOURS_MAX], cr[COLOURS_MAX];
	/* What one of four pixels brings to their chroma; modulo 2^32, for the terms may be
	 * negative while the sum with the offset never is. */
	uint32_t cb_part[COLOURS_MAX], cr_part[COLOURS_MAX];
};

static void make_tables(struct tables *t, const struct colours *colours)
{
	for (unsigned i = 0; i < colours->n; i++) {
		uint32_t rgb = colours->rgb[i];
		uint32_t r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;

		t->y[i] = (FIXED(LUMA * KR) * r + FIXED(LUMA * KG) * g + FIXED(LUMA * KB) * b +
			   OFFSET(16)) >>
			  SHIFT;
		t->cb_part[i] = CB_R * r - (CB_R + CB_B) * g + CB_B * b;
		t->cr_part[i] = CR_R * r - (CR_R + CR_B) * g + CR_B * b;
		t->cb[i] = (4 * t->cb_part[i] + OFFSET(128)) >> SHIFT;
		t->cr[i] = (4 * t->cr_part[i] + OFFSET(128)) >> SHIFT;
	}
}

/* Two rows of an image, and where they go. */
struct pair {
	const uint8_t *upper, *lower;
	uint8_t *y_upper, *y_lower, *cb, *cr;
};

static inline void convert_four(const struct tables *t, const struct pair *p, size_t x)
{
	uint8_t a = p->upper[x], b = p->upper[x + 1], c = p->lower[x], d = p->lower[x + 1];

	p->y_upper[x] = t->y[a];
	p->y_upper[x + 1] = t->y[b];
	p->y_lower[x] = t->y[c];
	p->y_lower[x + 1] = t->y[d];
	p->cb[x / 2] =
	    (t->cb_part[a] + t->cb_part[b] + t->cb_part[c] + t->cb_part[d] + OFFSET(128)) >> SHIFT;
	p->cr[x / 2] =
	    (t->cr_part[a] + t->cr_part[b] + t->cr_part[c] + t->cr_part[d] + OFFSET(128)) >> SHIFT;
}

static inline uint64_t load_8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t all_8(uint8_t v)
{
	return v * UINT64_C(0x0101010101010101);
}

static inline void fill_8(const struct tables *t, const struct pair *p, size_t x, uint8_t colour)
{
	uint64_t y = all_8(t->y[colour]), cb = all_8(t->cb[colour]), cr = all_8(t->cr[colour]);

	memcpy(p->y_upper + x, &y, 8);
	memcpy(p->y_lower + x, &y, 8);
	memcpy(p->cb + x / 2, &cb, 4);
	memcpy(p->cr + x / 2, &cr, 4);
}

static inline void copy_8(const struct pair *to, const struct pair *from, size_t x)
{
	memcpy(to->y_upper + x, from->y_upper + x, 8);
	memcpy(to->y_lower + x, from->y_lower + x, 8);
	memcpy(to->cb + x / 2, from->cb + x / 2, 4);
	memcpy(to->cr + x / 2, from->cr + x / 2, 4);
}

/*
 * Eight columns at once where they have one colour, which most have, or what the rows above have,
 * which edges of boxes do. above: NULL for the first pair.
 */
static void convert_pair(const struct tables *t, const struct pair *p, const struct pair *above,
			 size_t n)
{
	size_t x = 0;

	for (; x + 8 <= n; x += 8) {
		uint64_t flat = all_8(p->upper[x]);
		uint64_t upper = load_8(p->upper + x), lower = load_8(p->lower + x);

		if (upper == flat && lower == flat)
			fill_8(t, p, x, p->upper[x]);
		else if (above && upper == load_8(above->upper + x) &&
			 lower == load_8(above->lower + x))
			copy_8(p, above, x);
		else
			for (size_t i = 0; i < 8; i += 2)
				convert_four(t, p, x + i);
	}
	for (; x < n; x += 2)
		convert_four(t, p, x);
}

static struct pair pair_at(const struct yuv *yuv, const struct image *img, int y)
{
	const size_t *stride = yuv->stride_bytes;

	return (struct pair){.upper = image_row(img, y),
			     .lower = image_row(img, y + 1),
			     .y_upper = yuv->plane[YUV_Y] + y * stride[YUV_Y],
			     .y_lower = yuv->plane[YUV_Y] + (y + 1) * stride[YUV_Y],
			     .cb = yuv->plane[YUV_CB] + y / 2 * stride[YUV_CB],
			     .cr = yuv->plane[YUV_CR] + y / 2 * stride[YUV_CR]};
}

static bool same_pair(const struct pair *a, const struct pair *b, size_t n)
{
	return !memcmp(a->upper, b->upper, n) && !memcmp(a->lower, b->lower, n);
}

static void copy_pair(const struct pair *to, const struct pair *from, size_t n)
{
	memcpy(to->y_upper, from->y_upper, n);
	memcpy(to->y_lower, from->y_lower, n);
	memcpy(to->cb, from->cb, n / 2);
	memcpy(to->cr, from->cr, n / 2);
}

/* Most pairs of rows are like the pair above: the ground, and boxes beside their labels. */
void yuv_from_image(const struct yuv *yuv, const struct image *img)
{
	struct pair above = {0};
	struct tables t = {0};

	make_tables(&t, &img->colours);
	for (int y = 0; y < img->height; y += 2) {
		struct pair p = pair_at(yuv, img, y);

		if (y && same_pair(&p, &above, img->width))
			copy_pair(&p, &above, img->width);
		else
			convert_pair(&t, &p, y ? &above : NULL, img->width);
		above = p;
	}
}
