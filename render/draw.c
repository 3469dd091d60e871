#include "render/draw.h"

#include <cairo.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "render/strip.h"
#include "render/text.h"
#include "render/words.h"

/* Over this share of lost, truncated or unnamed samples the footer warns. */
#define WARN_PERCENT 5

struct label {
	char text[LABEL_MAX_BYTES];
};

struct drawing {
	const struct scene *scene;
	struct geometry geo;
	const struct chrome *chrome;
	struct text *text;
	int row, row_size_px; /* height of a row, font size of its labels */
	uint32_t *fill;	      /* of each node */
	uint64_t *total, *scratch;
	struct box *box;
	uint32_t n_boxes;
	/* Labels of the last image at rest: of node i label[label_of[i] - 1], 0 for none. */
	struct label *label;
	size_t n_labels, cap_labels;
	uint32_t *label_of;
	const char **chain;
	uint16_t *strip_top;
};

static int scaled(const struct geometry *geo, double units)
{
	return (int)(units * geo->u + 0.5);
}

/* To an even pixel: video halves the resolution of colour. */
static int even(const struct geometry *geo, double units)
{
	return (int)(units * geo->u / 2 + 0.5) * 2;
}

/* From the bottom of a picture of 1080 units, whatever its height is. */
static int from_bottom(const struct geometry *geo, double y)
{
	return geo->height - even(geo, 1080 - y);
}

void geometry_plan(struct geometry *geo, const struct render_options *opt)
{
	int least;

	*geo = (struct geometry){.width = opt->width ? opt->width : 1920,
				 .height = opt->height ? opt->height : 1080};
	least = geo->width < geo->height ? geo->width : geo->height;
	geo->u = least / 1080.0;
	geo->margin = even(geo, 40);
	geo->flame_width = geo->width - 2 * geo->margin;
	geo->flame_top = even(geo, 250);
	geo->flame_bottom = from_bottom(geo, 856);
	geo->gap = even(geo, 2) > 2 ? even(geo, 2) : 2;
	geo->row_min = even(geo, 24);
	geo->row_max = even(geo, 38);
	geo->max_rows = (geo->flame_bottom - geo->flame_top) / geo->row_min;
	geo->strip_top = from_bottom(geo, 912);
	geo->strip_bottom = from_bottom(geo, 1004);
}

static uint64_t name_hash(const char *name)
{
	return hash_bytes(name, strlen(name), 0);
}

struct drawing *drawing_create(const struct scene *scene, const struct geometry *geo)
{
	const struct tree *t = &scene->tree;
	struct drawing *d = xcalloc(1, sizeof(*d));

	d->scene = scene;
	d->geo = *geo;
	d->chrome = palette_chrome(scene->opt.theme);
	d->text = text_create(!scene->opt.no_system_fonts);
	if (!d->text) {
		drawing_destroy(d);
		return NULL;
	}
	d->row = (geo->flame_bottom - geo->flame_top) / (t->n_rows ? t->n_rows : 1) / 2 * 2;
	d->row = d->row < geo->row_min ? geo->row_min : d->row;
	d->row = d->row > geo->row_max ? geo->row_max : d->row;
	d->row_size_px = scaled(geo, 16 + (d->row / geo->u - 24) * 5 / 14);
	d->fill = xcalloc(t->cap, sizeof(*d->fill));
	for (uint32_t i = 0; i < t->n; i++)
		d->fill[i] =
		    palette_box(scene->opt.theme, t->kind[i], name_hash(t->name[t->tail[i]]));
	d->total = xcalloc(t->cap, sizeof(*d->total));
	d->scratch = xcalloc(t->cap, 3 * sizeof(*d->scratch));
	d->box = xcalloc(t->cap, 2 * sizeof(*d->box));
	d->label_of = xcalloc(t->cap, sizeof(*d->label_of));
	d->chain = xcalloc((size_t)t->cap + 1, sizeof(*d->chain));
	d->strip_top = xcalloc(geo->flame_width / STRIP_COLUMN_PX * (size_t)strip_kinds,
			       sizeof(*d->strip_top));
	strip_tops(scene, geo->flame_width, geo->strip_bottom - geo->strip_top, d->strip_top);
	return d;
}

