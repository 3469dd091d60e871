#include "render/text.h"

#include <errno.h>
#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_ADVANCES_H
#include FT_OUTLINE_H
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "render/core/palette.h"

extern const uint8_t font_regular[], font_regular_end[], font_bold[], font_bold_end[];

#define EM	      4096 /* of struct advances */
#define N_FACES	      2
#define MAX_FALLBACKS 16
/* From the ground, 0, to the ink: with n fills a picture has about 7 n colours. */
#define SHADES 8
#define INK    (SHADES - 1)

/* "▸" joins names, and is missing in many faces: there it is "▶" at 5/8 of its size. */
#define SMALL_TRIANGLE 0x25b8
#define TRIANGLE       0x25b6

struct glyph {
	uint64_t key;
	int left, top, width, rows; /* px, relative to pen and baseline */
	uint8_t *shade;		    /* width × rows, 0 … INK */
	struct span *span;	    /* where there is ink: most of a glyph has none */
	int n_spans;
};

struct span {
	short row, from, to;
};

/*
 * What the colours of an image become under the ink of the text that is being drawn: colour p
 * under shade s becomes of[p][s]. Made when a pixel of that colour is met; it counts where
 * turn[p] is the text's.
 */
struct ramps {
	uint32_t turn[COLOURS_MAX];
	uint8_t of[COLOURS_MAX][SHADES];
};

struct text {
	FT_Library lib;
	FT_Face face[N_FACES + MAX_FALLBACKS];
	int n_faces;
	bool system_fonts;
	FcConfig *fonts;
	struct advances advances[N_FACES];
	uint16_t digit_shift[N_FACES][10]; /* to the middle of its cell, 1/4096 em */
	uint8_t face_of[0x10000];	   /* 0: not asked yet; else face + 1 */
	struct glyph *glyph;
	size_t n_glyphs, cap_glyphs;
	struct index ix;
	struct ramps ramps;
	uint32_t turn;
};

static uint16_t advance_of(FT_Face face, FT_UInt index)
{
	FT_Fixed advance;

	if (FT_Get_Advance(face, index, FT_LOAD_NO_SCALE, &advance))
		return 0;
	return (uint16_t)(advance * EM / face->units_per_EM);
}

static void fill_advances(struct text *t, int f)
{
	struct advances *adv = &t->advances[f];
	FT_UInt index;
	uint16_t cell = 0;

	for (FT_ULong c = FT_Get_First_Char(t->face[f], &index); index && c < 0x10000;
	     c = FT_Get_Next_Char(t->face[f], c, &index))
		adv->of[c] = advance_of(t->face[f], index);
	adv->other = EM * 6 / 10;
	if (!adv->of[SMALL_TRIANGLE])
		adv->of[SMALL_TRIANGLE] = adv->of[TRIANGLE] * 5 / 8;
	for (int d = '0'; d <= '9'; d++)
		if (adv->of[d] > cell)
			cell = adv->of[d];
	for (int d = '0'; d <= '9'; d++) {
		t->digit_shift[f][d - '0'] = (cell - adv->of[d]) / 2;
		adv->of[d] = cell;
	}
}

struct text *text_create(bool system_fonts)
{
	struct text *t = xcalloc(1, sizeof(*t));

	t->system_fonts = system_fonts;
	t->n_faces = N_FACES;
	if (FT_Init_FreeType(&t->lib) ||
	    FT_New_Memory_Face(t->lib, font_regular, font_regular_end - font_regular, 0,
			       &t->face[FACE_REGULAR]) ||
	    FT_New_Memory_Face(t->lib, font_bold, font_bold_end - font_bold, 0,
			       &t->face[FACE_BOLD])) {
		text_destroy(t);
		errno = EINVAL;
		return NULL;
	}
	fill_advances(t, FACE_REGULAR);
	fill_advances(t, FACE_BOLD);
	return t;
}

void text_destroy(struct text *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_glyphs; i++) {
		free(t->glyph[i].shade);
		free(t->glyph[i].span);
	}
	free(t->glyph);
	index_deinit(&t->ix);
	if (t->fonts)
		FcConfigDestroy(t->fonts);
	if (t->lib)
		FT_Done_FreeType(t->lib);
	free(t);
}

const struct advances *text_advances(const struct text *t, enum face face)
{
	return &t->advances[face];
}

