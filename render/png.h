#ifndef RENDER_PNG_H
#define RENDER_PNG_H

#include <stddef.h>

#include "base/strbuf.h"
#include "render/image.h"

/*
 * One image as a PNG file in memory (PNG specification, 2nd edition = ISO/IEC 15948): 8 bits a
 * pixel with the image's own table of colours as palette, filter 0, sRGB, and texts. Flame graphs
 * are flat, so that a palette and a quick deflate are both the fastest and among the smallest; the
 * level was measured in tests/bench/bench_png.c.
 *
 *	struct png png = {0};
 *	err = png_encode(&png, img, text, n_texts);
 *	... write png.file ...			valid until the next call
 *	png_deinit(&png);
 *
 * It keeps its memory from image to image. One thread at a time. The bytes depend on the image, the
 * texts and zlib's version alone.
 */
struct png {
	struct strbuf file;
	struct png_state *state;
};

/* A keyword of 1 to 79 ASCII letters (11.3.4.2), and UTF-8 of any length. */
struct png_text {
	const char *keyword, *text;
};

/* 0, or -ENOMEM from zlib. */
int png_encode(struct png *png, const struct image *img, const struct png_text *text,
	       size_t n_texts);
void png_deinit(struct png *png);

#endif
