#include "render/png.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/xalloc.h"

#define LEVEL	  4 /* a fifth smaller than 3, and 6 takes twice as long */
#define MEM_LEVEL 8 /* smaller tables stay in the cache: quicker than 9, and smaller files too */

struct png_state {
	z_stream zlib;
	bool zlib_ready;
};

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

/* The length is filled in by chunk_end(). */
static size_t chunk_begin(struct strbuf *file, const char type[4])
{
	size_t start = file->len;

	strbuf_add(file, "\0\0\0", 4);
	strbuf_add(file, type, 4);
	return start;
}

static void chunk_end(struct strbuf *file, size_t start)
{
	const uint8_t *type = (uint8_t *)file->data + start + 4;
	uint32_t size = file->len - start - 8;
	uint8_t crc[4];

	put_u32((uint8_t *)file->data + start, size);
	put_u32(crc, crc32(0, type, size + 4));
	strbuf_add(file, crc, 4);
}

static void chunk(struct strbuf *file, const char type[4], const void *data, size_t size)
{
	size_t start = chunk_begin(file, type);

	strbuf_add(file, data, size);
	chunk_end(file, start);
}

/* tEXt is Latin-1; what is more than ASCII goes into iTXt, which is UTF-8. */
static void add_text(struct strbuf *file, const struct png_text *text)
{
	bool ascii = true;
	size_t start;

	for (const char *p = text->text; *p; p++)
		ascii &= (unsigned char)*p < 0x80;
	start = chunk_begin(file, ascii ? "tEXt" : "iTXt");
	strbuf_add(file, text->keyword, strlen(text->keyword) + 1);
	if (!ascii)
		strbuf_add(file, "\0\0\0", 4); /* not compressed, no language, no translation */
	strbuf_adds(file, text->text);
	chunk_end(file, start);
}

static void add_header(struct strbuf *file, const struct image *img)
{
	uint8_t header[13] = {[8] = 8, [9] = 3}, palette[COLOURS_MAX * 3];

	strbuf_add(file, "\x89PNG\r\n\x1a\n", 8);
	put_u32(header, img->width);
	put_u32(header + 4, img->height);
	chunk(file, "IHDR", header, sizeof(header));
	chunk(file, "sRGB", "\0", 1); /* perceptual */
	for (unsigned i = 0; i < img->colours.n; i++) {
		palette[3 * i] = img->colours.rgb[i] >> 16;
		palette[3 * i + 1] = img->colours.rgb[i] >> 8;
		palette[3 * i + 2] = img->colours.rgb[i];
	}
	chunk(file, "PLTE", palette, 3 * img->colours.n);
}

/* `out` has room for the bound, so that each call takes all its input. */
static int deflate_rows(z_stream *z, const struct image *img, uint8_t *out, size_t room)
{
	static const uint8_t filter_none;

	z->next_out = out;
	z->avail_out = room;
	for (int y = 0; y < img->height; y++) {
		z->next_in = (uint8_t *)&filter_none;
		z->avail_in = 1;
		if (deflate(z, Z_NO_FLUSH) != Z_OK)
			return -EIO;
		z->next_in = image_row(img, y);
		z->avail_in = img->width;
		if (deflate(z, Z_NO_FLUSH) != Z_OK)
			return -EIO;
	}
	return deflate(z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
}

static int add_pixels(struct strbuf *file, struct png_state *state, const struct image *img)
{
	z_stream *z = &state->zlib;
	size_t start = chunk_begin(file, "IDAT");
	size_t room, at = file->len;
	int err;

	if (!state->zlib_ready) {
		if (deflateInit2(z, LEVEL, Z_DEFLATED, MAX_WBITS, MEM_LEVEL, Z_DEFAULT_STRATEGY))
			return -ENOMEM;
		state->zlib_ready = true;
	} else {
		deflateReset(z);
	}
	room = deflateBound(z, (size_t)img->height * (img->width + 1));
	file->data = xgrow(file->data, &file->cap, at + room + 1, 1);
	err = deflate_rows(z, img, (uint8_t *)file->data + at, room);
	file->len = at + room - z->avail_out;
	chunk_end(file, start);
	return err;
}

int png_encode(struct png *png, const struct image *img, const struct png_text *text,
	       size_t n_texts)
{
	int err;

	if (!png->state)
		png->state = xcalloc(1, sizeof(*png->state));
	strbuf_clear(&png->file);
	add_header(&png->file, img);
	for (size_t i = 0; i < n_texts; i++)
		add_text(&png->file, &text[i]);
	err = add_pixels(&png->file, png->state, img);
	if (err)
		return err;
	chunk(&png->file, "IEND", NULL, 0);
	return 0;
}

void png_deinit(struct png *png)
{
	strbuf_deinit(&png->file);
	if (png->state && png->state->zlib_ready)
		deflateEnd(&png->state->zlib);
	free(png->state);
	png->state = NULL;
}