/* The first of the system's faces that has the character, opened and kept; or -1. */
static int open_fallback(struct text *t, uint32_t c)
{
	FcPattern *want = FcPatternCreate(), *have;
	FcCharSet *set = FcCharSetCreate();
	FcResult result;
	FcChar8 *file;
	int index = 0, found = -1;

	if (!t->fonts)
		t->fonts = FcInitLoadConfigAndFonts();
	FcCharSetAddChar(set, c);
	FcPatternAddCharSet(want, FC_CHARSET, set);
	FcPatternAddBool(want, FC_SCALABLE, FcTrue);
	FcConfigSubstitute(t->fonts, want, FcMatchPattern);
	FcDefaultSubstitute(want);
	have = FcFontMatch(t->fonts, want, &result);
	if (have && FcPatternGetString(have, FC_FILE, 0, &file) == FcResultMatch) {
		FcPatternGetInteger(have, FC_INDEX, 0, &index);
		if (!FT_New_Face(t->lib, (const char *)file, index, &t->face[t->n_faces])) {
			if (FT_Get_Char_Index(t->face[t->n_faces], c))
				found = t->n_faces++;
			else
				FT_Done_Face(t->face[t->n_faces]);
		}
	}
	if (have)
		FcPatternDestroy(have);
	FcCharSetDestroy(set);
	FcPatternDestroy(want);
	return found;
}

/* Which face draws a character, where the one that was asked for lacks it; -1: none. */
static int find_fallback(struct text *t, uint32_t c)
{
	int found = -1;

	if (!t->system_fonts)
		return -1;
	if (c < 0x10000 && t->face_of[c])
		return t->face_of[c] == 0xff ? -1 : t->face_of[c] - 1;
	for (int f = N_FACES; f < t->n_faces && found < 0; f++)
		if (FT_Get_Char_Index(t->face[f], c))
			found = f;
	if (found < 0 && t->n_faces < N_FACES + MAX_FALLBACKS)
		found = open_fallback(t, c);
	if (c < 0x10000)
		t->face_of[c] = found < 0 ? 0xff : found + 1;
	return found;
}

/* An empty frame of the cell's size. */
static void draw_missing(struct glyph *g, int size_px)
{
	int line = size_px / 16 + 1;

	g->width = size_px / 2;
	g->rows = size_px * 7 / 10;
	g->top = g->rows;
	g->left = 1;
	g->shade = xcalloc(g->width, g->rows);
	for (int y = 0; y < g->rows; y++)
		for (int x = 0; x < g->width; x++)
			if (x < line || y < line || x >= g->width - line || y >= g->rows - line)
				g->shade[y * g->width + x] = INK;
}

static void draw_glyph(struct text *t, struct glyph *g, int f, FT_UInt index, int size_px,
		       int quarter)
{
	FT_Face face = t->face[f];
	const FT_Bitmap *bm = &face->glyph->bitmap;

	FT_Set_Pixel_Sizes(face, 0, size_px);
	if (FT_Load_Glyph(face, index, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP))
		return;
	FT_Outline_Translate(&face->glyph->outline, quarter * 16, 0);
	if (FT_Render_Glyph(face->glyph, FT_RENDER_MODE_NORMAL) ||
	    bm->pixel_mode != FT_PIXEL_MODE_GRAY)
		return;
	g->left = face->glyph->bitmap_left;
	g->top = face->glyph->bitmap_top;
	g->width = bm->width;
	g->rows = bm->rows;
	g->shade = xmalloc((size_t)g->width * g->rows);
	for (int y = 0; y < g->rows; y++)
		for (int x = 0; x < g->width; x++)
			g->shade[y * g->width + x] =
			    (bm->buffer[y * bm->pitch + x] * INK + 127) / 255;
}

static void find_spans(struct glyph *g)
{
	size_t cap = 0;

	for (int row = 0; row < g->rows; row++) {
		const uint8_t *shade = g->shade + row * g->width;

		for (int x = 0, from; x < g->width; x++) {
			if (!shade[x])
				continue;
			for (from = x; x < g->width && shade[x];)
				x++;
			g->span = xgrow(g->span, &cap, g->n_spans + 1, sizeof(*g->span));
			g->span[g->n_spans++] = (struct span){row, from, x};
		}
	}
}

