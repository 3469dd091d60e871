#include "render/indexed.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "render/per_processor.h"

/* A drawn picture has some thousands; one with more is read again with fewer bits each. */
#define SHADES_MAX   (1 << 14)
#define TABLE_SIZE   (1 << 16)
#define PIXELS_HEAVY 4095 /* more of one colour count as so many, so that products fit 32 bits */

/* A colour of the image, numbered in order of first sight; columns, for the vector loops. */
struct indexed_scratch {
	uint32_t rgb[SHADES_MAX];
	uint64_t pixels[SHADES_MAX], flat[SHADES_MAX];
	uint32_t weight[SHADES_MAX], distance[SHADES_MAX], nearest[SHADES_MAX];
	uint32_t n;
	uint32_t mask;		    /* bits of a colour that count */
	uint16_t table[TABLE_SIZE]; /* number + 1; 0 is empty */
	uint16_t *shade;	    /* of each pixel */
	size_t n_pixels;
	int *repeats; /* of each row: how many like it follow */
	int n_rows;
};

void indexed_deinit(struct indexed *ix)
{
	if (ix->scratch) {
		free(ix->scratch->shade);
		free(ix->scratch->repeats);
	}
	free(ix->scratch);
	free(ix->pixels);
	*ix = (struct indexed){0};
}

static void make_room(struct indexed *ix, const struct image *img)
{
	size_t n = (size_t)img->width * img->height;
	struct indexed_scratch *s = ix->scratch;

	if (!s)
		ix->scratch = s = xcalloc(1, sizeof(*s));
	if (s->n_pixels != n) {
		s->shade = xreallocarray(s->shade, n, sizeof(*s->shade));
		ix->pixels = xreallocarray(ix->pixels, n, 1);
		s->n_pixels = n;
	}
	if (s->n_rows != img->height) {
		s->repeats = xreallocarray(s->repeats, img->height, sizeof(*s->repeats));
		s->n_rows = img->height;
	}
	ix->width = img->width;
	ix->height = img->height;
}

/* The number of a colour, or -1 where there are too many. */
static int shade_of(struct indexed_scratch *s, uint32_t rgb)
{
	uint32_t at = (rgb * 0x9e3779b1u) >> 16;

	for (; s->table[at]; at = (at + 1) % TABLE_SIZE)
		if (s->rgb[s->table[at] - 1] == rgb)
			return s->table[at] - 1;
	if (s->n == SHADES_MAX)
		return -1;
	s->rgb[s->n] = rgb;
	s->pixels[s->n] = s->flat[s->n] = 0;
	s->table[at] = ++s->n;
	return s->n - 1;
}

/* Counts a row that stands there 1 + repeats times, below `above`. */
static bool scan_row(struct indexed_scratch *s, const uint32_t *row, const uint32_t *above,
		     uint16_t *shade, int width, int repeats)
{
	for (int x = 0, end; x < width; x = end) {
		uint32_t rgb = row[x] & s->mask;
		int id = shade_of(s, rgb);
		bool flat_above;

		if (id < 0)
			return false;
		for (end = x; end < width && (row[end] & s->mask) == rgb; end++)
			shade[end] = id;
		s->pixels[id] += (uint64_t)(end - x) * (1 + repeats);
		if (end - x < 2)
			continue;
		flat_above =
		    above && (above[x] & s->mask) == rgb && (above[end - 1] & s->mask) == rgb;
		s->flat[id] += (uint64_t)(end - x) * (flat_above + repeats);
	}
	return true;
}

static bool scan(struct indexed_scratch *s, const struct image *img, uint32_t mask)
{
	size_t row_bytes = img->width * sizeof(uint32_t);
	int repeats;

	s->n = 0;
	s->mask = mask;
	memset(s->table, 0, sizeof(s->table));
	for (int y = 0; y < img->height; y += 1 + repeats) {
		const uint32_t *row = image_row(img, y);

		for (repeats = 0; y + 1 + repeats < img->height; repeats++)
			if (memcmp(row, image_row(img, y + 1 + repeats), row_bytes))
				break;
		s->repeats[y] = repeats;
		if (!scan_row(s, row, y ? image_row(img, y - 1) : NULL,
			      s->shade + (size_t)y * img->width, img->width, repeats))
			return false;
	}
	return true;
}

/*
 * Takes note that `rgb` is colour `index` of the table, and returns the harm of the worst off.
 * Green counts most, as to the eye.
 */
