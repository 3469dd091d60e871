#include "render/surround.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "render/changes.h"
#include "render/headline.h"
#include "render/lane.h"
#include "render/strip.h"
#include "render/words.h"

static void draw_ruler_ticks(const struct surround *s, struct canvas *c)
{
	const struct geometry *geo = s->geo;
	uint64_t full = s->scene->full, step = words_ruler_step(s->scene);

	for (uint64_t v = 0; v <= full; v += step)
		canvas_rect(c, s->chrome->muted,
			    geo->margin + tree_px(v, full, geo->flame_width) - (v == full ? 2 : 0),
			    geo->flame_bottom + geometry_even(geo, 2), 2, geometry_even(geo, 8));
}

static void draw_strip(const struct surround *s, struct canvas *c, int head_x)
{
	const struct geometry *geo = s->geo;
	int columns = geo->flame_width / STRIP_COLUMN_PX;

	canvas_rect(c, s->chrome->band, geo->margin, geo->strip_top, geo->flame_width,
		    geo->strip_bottom - geo->strip_top);
	/* Neighbouring columns of one height and one side of the playhead are one rectangle. */
	for (int k = 0; k < strip_kinds; k++) {
		uint32_t past = palette_kind(s->scene->opt.theme, strip_order[k]);
		uint32_t future = palette_mix(past, s->chrome->band, 140);

		for (int at = 0, next; at < columns; at = next) {
			const uint16_t *top = &s->strip_top[at * strip_kinds];
			int below = k ? top[k - 1] : 0, x = at * STRIP_COLUMN_PX;
			bool is_past = x < head_x;

			for (next = at + 1; next < columns; next++) {
				const uint16_t *t = &s->strip_top[next * strip_kinds];

				if (t[k] != top[k] || (k ? t[k - 1] : 0) != below ||
				    (next * STRIP_COLUMN_PX < head_x) != is_past)
					break;
			}
			canvas_rect(c, is_past ? past : future, geo->margin + x,
				    geo->strip_bottom - top[k], (next - at) * STRIP_COLUMN_PX,
				    top[k] - below);
		}
	}
}

static void draw_playhead(const struct surround *s, struct canvas *c, int from_x, int head_x)
{
	const struct geometry *geo = s->geo;
	int y = geo->strip_top - geometry_even(geo, 10),
	    thick = geometry_even(geo, 2) > 2 ? geometry_even(geo, 2) : 2;
	int wide = geometry_even(geo, 4);

	canvas_rect(c, s->chrome->muted, geo->margin + from_x, y, head_x - from_x, thick);
	canvas_rect(c, s->chrome->muted, geo->margin + from_x, y, thick, geometry_even(geo, 6));
	canvas_rect(c, s->chrome->text, geo->margin + head_x - wide / 2, y, wide,
		    geo->strip_bottom + geometry_even(geo, 4) - y);
}

static int snapshot_x(const struct surround *s, uint32_t i)
{
	const struct recording *rec = s->scene->rec;
	uint64_t t = i < rec->n_snapshots ? rec->snapshot[i].t0_ns : rec->snapshot[i - 1].t1_ns;

	return s->geo->margin + strip_x(s->scene, t, s->geo->flame_width);
}

static int mark_x(const struct surround *s, size_t i)
{
	return s->geo->margin + strip_x(s->scene, s->scene->rec->mark[i].t_ns, s->geo->flame_width);
}

/* What is compared with, as a bracket, and the marks as lines of dashes. */
static void draw_marks(const struct surround *s, struct canvas *c)
{
	const struct geometry *geo = s->geo;
	const struct recording *rec = s->scene->rec;
	int thick = geometry_even(geo, 2) > 2 ? geometry_even(geo, 2) : 2;
	int top = geo->strip_top - geometry_even(geo, 10), dash = geometry_even(geo, 6);

	if (s->scene->changes->baseline) {
		int end = snapshot_x(s, s->scene->changes->baseline);

		canvas_rect(c, s->chrome->muted, geo->margin, top, end - geo->margin, thick);
		canvas_rect(c, s->chrome->muted, geo->margin, top, thick, dash);
		canvas_rect(c, s->chrome->muted, end - thick, top, thick, dash);
	}
	for (size_t i = 0; i < rec->n_marks; i++) {
		int x = mark_x(s, i);

		for (int y = top; y < geo->strip_bottom; y += dash + dash / 2)
			canvas_rect(c, s->chrome->accent, x - thick / 2, y, thick,
				    y + dash < geo->strip_bottom ? dash : geo->strip_bottom - y);
	}
}

