#include "render/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "render/changes.h"
#include "render/lane.h"
#include "render/words.h"

/* In `mover_of`. */
#define BADGE_INSIDE 0x80

struct label {
	char text[LABEL_MAX_BYTES];
};

struct drawing {
	const struct scene *scene;
	struct geometry geo;
	struct text *text;
	int row, row_size_px; /* height of a row, font size of its labels */
	uint32_t *fill, *ink; /* of each node */
	uint32_t small_fill, small_ink;
	uint64_t *total, *scratch;
	struct box *box;
	uint32_t n_boxes;
	/* Labels of the last image at rest: of node i label[label_of[i] - 1], 0 for none. */
	struct label *label;
	size_t n_labels, cap_labels;
	uint32_t *label_of, *small_label_of; /* of a node's box, and of the small box on it */
	const char **chain;
	uint8_t *mover_of; /* of each head: the place of the mover in it, from 1 on; 0: none */
	struct surround surround;
	struct image_pool *pool;
	struct image *still; /* what surrounds the flame since the last image at rest */
};

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
	d->text = text_create(!scene->opt.no_system_fonts);
	if (!d->text) {
		drawing_destroy(d);
		return NULL;
	}
	d->row = (geo->flame_bottom - geo->flame_top) / (t->n_rows ? t->n_rows : 1) / 2 * 2;
	d->row = d->row < geo->row_min ? geo->row_min : d->row;
	d->row = d->row > geo->row_max ? geo->row_max : d->row;
	d->row_size_px = geometry_px(geo, 16 + (d->row / geo->u - 24) * 5 / 14);
	d->fill = xcalloc(t->cap, sizeof(*d->fill));
	d->ink = xcalloc(t->cap, sizeof(*d->ink));
	for (uint32_t i = 0; i < t->n; i++) {
		d->fill[i] =
		    palette_box(scene->opt.theme, t->kind[i], name_hash(t->name[t->tail[i]]));
		d->ink[i] = palette_ink(d->fill[i]);
	}
	d->small_fill = palette_box(scene->opt.theme, BOX_SMALL, 0);
	d->small_ink = palette_ink(d->small_fill);
	d->total = xcalloc(t->cap, sizeof(*d->total));
	d->scratch = xcalloc(t->cap, 3 * sizeof(*d->scratch));
	d->box = xcalloc(t->cap, 2 * sizeof(*d->box));
	d->label_of = xcalloc(t->cap, sizeof(*d->label_of));
	d->small_label_of = xcalloc(t->cap, sizeof(*d->small_label_of));
	d->chain = xcalloc((size_t)t->cap + 1, sizeof(*d->chain));
	d->mover_of = xcalloc(t->cap, sizeof(*d->mover_of));
	surround_init(&d->surround, scene, &d->geo, d->text);
	d->pool = image_pool_create(geo->width, geo->height, 1);
	if (!d->pool) {
		drawing_destroy(d);
		return NULL;
	}
	d->still = image_get(d->pool);
	return d;
}

void drawing_destroy(struct drawing *d)
{
	if (!d)
		return;
	text_destroy(d->text);
	free(d->fill);
	free(d->ink);
	free(d->total);
	free(d->scratch);
	free(d->box);
	free(d->label);
	free(d->label_of);
	free(d->small_label_of);
	free(d->chain);
	free(d->mover_of);
	surround_deinit(&d->surround);
	image_pool_destroy(d->pool);
	free(d);
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
	return b->kind == BOX_SMALL ? d->small_fill : d->fill[b->node];
}

static void repeat_lines(const struct drawing *d, struct image *img)
{
	for (int row = 0; row < d->scene->tree.n_rows; row++) {
		int y = box_y(d, &(struct box){.row = row});
		uint8_t *first;

		if (y < 0)
			break;
		first = image_row(img, y) + d->geo.margin;
		for (int i = 1; i < d->row - d->geo.gap; i++)
			memcpy(first + i * img->stride_bytes, first, d->geo.flame_width);
	}
}

/*
 * Of each row the first line, which is then repeated: most boxes are narrow, and half of their cost
 * would be in going from line to line. Not by cairo: for thousands of boxes it would take a fifth
 * of the time of a whole image.
 */
