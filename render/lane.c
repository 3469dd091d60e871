#include "render/lane.h"

#include <stdio.h>
#include <string.h>

#include "render/changes.h"
#include "render/core/labels.h"
#include "render/headline.h"
#include "render/words.h"

#define WITH_CALLEES " with what it calls"

int badge_radius(const struct geometry *geo)
{
	return geometry_px(geo, 15);
}

void badge_draw(const struct scene *s, const struct geometry *geo, struct text *text,
		struct image *img, int place, int x, int y)
{
	const struct chrome *chrome = palette_chrome(s->opt.theme);
	struct text_style digit = {FACE_BOLD, geometry_px(geo, 20), chrome->background};
	struct text_style disc = {FACE_REGULAR, geometry_px(geo, 44), chrome->accent};
	char words[16];

	text_draw(text, img, &disc, ALIGN_CENTRE, x, y + geometry_px(geo, 16), 0, geo->width, "●");
	snprintf(words, sizeof(words), "%d", place + 1);
	text_draw(text, img, &digit, ALIGN_CENTRE, x, y + geometry_px(geo, 7), 0, geo->width,
		  words);
}

static void draw_mover(const struct scene *s, const struct geometry *geo, struct text *text,
		       struct image *img, const struct mover *m, int place)
{
	const struct chrome *chrome = palette_chrome(s->opt.theme);
	struct text_style style = {FACE_BOLD, geometry_px(geo, 25), chrome->accent};
	int column = geo->flame_width / MOVERS_MAX, left = geo->margin + place * column;
	int x = left + geometry_px(geo, 46), room = column - geometry_px(geo, 60);
	bool callees = mover_has_callees(s->changes, m);
	char words[WORDS_MAX], fitted[LABEL_MAX_BYTES];

	badge_draw(s, geo, text, img, place, left + geometry_px(geo, 17), geometry_px(geo, 202));
	headline_mover(s, m, true, words, sizeof(words));
	if (text_width(text, &style, words) > room)
		headline_mover(s, m, false, words, sizeof(words));
	label_cut(text_advances(text, style.face), style.size_px, room, words, fitted);
	text_draw(text, img, &style, ALIGN_LEFT, x, geometry_px(geo, 211), 0, geo->width, fitted);
	style = (struct text_style){FACE_REGULAR, geometry_px(geo, 23), chrome->text};
	if (callees)
		room -= text_width(text, &style, WITH_CALLEES);
	label_fit(text_advances(text, style.face), style.size_px, room,
		  s->changes->name[mover_function(s->changes, m)], fitted);
	x += text_draw(text, img, &style, ALIGN_LEFT, x, geometry_px(geo, 240), 0, geo->width,
		       fitted);
	style.colour = chrome->muted;
	if (callees)
		text_draw(text, img, &style, ALIGN_LEFT, x, geometry_px(geo, 240), 0, geo->width,
			  WITH_CALLEES);
}

/* What does not fit loses its last clause, and only then words. */
static void fit_sentence(struct text *text, const struct text_style *style, int room, char *words)
{
	char *clause = strchr(words, ';'), fitted[LABEL_MAX_BYTES];

	if (text_width(text, style, words) <= room)
		return;
	if (clause)
		*clause = '\0';
	if (text_width(text, style, words) <= room)
		return;
	label_cut(text_advances(text, style->face), style->size_px, room, words, fitted);
	strcpy(words, fitted);
}

void lane_draw(const struct scene *s, const struct geometry *geo, struct text *text,
	       struct image *img, const struct state *st)
{
	struct text_style style = {FACE_BOLD, geometry_px(geo, 32),
				   palette_chrome(s->opt.theme)->text};
	char words[2 * LABEL_MAX_BYTES];

	headline_words(s, st, words, sizeof(words));
	fit_sentence(text, &style, geo->flame_width, words);
	text_draw(text, img, &style, ALIGN_LEFT, geo->margin, geometry_px(geo, 158), 0, geo->width,
		  words);
	for (int p = 0; s->changes->of && p < MOVERS_MAX; p++) {
		const struct mover *m = &s->changes->of[st->end - 1].mover[p];

		if (m->subject != NO_FUNCTION)
			draw_mover(s, geo, text, img, m, p);
	}
}