static void draw_strip_ticks(const struct surround *s, struct canvas *c)
{
	const struct geometry *geo = s->geo;
	const struct recording *rec = s->scene->rec;
	uint64_t t0 = rec->snapshot[0].t0_ns, t1 = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	uint64_t step = words_time_step(t1 - t0, 8);

	for (uint64_t t = words_first_tick(s->scene, t0, step); t <= t1; t += step)
		canvas_rect(c, s->chrome->muted,
			    geo->margin + strip_x(s->scene, t, geo->flame_width) -
				(t == t1 ? 2 : 0),
			    geo->strip_bottom, 2, geometry_even(geo, 6));
}

/* Which kinds the legend tells, the least needed last, and how far apart. */
static const uint8_t legend_order[] = {FRAME_KERNEL,  FRAME_USER, FRAME_INLINED, FRAME_JIT,
				       FRAME_UNNAMED, FRAME_MARK, BOX_PROCESS};

static int legend_step(const struct surround *s, const struct text_style *style, int kind)
{
	return geometry_even(s->geo, 20) + geometry_px(s->geo, 8) +
	       text_width(s->text, style, palette_kind_names[kind]) + geometry_px(s->geo, 36);
}

/* As wide as the words on the right get in any image, so that nothing moves. */
static int trust_width(const struct surround *s, const struct text_style *style)
{
	char number[32], words[WORDS_MAX];

	words_taken(s->scene, s->scene->rec->total.taken, number, sizeof(number));
	snprintf(words, sizeof(words), "%s%s · 88 %% lost · 88 %% truncated · 88 %% unnamed",
		 number, s->is_narrow ? "" : " in this image");
	return text_width(s->text, style, words);
}

/* What does not fit beside the trust line is left out, for the whole film. */
static void plan_footer(struct surround *s)
{
	struct text_style style = {FACE_REGULAR, geometry_px(s->geo, 22), 0};
	int room = s->geo->flame_width, x = 0;

	s->is_narrow = trust_width(s, &style) > room * 2 / 3;
	room -= trust_width(s, &style);
	for (size_t i = 0; i < sizeof(legend_order); i++) {
		if (!s->scene->has_kind[legend_order[i]])
			continue;
		x += legend_step(s, &style, legend_order[i]);
		if (x > room)
			break;
		s->legend[s->n_legend++] = legend_order[i];
	}
}

static void draw_legend(const struct surround *s, struct canvas *c, struct image *img)
{
	const struct geometry *geo = s->geo;
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 22), s->chrome->muted};
	int x = geo->margin, size = geometry_even(geo, 20), y = geometry_from_bottom(geo, 1050);

	for (int i = 0; i < s->n_legend; i++) {
		int kind = s->legend[i];

		if (c)
			canvas_rect(c, palette_kind(s->scene->opt.theme, kind), x, y, size, size);
		if (img)
			text_draw(s->text, img, &style, ALIGN_LEFT, x + size + geometry_px(geo, 8),
				  geometry_from_bottom(geo, 1068), 0, geo->width,
				  palette_kind_names[kind]);
		x += legend_step(s, &style, kind);
	}
}

static void draw_header(const struct surround *s, struct image *img, const struct moment *m)
{
	const struct geometry *geo = s->geo;
	struct text_style big = {FACE_BOLD, geometry_px(geo, 38), s->chrome->text};
	struct text_style fine = {FACE_REGULAR, geometry_px(geo, 24), s->chrome->muted};
	int left = geo->margin, right = geo->width - geo->margin, room;
	char words[WORDS_MAX], fitted[LABEL_MAX_BYTES];

	words_clock(s->scene, m->numbers->t1_ns, words, sizeof(words));
	room = right - left - geometry_px(geo, 40) -
	       text_draw(s->text, img, &big, ALIGN_RIGHT, right, geometry_px(geo, 68), 0,
			 geo->width, words);
	words_title(s->scene, words, sizeof(words));
	label_cut(text_advances(s->text, FACE_BOLD), big.size_px, room, words, fitted);
	text_draw(s->text, img, &big, ALIGN_LEFT, left, geometry_px(geo, 68), 0, geo->width,
		  fitted);

	words_date(s->scene, m->numbers->t1_ns, words, sizeof(words));
	room = right - left - geometry_px(geo, 40) -
	       text_draw(s->text, img, &fine, ALIGN_RIGHT, right, geometry_px(geo, 100), 0,
			 geo->width, words);
	words_subtitle(s->scene, words, sizeof(words));
	text_draw(s->text, img, &fine, ALIGN_LEFT, left, geometry_px(geo, 100), 0, left + room,
		  words);
}