PER_PROCESSOR
static uint32_t bring_near(struct indexed_scratch *s, uint32_t rgb, uint32_t index)
{
	int32_t r0 = rgb >> 16 & 0xff, g0 = rgb >> 8 & 0xff, b0 = rgb & 0xff;
	uint32_t worst = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		int32_t r = (int32_t)(s->rgb[i] >> 16 & 0xff) - r0;
		int32_t g = (int32_t)(s->rgb[i] >> 8 & 0xff) - g0;
		int32_t b = (int32_t)(s->rgb[i] & 0xff) - b0;
		uint32_t d = 2 * r * r + 4 * g * g + b * b;
		bool nearer = d < s->distance[i];
		uint32_t harm;

		d = nearer ? d : s->distance[i];
		s->distance[i] = d;
		s->nearest[i] = nearer ? index : s->nearest[i];
		harm = d * s->weight[i];
		worst = harm > worst ? harm : worst;
	}
	return worst;
}

struct flat {
	uint64_t pixels;
	uint32_t rgb;
};

static int compare_flat(const void *pa, const void *pb)
{
	const struct flat *a = pa, *b = pb;

	if (a->pixels != b->pixels)
		return a->pixels > b->pixels ? -1 : 1;
	return (a->rgb > b->rgb) - (a->rgb < b->rgb);
}

static uint32_t take_flat(struct indexed *ix, unsigned max_colours)
{
	struct indexed_scratch *s = ix->scratch;
	struct flat *flat = xreallocarray(NULL, s->n, sizeof(*flat));
	unsigned n = 0;
	uint32_t worst = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->flat[i])
			flat[n++] = (struct flat){.pixels = s->flat[i], .rgb = s->rgb[i]};
	qsort(flat, n, sizeof(*flat), compare_flat);
	if (n > max_colours - max_colours / 4)
		n = max_colours - max_colours / 4;
	if (!n)
		flat[n++].rgb = s->rgb[0];
	for (unsigned i = 0; i < n; i++) {
		worst = bring_near(s, flat[i].rgb, i);
		ix->colour[i] = flat[i].rgb;
	}
	ix->n_colours = n;
	free(flat);
	return worst;
}

static void choose(struct indexed *ix, unsigned max_colours)
{
	struct indexed_scratch *s = ix->scratch;
	uint32_t worst, i;

	for (i = 0; i < s->n; i++) {
		s->weight[i] = s->pixels[i] < PIXELS_HEAVY ? s->pixels[i] : PIXELS_HEAVY;
		s->distance[i] = UINT32_MAX;
	}
	worst = take_flat(ix, max_colours);
	while (worst && ix->n_colours < max_colours) {
		for (i = 0; s->distance[i] * s->weight[i] != worst; i++)
			;
		ix->colour[ix->n_colours] = s->rgb[i];
		worst = bring_near(s, s->rgb[i], ix->n_colours++);
	}
}

static void choose_all(struct indexed *ix)
{
	struct indexed_scratch *s = ix->scratch;

	for (uint32_t i = 0; i < s->n; i++) {
		ix->colour[i] = s->rgb[i];
		s->nearest[i] = i;
	}
	ix->n_colours = s->n;
}

static void map_pixels(struct indexed *ix)
{
	const struct indexed_scratch *s = ix->scratch;
	size_t width = ix->width;
	int repeats;

	for (int y = 0; y < ix->height; y += 1 + repeats) {
		uint8_t *row = ix->pixels + y * width;

		for (size_t x = 0; x < width; x++)
			row[x] = s->nearest[s->shade[y * width + x]];
		repeats = s->repeats[y];
		for (int i = 1; i <= repeats; i++)
			memcpy(row + i * width, row, width);
	}
}

void indexed_make(struct indexed *ix, const struct image *img, unsigned max_colours)
{
	make_room(ix, img);
	ix->exact = scan(ix->scratch, img, 0xffffff);
	/* 4 bits of each primary cannot be too many. */
	if (!ix->exact && !scan(ix->scratch, img, 0xfcfcfc) && !scan(ix->scratch, img, 0xf8f8f8))
		scan(ix->scratch, img, 0xf0f0f0);
	if (ix->scratch->n <= max_colours) {
		choose_all(ix);
	} else {
		ix->exact = false;
		choose(ix, max_colours);
	}
	map_pixels(ix);
}
