#ifndef RENDER_INDEXED_H
#define RENDER_INDEXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/image.h"

/*
 * An image as a table of at most 256 colours and one byte per pixel, for formats that keep such.
 *
 * With no more colours than the table holds it is exact. A picture with labels has more, since each
 * fill and each degree of antialiasing make a shade. Then:
 *
 *	1. Colours of flat places (a pixel whose neighbours beside and above have it too) come in
 *	   exactly, the largest first, up to three quarters of the table.
 *	2. The rest of the table is filled one by one with the colour that now does the most harm:
 *	   its pixels times the square of its distance to the nearest colour chosen so far.
 *	3. Every other pixel takes the nearest colour, the earlier one of equals.
 *
 * Only integers, and no order that could depend on anything but the pixels: the same image gives
 * the same bytes on every machine.
 *
 * Zero-initialise it, use it for any number of images, deinit it at the end; it keeps its memory.
 * One thread at a time.
 */
struct indexed {
	uint32_t colour[256]; /* 0x00RRGGBB */
	unsigned n_colours;
	bool exact;
	uint8_t *pixels; /* rows of `width` bytes, without a gap */
	int width, height;
	struct indexed_scratch *scratch;
};

void indexed_deinit(struct indexed *ix);

/* 2 ≤ max_colours ≤ 256. */
void indexed_make(struct indexed *ix, const struct image *img, unsigned max_colours);

#endif