static void draw_boxes(struct drawing *d, struct image *img)
{
	const struct geometry *geo = &d->geo;

	image_line(img, palette_chrome(d->scene->opt.theme)->band, geo->margin,
		   geo->flame_bottom - d->row + geo->gap, geo->flame_width);
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];

		image_line(img, box_fill(d, b), box_x(d, b), box_y(d, b), box_width(d, b));
	}
	repeat_lines(d, img);
}

/* Where the label of a box is told. */
static uint32_t *label_slot(const struct drawing *d, const struct box *b)
{
	return b->kind == BOX_SMALL ? &d->small_label_of[b->node] : &d->label_of[b->node];
}

/*
 * A badge stands in front of the label where the box is wide enough for both, else on the box: this
 * too is chosen at rest.
 */
static void place_badge(struct drawing *d, const struct box *b)
{
	if (b->kind != BOX_SMALL && d->mover_of[b->node] &&
	    box_width(d, b) >= geometry_px(&d->geo, 130))
		d->mover_of[b->node] |= BADGE_INSIDE;
}

static bool badge_inside(const struct drawing *d, const struct box *b)
{
	return b->kind != BOX_SMALL && d->mover_of[b->node] & BADGE_INSIDE;
}

static int label_from(const struct drawing *d, const struct box *b)
{
	int pad = geometry_px(&d->geo, 8);

	return badge_inside(d, b) ? 2 * badge_radius(&d->geo) + pad + pad / 2 : pad;
}

static void choose_label(struct drawing *d, const struct box *b)
{
	const struct advances *adv = text_advances(d->text, FACE_REGULAR);
	int room = box_width(d, b) - label_from(d, b) - geometry_px(&d->geo, 8);
	char words[32];
	struct label *l;
	size_t n;

	/* Hardly any three characters are narrower than one is high. */
	if (room < d->row_size_px)
		return;
	d->label = xgrow(d->label, &d->cap_labels, d->n_labels + 1, sizeof(*d->label));
	l = &d->label[d->n_labels];
	if (b->kind == BOX_ROOT) {
		words_root(d->scene, d->total[0], l->text, sizeof(l->text));
		n = strlen(l->text);
	} else if (b->kind == BOX_SMALL) {
		snprintf(words, sizeof(words), "%u small", b->n_small);
		n = label_cut(adv, d->row_size_px, room, words, l->text);
	} else {
		n = layout_label(&d->scene->tree, b->node, adv, d->row_size_px, room, d->chain,
				 l->text);
	}
	if (n)
		*label_slot(d, b) = ++d->n_labels;
}

static void choose_labels(struct drawing *d)
{
	size_t bytes = d->scene->tree.n * sizeof(*d->label_of);

	d->n_labels = 0;
	memset(d->label_of, 0, bytes);
	memset(d->small_label_of, 0, bytes);
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		place_badge(d, &d->box[i]);
		choose_label(d, &d->box[i]);
	}
}

static void draw_labels(const struct drawing *d, struct image *img)
{
	int baseline = (d->row - d->geo.gap) / 2 + d->row_size_px * 36 / 100;
	int pad = geometry_px(&d->geo, 8);

	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];
		uint32_t label = *label_slot(d, b);
		struct text_style style = {FACE_REGULAR, d->row_size_px,
					   b->kind == BOX_SMALL ? d->small_ink : d->ink[b->node]};
		int x = box_x(d, b), end = x + box_width(d, b);

		if (label)
			text_draw(d->text, img, &style, ALIGN_LEFT, x + label_from(d, b),
				  box_y(d, b) + baseline, x, end - pad / 2,
				  d->label[label - 1].text);
	}
}

/* Which boxes wear a badge: of a function that is hidden in a small box, none. */
static void find_movers(struct drawing *d, const struct state *st)
{
	const struct tree *t = &d->scene->tree;
	const struct changes *c = d->scene->changes;

	memset(d->mover_of, 0, t->n);
	for (int p = 0; c->of && p < MOVERS_MAX; p++) {
		const struct mover *m = &c->of[st->end - 1].mover[p];

		for (uint32_t i = 0; m->subject != NO_FUNCTION && i < t->n; i++)
			if (c->function_of[i] == mover_function(c, m) && t->shown[i])
				d->mover_of[t->head[i]] = p + 1;
	}
}

