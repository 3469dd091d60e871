#ifndef RENDER_YUV_H
#define RENDER_YUV_H

#include <stddef.h>
#include <stdint.h>

#include "render/image.h"

/*
 * From an image to Y'CbCr 4:2:0, 8 bits, limited range, by ITU-R BT.709 (items 3.2 to 3.4),
 * with R, G, B in 0…255:
 *
 *	Y  =  16 + 219/255 · (0.2126 R + 0.7152 G + 0.0722 B)
 *	Cb = 128 + 224/255 · (B − Y') / 1.8556
 *	Cr = 128 + 224/255 · (R − Y') / 1.5748
 *	     where Y' = 0.2126 R + 0.7152 G + 0.0722 B
 *
 * rounded to the nearest, chroma from the sum of 2×2 pixels without rounding in between, so that
 * its place is the middle of the four (what MPEG calls "center" and YUV4MPEG2 "420jpeg").
 * Fixed point with 24 binary places: where the exact value lies within 2^-12 of a half, the other
 * neighbour may come out; that is the only deviation. Integers alone, so that every processor
 * gives the same bytes.
 */

enum { YUV_Y, YUV_CB, YUV_CR, YUV_PLANES };

struct yuv {
	uint8_t *plane[YUV_PLANES]; /* Y has the image's size, the others half of it each way */
	size_t stride_bytes[YUV_PLANES];
};

/* Writes the planes, which the caller has. */
void yuv_from_image(const struct yuv *yuv, const struct image *img);

#endif