static void draw_ruler_words(const struct surround *s, struct image *img)
{
	const struct geometry *geo = s->geo;
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 22), s->chrome->muted};
	uint64_t full = s->scene->full, step = words_ruler_step(s->scene);
	int right = geo->width - geo->margin, y = geometry_from_bottom(geo, 886), taken;
	char words[WORDS_MAX];

	words_ruler(s->scene, full, true, words, sizeof(words));
	taken = text_draw(s->text, img, &style, ALIGN_RIGHT, right, y, 0, geo->width, words);
	for (uint64_t v = 0; v < full; v += step) {
		int x = geo->margin + tree_px(v, full, geo->flame_width);

		words_ruler(s->scene, v, false, words, sizeof(words));
		if (x + text_width(s->text, &style, words) < right - taken - geometry_px(geo, 12))
			text_draw(s->text, img, &style, v ? ALIGN_CENTRE : ALIGN_LEFT, x, y, 0,
				  geo->width, words);
	}
}

/* Inside its bracket, if there is room; where the next words may begin. */
static int draw_baseline_words(const struct surround *s, struct image *img, int from, int y)
{
	const struct geometry *geo = s->geo;
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 21), s->chrome->text};
	int pad = geometry_px(geo, 8);
	char words[WORDS_MAX];

	if (!s->scene->changes->baseline)
		return from;
	headline_baseline(s->scene, words, sizeof(words));
	if (from + text_width(s->text, &style, words) + pad >
	    snapshot_x(s, s->scene->changes->baseline))
		return from;
	return from + 2 * pad +
	       text_draw(s->text, img, &style, ALIGN_LEFT, from, y, 0, geo->width, words);
}

/* To the left of its line, else to the right, else not at all: no text lies on another. */
static void draw_mark_words(const struct surround *s, struct image *img)
{
	const struct geometry *geo = s->geo;
	const struct recording *rec = s->scene->rec;
	struct text_style style = {FACE_BOLD, geometry_px(geo, 21), s->chrome->accent};
	int y = geo->strip_top + geometry_px(geo, 26), pad = geometry_px(geo, 8);
	int right = geo->width - geo->margin - geometry_px(geo, 40);
	int free_from = draw_baseline_words(s, img, geo->margin + pad, y);
	char fitted[LABEL_MAX_BYTES];

	for (size_t i = 0; i < rec->n_marks; i++) {
		int x = mark_x(s, i), next = i + 1 < rec->n_marks ? mark_x(s, i + 1) : right, width;

		label_cut(text_advances(s->text, style.face), style.size_px, geo->flame_width / 4,
			  rec->mark[i].text, fitted);
		width = text_width(s->text, &style, fitted);
		if (x - pad - width >= free_from) {
			text_draw(s->text, img, &style, ALIGN_RIGHT, x - pad, y, 0, geo->width,
				  fitted);
			free_from = x + pad;
		} else if (x + pad + width < next) {
			text_draw(s->text, img, &style, ALIGN_LEFT, x + pad, y, 0, geo->width,
				  fitted);
			free_from = x + width + 2 * pad;
		} else {
			free_from = x + pad;
		}
	}
}

static void draw_strip_words(const struct surround *s, struct image *img)
{
	const struct geometry *geo = s->geo;
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 21), s->chrome->muted};
	int right = geo->width - geo->margin - geometry_px(geo, 8);
	char words[WORDS_MAX];

	words_ruler(s->scene, s->scene->full, false, words, sizeof(words));
	text_draw(s->text, img, &style, ALIGN_RIGHT, right, geo->strip_top + geometry_px(geo, 22),
		  0, geo->width, words);
	text_draw(s->text, img, &style, ALIGN_RIGHT, right, geo->strip_bottom - geometry_px(geo, 8),
		  0, geo->width, "0");
}

