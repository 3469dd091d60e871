#ifndef RENDER_TEXT_H
#define RENDER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "render/core/labels.h"
#include "render/image.h"

/*
 * Text, drawn straight into an image: grey antialiasing in few levels (so that a picture has few
 * colours: six for each ground that the ink stands on, and itself), no hinting, glyphs placed to a
 * quarter of a pixel, digits in equal cells. The faces are those that were built in; what they lack
 * is taken from the system's fonts, or drawn as an empty box where that is not wanted. Glyphs are
 * kept once they were drawn.
 *
 * One thread at a time.
 */
enum face { FACE_REGULAR, FACE_BOLD };
enum align { ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT };

struct text;

/* NULL with errno. */
struct text *text_create(bool system_fonts);
void text_destroy(struct text *t);

const struct advances *text_advances(const struct text *t, enum face face);

struct text_style {
	enum face face;
	int size_px;
	uint32_t colour;
};

/*
 * Draws UTF-8 with its baseline at y_px and its left edge, centre or right edge at x_px, clipped
 * to [clip_x0, clip_x1) and the image. Returns its width in px, rounded up.
 */
int text_draw(struct text *t, struct image *img, const struct text_style *style, enum align align,
	      int x_px, int y_px, int clip_x0_px, int clip_x1_px, const char *s);
int text_width(struct text *t, const struct text_style *style, const char *s);

#endif
