#ifndef RENDER_SURROUND_H
#define RENDER_SURROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "render/canvas.h"
#include "render/geometry.h"
#include "render/scene.h"
#include "render/text.h"

/*
 * What one image shows. In a motion the boxes, the bracket and the playhead move, while numbers and
 * labels are still those of the state before.
 */
struct moment {
	const uint64_t *self;	     /* value of each node */
	const struct state *numbers; /* at rest: the state whose `self` that is */
	uint64_t from_ns, to_ns;     /* unix: what the bracket spans, and the playhead */
	bool at_rest;
};

/* All that surrounds the flame: title, clock, ruler, strip, legend, and what the image rests on. */
struct surround {
	const struct scene *scene;
	const struct geometry *geo;
	const struct chrome *chrome;
	struct text *text;
	uint16_t *strip_top;
	uint8_t legend[BOX_KINDS]; /* kinds */
	int n_legend;
	bool is_narrow; /* the words in the footer are short */
};

/* Borrows all three. */
void surround_init(struct surround *s, const struct scene *scene, const struct geometry *geo,
		   struct text *text);
void surround_deinit(struct surround *s);

/* What stays from one image at rest to the next: all words but those on the strip. */
void surround_still_shapes(const struct surround *s, struct canvas *c);
void surround_still_words(const struct surround *s, struct image *img, const struct moment *m);
/* What moves, and what stands on it. */
void surround_moving_shapes(const struct surround *s, struct canvas *c, const struct moment *m);
void surround_strip_words(const struct surround *s, struct image *img);

#endif