static void draw_tick_words(const struct surround *s, struct image *img)
{
	const struct geometry *geo = s->geo;
	const struct recording *rec = s->scene->rec;
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 21), s->chrome->muted};
	uint64_t t0 = rec->snapshot[0].t0_ns, t1 = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	uint64_t step = words_time_step(t1 - t0, 8);
	int right = geo->width - geo->margin, y = geometry_from_bottom(geo, 1032), free_from = 0;
	char words[WORDS_MAX];

	for (uint64_t t = words_first_tick(s->scene, t0, step); t <= t1; t += step) {
		int x = geo->margin + strip_x(s->scene, t, geo->flame_width), width;

		words_tick(s->scene, t, words, sizeof(words));
		width = text_width(s->text, &style, words);
		x -= width / 2;
		x = x < geo->margin ? geo->margin : x;
		x = x + width > right ? right - width : x;
		if (x < free_from)
			continue;
		text_draw(s->text, img, &style, ALIGN_LEFT, x, y, 0, geo->width, words);
		free_from = x + width + geometry_px(geo, 12);
	}
}

/* Right to left, since each part may have its own colour. */
static void draw_trust(const struct surround *s, struct image *img, const struct state *st)
{
	const struct geometry *geo = s->geo;
	const struct account *a = &st->account;
	uint64_t part[] = {st->unnamed, a->truncated, account_lost(a)};
	uint64_t whole[] = {a->taken, a->taken, a->expected - a->idle - a->filtered};
	const char *const what[] = {"unnamed", "truncated", "lost"};
	struct text_style style = {FACE_REGULAR, geometry_px(geo, 22), s->chrome->muted};
	int x = geo->width - geo->margin, y = geometry_from_bottom(geo, 1068);
	char number[32], words[WORDS_MAX];

	for (int i = 0; i < 3; i++) {
		if (part[i] || i < 2)
			words_percent(part[i], whole[i], number, sizeof(number));
		else
			words_count(0, number, sizeof(number));
		snprintf(words, sizeof(words), "%s %s", number, what[i]);
		style.colour =
		    part[i] * 100 > whole[i] * WARN_PERCENT ? s->chrome->warning : s->chrome->muted;
		x -= text_draw(s->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, words);
		style.colour = s->chrome->muted;
		x -= text_draw(s->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, " · ");
	}
	words_taken(s->scene, a->taken, number, sizeof(number));
	snprintf(words, sizeof(words), "%s%s", number, s->is_narrow ? "" : " in this image");
	text_draw(s->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, words);
}

void surround_init(struct surround *s, const struct scene *scene, const struct geometry *geo,
		   struct text *text)
{
	*s = (struct surround){.scene = scene,
			       .geo = geo,
			       .text = text,
			       .chrome = palette_chrome(scene->opt.theme)};
	s->strip_top = xcalloc(geo->flame_width / STRIP_COLUMN_PX * (size_t)strip_kinds,
			       sizeof(*s->strip_top));
	strip_tops(scene, geo->flame_width, geo->strip_bottom - geo->strip_top, s->strip_top);
	plan_footer(s);
}

void surround_deinit(struct surround *s)
{
	free(s->strip_top);
	*s = (struct surround){0};
}

void surround_still_shapes(const struct surround *s, struct canvas *c)
{
	draw_ruler_ticks(s, c);
	draw_strip_ticks(s, c);
	draw_legend(s, c, NULL);
}

void surround_still_words(const struct surround *s, struct image *img, const struct moment *m)
{
	draw_header(s, img, m);
	lane_draw(s->scene, s->geo, s->text, img, m->numbers);
	draw_ruler_words(s, img);
	draw_tick_words(s, img);
	draw_trust(s, img, m->numbers);
	draw_legend(s, NULL, img);
}

void surround_moving_shapes(const struct surround *s, struct canvas *c, const struct moment *m)
{
	int width = s->geo->flame_width, head_x = strip_x(s->scene, m->to_ns, width);

	draw_strip(s, c, head_x);
	draw_marks(s, c);
	draw_playhead(s, c, strip_x(s->scene, m->from_ns, width), head_x);
}

void surround_strip_words(const struct surround *s, struct image *img)
{
	draw_strip_words(s, img);
	draw_mark_words(s, img);
}