void drawing_destroy(struct drawing *d)
{
	if (!d)
		return;
	text_destroy(d->text);
	free(d->fill);
	free(d->total);
	free(d->scratch);
	free(d->box);
	free(d->label);
	free(d->label_of);
	free(d->chain);
	free(d->strip_top);
	free(d);
}

static void set_colour(cairo_t *cr, uint32_t c)
{
	cairo_set_source_rgb(cr, (c >> 16 & 0xff) / 255.0, (c >> 8 & 0xff) / 255.0,
			     (c & 0xff) / 255.0);
}

static void fill_rect(cairo_t *cr, uint32_t colour, int x, int y, int width, int height)
{
	if (width <= 0 || height <= 0)
		return;
	set_colour(cr, colour);
	cairo_rectangle(cr, x, y, width, height);
	cairo_fill(cr);
}

static int box_y(const struct drawing *d, const struct box *b)
{
	return d->geo.flame_bottom - (b->row + 1) * d->row + d->geo.gap;
}

static int box_x(const struct drawing *d, const struct box *b)
{
	return d->geo.margin + b->x0_px;
}

/* The gap to the neighbour belongs to the box, unless nothing would be left of it. */
static int box_width(const struct drawing *d, const struct box *b)
{
	int width = b->x1_px - b->x0_px;

	return width > 2 * d->geo.gap ? width - d->geo.gap : width - d->geo.gap / 2;
}

static uint32_t box_fill(const struct drawing *d, const struct box *b)
{
	return b->kind == BOX_SMALL ? palette_box(d->scene->opt.theme, BOX_SMALL, 0)
				    : d->fill[b->node];
}

static void draw_boxes(const struct drawing *d, cairo_t *cr)
{
	const struct geometry *geo = &d->geo;

	fill_rect(cr, d->chrome->band, geo->margin, geo->flame_bottom - d->row + geo->gap,
		  geo->flame_width, d->row - geo->gap);
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];

		fill_rect(cr, box_fill(d, b), box_x(d, b), box_y(d, b), box_width(d, b),
			  d->row - geo->gap);
	}
}

static void draw_ruler_ticks(const struct drawing *d, cairo_t *cr)
{
	const struct geometry *geo = &d->geo;
	uint64_t full = d->scene->full, step = words_ruler_step(full);

	for (uint64_t v = 0; v <= full; v += step)
		fill_rect(cr, d->chrome->muted,
			  geo->margin + tree_px(v, full, geo->flame_width) - (v == full ? 2 : 0),
			  geo->flame_bottom + even(geo, 2), 2, even(geo, 8));
}

static void draw_strip(const struct drawing *d, cairo_t *cr, int head_x)
{
	const struct geometry *geo = &d->geo;
	int columns = geo->flame_width / STRIP_COLUMN_PX;

	fill_rect(cr, d->chrome->band, geo->margin, geo->strip_top, geo->flame_width,
		  geo->strip_bottom - geo->strip_top);
	/* Neighbouring columns of one height and one side of the playhead are one rectangle. */
	for (int k = 0; k < strip_kinds; k++) {
		uint32_t past = palette_kind(d->scene->opt.theme, strip_order[k]);
		uint32_t future = palette_mix(past, d->chrome->band, 140);

		for (int c = 0, next; c < columns; c = next) {
			const uint16_t *top = &d->strip_top[c * strip_kinds];
			int below = k ? top[k - 1] : 0, x = c * STRIP_COLUMN_PX;
			bool is_past = x < head_x;

			for (next = c + 1; next < columns; next++) {
				const uint16_t *t = &d->strip_top[next * strip_kinds];

				if (t[k] != top[k] || (k ? t[k - 1] : 0) != below ||
				    (next * STRIP_COLUMN_PX < head_x) != is_past)
					break;
			}
			fill_rect(cr, is_past ? past : future, geo->margin + x,
				  geo->strip_bottom - top[k], (next - c) * STRIP_COLUMN_PX,
				  top[k] - below);
		}
	}
}