static const struct glyph *find_glyph(struct text *t, enum face want, uint32_t c, int size_px,
				      int quarter)
{
	uint64_t key = (uint64_t)want << 48 | (uint64_t)quarter << 40 | (uint64_t)size_px << 24 | c;
	uint64_t h = hash_u64(key, 0);
	struct glyph g = {.key = key};
	FT_UInt index;
	int f = want;

	for (uint32_t it = 0, id; index_next(&t->ix, h, &it, &id);)
		if (t->glyph[id].key == key)
			return &t->glyph[id];
	index = FT_Get_Char_Index(t->face[f], c);
	if (!index && c == SMALL_TRIANGLE) {
		index = FT_Get_Char_Index(t->face[f], TRIANGLE);
		size_px = size_px * 5 / 8;
	}
	if (!index) {
		f = find_fallback(t, c);
		index = f >= 0 ? FT_Get_Char_Index(t->face[f], c) : 0;
	}
	if (index)
		draw_glyph(t, &g, f, index, size_px, quarter);
	else
		draw_missing(&g, size_px);
	find_spans(&g);
	t->glyph = xgrow(t->glyph, &t->cap_glyphs, t->n_glyphs + 1, sizeof(g));
	t->glyph[t->n_glyphs] = g;
	index_add(&t->ix, h, t->n_glyphs);
	return &t->glyph[t->n_glyphs++];
}

/* The colour of a shade: from the ground, at 0, to the ink. */
static uint32_t shaded(uint32_t ground, uint32_t ink, int shade)
{
	int part = shade * 255 / INK;

	return palette_mix(ground, ink, part + (part >> 7));
}

/*
 * Where glyphs overlap, the darker shade stays: so a shade of this ground is a ground to the same
 * ramp, and no colours come of it.
 */
static void make_ramp(struct text *t, struct image *img, uint8_t ground, uint32_t ink)
{
	uint32_t rgb = img->colours.rgb[ground];
	uint8_t *ramp = t->ramps.of[ground];

	t->ramps.turn[ground] = t->turn;
	ramp[0] = ground;
	for (int s = 1; s < SHADES; s++)
		ramp[s] = colours_number(&img->colours, shaded(rgb, ink, s));
	for (int s = 1; s < SHADES; s++) {
		if (t->ramps.turn[ramp[s]] == t->turn)
			continue;
		t->ramps.turn[ramp[s]] = t->turn;
		for (int k = 0; k < SHADES; k++)
			t->ramps.of[ramp[s]][k] = ramp[k > s ? k : s];
	}
}

static void blit(struct text *t, struct image *img, const struct glyph *g, int x, int y,
		 int clip_x0, int clip_x1, uint32_t ink)
{
	int first = clip_x0 - x - g->left, end = clip_x1 - x - g->left;

	for (int i = 0; i < g->n_spans; i++) {
		const struct span *s = &g->span[i];
		const uint8_t *shade = g->shade + s->row * g->width;
		int py = y - g->top + s->row;
		int from = s->from > first ? s->from : first, to = s->to < end ? s->to : end;
		uint8_t *line;

		if (py < 0 || py >= img->height)
			continue;
		line = image_row(img, py) + x + g->left;
		for (int col = from; col < to; col++) {
			if (t->ramps.turn[line[col]] != t->turn)
				make_ramp(t, img, line[col], ink);
			line[col] = t->ramps.of[line[col]][shade[col]];
		}
	}
}

int text_width(struct text *t, const struct text_style *style, const char *s)
{
	return (label_width_64(&t->advances[style->face], style->size_px, s, strlen(s)) + 63) / 64;
}

int text_draw(struct text *t, struct image *img, const struct text_style *style, enum align align,
	      int x_px, int y_px, int clip_x0, int clip_x1, const char *s)
{
	const struct advances *adv = &t->advances[style->face];
	const char *end = s + strlen(s);
	int width = text_width(t, style, s);
	int64_t pen = (int64_t)x_px * EM; /* 1/4096 px */

	t->turn++;
	if (align != ALIGN_LEFT)
		pen -= (int64_t)width * EM / (align == ALIGN_CENTRE ? 2 : 1);
	clip_x0 = clip_x0 < 0 ? 0 : clip_x0;
	clip_x1 = clip_x1 > img->width ? img->width : clip_x1;
	while (s < end) {
		uint32_t c = 0xfffd;
		size_t n = utf8_decode(s, end, &c);
		bool digit = c >= '0' && c <= '9';
		int shift = digit ? t->digit_shift[style->face][c - '0'] * style->size_px : 0;
		int64_t at = pen + shift + EM / 8;
		const struct glyph *g =
		    find_glyph(t, style->face, c, style->size_px, (int)(at / (EM / 4)) & 3);

		blit(t, img, g, (int)(at / EM), y_px, clip_x0, clip_x1, style->colour);
		pen +=
		    (int64_t)(c < 0x10000 && adv->of[c] ? adv->of[c] : adv->other) * style->size_px;
		s += n ? n : 1;
	}
	return width;
}