static void draw_frame(struct image *img, uint32_t rgb, int x, int y, int width, int height,
		       int thick)
{
	for (int i = 0; i < height; i++) {
		bool edge = i < thick || i >= height - thick;

		image_line(img, rgb, x, y + i, edge || width < 2 * thick ? width : thick);
		if (!edge)
			image_line(img, rgb, x + width - thick, y + i, thick);
	}
}

static int place_of(const struct drawing *d, const struct box *b)
{
	return (d->mover_of[b->node] & ~BADGE_INSIDE) - 1;
}

static void draw_movers(const struct drawing *d, struct image *img)
{
	const struct chrome *chrome = palette_chrome(d->scene->opt.theme);
	int thick = geometry_even(&d->geo, 4) > 2 ? geometry_even(&d->geo, 4) : 2;

	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];
		int x = box_x(d, b), y = box_y(d, b), width = box_width(d, b);
		int height = d->row - d->geo.gap, radius = badge_radius(&d->geo);

		if (b->kind == BOX_SMALL || !d->mover_of[b->node] || width < thick)
			continue;
		draw_frame(img, chrome->accent, x, y, width, height, thick);
		if (badge_inside(d, b))
			badge_draw(d->scene, &d->geo, d->text, img, place_of(d, b),
				   x + radius + thick, y + height / 2);
		else
			badge_draw(d->scene, &d->geo, d->text, img, place_of(d, b), x + width / 2,
				   y - radius);
	}
}

static void draw_still(struct drawing *d, const struct moment *m)
{
	struct canvas *c;

	image_clear(d->still, palette_chrome(d->scene->opt.theme)->background);
	c = canvas_begin(d->still);
	if (c) {
		surround_still_shapes(&d->surround, c);
		canvas_end(c);
	}
	surround_still_words(&d->surround, d->still, m);
}

/* Its colours come first, and so are exact where the table gets full. */
static void begin_image(const struct drawing *d, struct image *img)
{
	const struct image *still = d->still;
	size_t stride = img->stride_bytes;
	int top = d->geo.flame_top, bottom = d->geo.flame_bottom;
	uint8_t ground;

	img->colours = still->colours;
	ground = colours_number(&img->colours, palette_chrome(d->scene->opt.theme)->background);
	memcpy(img->pixels, still->pixels, top * stride);
	memset(image_row(img, top), ground, (bottom - top) * stride);
	memcpy(image_row(img, bottom), image_row(still, bottom), (img->height - bottom) * stride);
}

void drawing_image(struct drawing *d, struct image *img, const struct moment *m)
{
	struct canvas *c;

	if (m->at_rest)
		draw_still(d, m);
	begin_image(d, img);
	layout_totals(&d->scene->tree, m->self, d->total);
	d->n_boxes = layout_boxes(&d->scene->tree, d->total, d->scene->full, d->geo.flame_width,
				  d->scratch, d->box);
	draw_boxes(d, img);
	c = canvas_begin(img);
	if (c) {
		surround_moving_shapes(&d->surround, c, m);
		canvas_end(c);
	}
	if (m->at_rest) {
		find_movers(d, m->numbers);
		choose_labels(d);
	}
	surround_strip_words(&d->surround, img);
	draw_labels(d, img);
	draw_movers(d, img);
}

void drawing_describe(const struct drawing *d, struct strbuf *sb)
{
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		const struct box *b = &d->box[i];
		uint32_t label = *label_slot(d, b);

		strbuf_addf(sb, "%2u %5d %5d %-8s", b->row, b->x0_px, b->x1_px,
			    palette_kind_names[b->kind]);
		if (b->kind == BOX_SMALL)
			strbuf_addf(sb, " (%u)", b->n_small);
		if (label)
			strbuf_addf(sb, " %s", d->label[label - 1].text);
		strbuf_addc(sb, '\n');
	}
}