static void draw_playhead(const struct drawing *d, cairo_t *cr, int from_x, int head_x)
{
	const struct geometry *geo = &d->geo;
	int y = geo->strip_top - even(geo, 10), thick = even(geo, 2) > 2 ? even(geo, 2) : 2;
	int wide = even(geo, 4);

	fill_rect(cr, d->chrome->muted, geo->margin + from_x, y, head_x - from_x, thick);
	fill_rect(cr, d->chrome->muted, geo->margin + from_x, y, thick, even(geo, 6));
	fill_rect(cr, d->chrome->text, geo->margin + head_x - wide / 2, y, wide,
		  geo->strip_bottom + even(geo, 4) - y);
}

static void draw_strip_ticks(const struct drawing *d, cairo_t *cr)
{
	const struct geometry *geo = &d->geo;
	const struct recording *rec = d->scene->rec;
	uint64_t t0 = rec->snapshot[0].t0_ns, t1 = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	uint64_t step = words_time_step(t1 - t0, 8);

	for (uint64_t t = (t0 + step - 1) / step * step; t <= t1; t += step)
		fill_rect(cr, d->chrome->muted,
			  geo->margin + strip_x(d->scene, t, geo->flame_width) - (t == t1 ? 2 : 0),
			  geo->strip_bottom, 2, even(geo, 6));
}

static void draw_legend(const struct drawing *d, cairo_t *cr, struct image *img)
{
	static const uint8_t order[] = {FRAME_KERNEL,  FRAME_USER, FRAME_INLINED, FRAME_JIT,
					FRAME_UNNAMED, FRAME_MARK, BOX_PROCESS};
	const struct geometry *geo = &d->geo;
	struct text_style style = {FACE_REGULAR, scaled(geo, 22), d->chrome->muted};
	int x = geo->margin, size = even(geo, 20), y = from_bottom(geo, 1050);

	for (size_t i = 0; i < sizeof(order); i++) {
		const char *name = palette_kind_names[order[i]];

		if (!d->scene->has_kind[order[i]])
			continue;
		if (cr)
			fill_rect(cr, palette_kind(d->scene->opt.theme, order[i]), x, y, size,
				  size);
		x += size + scaled(geo, 8);
		if (img)
			text_draw(d->text, img, &style, ALIGN_LEFT, x, from_bottom(geo, 1068), 0,
				  geo->width, name);
		x += text_width(d->text, &style, name) + scaled(geo, 36);
	}
}

/* The names that share a box, outermost first. */
static size_t list_chain(const struct drawing *d, uint32_t head)
{
	const struct tree *t = &d->scene->tree;
	size_t n = 0;

	for (uint32_t i = t->tail[head];; i = t->parent[i]) {
		d->chain[n++] = t->name[i];
		if (i == head)
			break;
	}
	for (size_t i = 0; i < n / 2; i++) {
		const char *swap = d->chain[i];

		d->chain[i] = d->chain[n - 1 - i];
		d->chain[n - 1 - i] = swap;
	}
	if (t->skips[head])
		d->chain[n++] = "···";
	return n;
}

static void choose_label(struct drawing *d, const struct box *b)
{
	const struct advances *adv = text_advances(d->text, FACE_REGULAR);
	int room = box_width(d, b) - 2 * scaled(&d->geo, 8);
	struct label *l;
	size_t n;

	d->label = xgrow(d->label, &d->cap_labels, d->n_labels + 1, sizeof(*d->label));
	l = &d->label[d->n_labels];
	if (b->kind == BOX_ROOT) {
		words_root(d->scene, d->total[0], l->text, sizeof(l->text));
		n = strlen(l->text);
	} else if (b->kind == BOX_PROCESS) {
		n = label_cut(adv, d->row_size_px, room, d->scene->tree.name[b->node], l->text);
	} else {
		n = label_fit_chain(adv, d->row_size_px, room, d->chain, list_chain(d, b->node),
				    l->text);
	}
	d->label_of[b->node] = n ? ++d->n_labels : 0;
}

static void draw_labels(struct drawing *d, struct image *img, const struct moment *m)
{
	int baseline = (d->row - d->geo.gap) / 2 + d->row_size_px * 36 / 100;
	int pad = scaled(&d->geo, 8);

	if (m->at_rest) {
		d->n_labels = 0;
		memset(d->label_of, 0, d->scene->tree.n * sizeof(*d->label_of));
	}
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];
		struct text_style style = {FACE_REGULAR, d->row_size_px,
					   palette_ink(box_fill(d, b))};
		int x = box_x(d, b), end = x + box_width(d, b);
		char small[LABEL_MAX_BYTES], words[32];

		if (b->kind == BOX_SMALL) {
			snprintf(words, sizeof(words), "%u small", b->n_small);
			if (m->at_rest &&
			    label_fit(text_advances(d->text, FACE_REGULAR), d->row_size_px,
				      end - x - 2 * pad, words, small))
				text_draw(d->text, img, &style, ALIGN_LEFT, x + pad,
					  box_y(d, b) + baseline, x, end, small);
			continue;
		}
		if (m->at_rest)
			choose_label(d, b);
		if (d->label_of[b->node])
			text_draw(d->text, img, &style, ALIGN_LEFT, x + pad, box_y(d, b) + baseline,
				  x, end - pad / 2, d->label[d->label_of[b->node] - 1].text);
	}
}

static void draw_header(const struct drawing *d, struct image *img, const struct moment *m)
{
	const struct geometry *geo = &d->geo;
	struct text_style big = {FACE_BOLD, scaled(geo, 38), d->chrome->text};
	struct text_style fine = {FACE_REGULAR, scaled(geo, 24), d->chrome->muted};
	int left = geo->margin, right = geo->width - geo->margin, room;
	char words[WORDS_MAX], fitted[LABEL_MAX_BYTES];

	words_clock(d->scene, m->numbers->t1_ns, words, sizeof(words));
	room = right - left - scaled(geo, 40) -
	       text_draw(d->text, img, &big, ALIGN_RIGHT, right, scaled(geo, 68), 0, geo->width,
			 words);
	words_title(d->scene, words, sizeof(words));
	label_cut(text_advances(d->text, FACE_BOLD), big.size_px, room, words, fitted);
	text_draw(d->text, img, &big, ALIGN_LEFT, left, scaled(geo, 68), 0, geo->width, fitted);

	words_date(d->scene, m->numbers->t1_ns, words, sizeof(words));
	room = right - left - scaled(geo, 40) -
	       text_draw(d->text, img, &fine, ALIGN_RIGHT, right, scaled(geo, 100), 0, geo->width,
			 words);
	words_subtitle(d->scene, words, sizeof(words));
	text_draw(d->text, img, &fine, ALIGN_LEFT, left, scaled(geo, 100), 0, left + room, words);
}

static void draw_ruler_words(const struct drawing *d, struct image *img)
{
	const struct geometry *geo = &d->geo;
	struct text_style style = {FACE_REGULAR, scaled(geo, 22), d->chrome->muted};
	uint64_t full = d->scene->full, step = words_ruler_step(full);
	int right = geo->width - geo->margin, y = from_bottom(geo, 886), taken;
	char words[WORDS_MAX];

	words_ruler(d->scene, full, true, words, sizeof(words));
	taken = text_draw(d->text, img, &style, ALIGN_RIGHT, right, y, 0, geo->width, words);
	for (uint64_t v = 0; v < full; v += step) {
		int x = geo->margin + tree_px(v, full, geo->flame_width);

		words_ruler(d->scene, v, false, words, sizeof(words));
		if (x + text_width(d->text, &style, words) < right - taken - scaled(geo, 12))
			text_draw(d->text, img, &style, v ? ALIGN_CENTRE : ALIGN_LEFT, x, y, 0,
				  geo->width, words);
	}
}

static void draw_strip_words(const struct drawing *d, struct image *img)
{
	const struct geometry *geo = &d->geo;
	const struct recording *rec = d->scene->rec;
	struct text_style style = {FACE_REGULAR, scaled(geo, 21), d->chrome->muted};
	uint64_t t0 = rec->snapshot[0].t0_ns, t1 = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	uint64_t step = words_time_step(t1 - t0, 8);
	int right = geo->width - geo->margin, y = from_bottom(geo, 1032), free_from = 0;
	char words[WORDS_MAX];

	words_ruler(d->scene, d->scene->full, false, words, sizeof(words));
	text_draw(d->text, img, &style, ALIGN_RIGHT, right - scaled(geo, 8),
		  geo->strip_top + scaled(geo, 22), 0, geo->width, words);
	text_draw(d->text, img, &style, ALIGN_RIGHT, right - scaled(geo, 8),
		  geo->strip_bottom - scaled(geo, 8), 0, geo->width, "0");
	for (uint64_t t = (t0 + step - 1) / step * step; t <= t1; t += step) {
		int x = geo->margin + strip_x(d->scene, t, geo->flame_width), width;

		words_tick(d->scene, t, words, sizeof(words));
		width = text_width(d->text, &style, words);
		x -= width / 2;
		x = x < geo->margin ? geo->margin : x;
		x = x + width > right ? right - width : x;
		if (x < free_from)
			continue;
		text_draw(d->text, img, &style, ALIGN_LEFT, x, y, 0, geo->width, words);
		free_from = x + width + scaled(geo, 12);
	}
}

/* Right to left, since each part may have its own colour. */
static void draw_trust(const struct drawing *d, struct image *img, const struct state *st)
{
	const struct geometry *geo = &d->geo;
	const struct account *a = &st->account;
	uint64_t part[] = {st->unnamed, a->truncated, account_lost(a)};
	uint64_t whole[] = {a->taken, a->taken, a->expected - a->idle - a->filtered};
	const char *const what[] = {"unnamed", "truncated", "lost"};
	struct text_style style = {FACE_REGULAR, scaled(geo, 22), d->chrome->muted};
	int x = geo->width - geo->margin, y = from_bottom(geo, 1068);
	char number[32], words[WORDS_MAX];

	for (int i = 0; i < 3; i++) {
		if (part[i] || i < 2)
			words_percent(part[i], whole[i], number, sizeof(number));
		else
			words_count(0, number, sizeof(number));
		snprintf(words, sizeof(words), "%s %s", number, what[i]);
		style.colour =
		    part[i] * 100 > whole[i] * WARN_PERCENT ? d->chrome->warning : d->chrome->muted;
		x -= text_draw(d->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, words);
		style.colour = d->chrome->muted;
		x -= text_draw(d->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, " · ");
	}
	words_count(a->taken, number, sizeof(number));
	snprintf(words, sizeof(words), "%s samples in this image", number);
	text_draw(d->text, img, &style, ALIGN_RIGHT, x, y, 0, geo->width, words);
}

static void draw_shapes(const struct drawing *d, struct image *img, const struct moment *m)
{
	cairo_surface_t *surface =
	    cairo_image_surface_create_for_data((unsigned char *)img->pixels, CAIRO_FORMAT_RGB24,
						img->width, img->height, (int)img->stride_bytes);
	cairo_t *cr = cairo_create(surface);
	int head_x = strip_x(d->scene, m->to_ns, d->geo.flame_width);

	cairo_set_operator(cr, CAIRO_OPERATOR_SOURCE);
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
	set_colour(cr, d->chrome->background);
	cairo_paint(cr);
	draw_boxes(d, cr);
	draw_ruler_ticks(d, cr);
	draw_strip(d, cr, head_x);
	draw_strip_ticks(d, cr);
	draw_playhead(d, cr, strip_x(d->scene, m->from_ns, d->geo.flame_width), head_x);
	draw_legend(d, cr, NULL);
	cairo_destroy(cr);
	cairo_surface_flush(surface);
	cairo_surface_destroy(surface);
}

void drawing_image(struct drawing *d, struct image *img, const struct moment *m)
{
	layout_totals(&d->scene->tree, m->self, d->total);
	d->n_boxes = layout_boxes(&d->scene->tree, d->total, d->scene->full, d->geo.flame_width,
				  d->scratch, d->box);
	draw_shapes(d, img, m);
	draw_labels(d, img, m);
	draw_header(d, img, m);
	draw_ruler_words(d, img);
	draw_strip_words(d, img);
	draw_trust(d, img, m->numbers);
	draw_legend(d, NULL, img);
}
