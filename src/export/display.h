#ifndef EXPORT_DISPLAY_H
#define EXPORT_DISPLAY_H

#include <stdbool.h>

#include "profile/recording.h"

/*
 * Stacks as text shows them. Frames of different modules or kinds may look the same in text, so
 * stacks are numbered anew by what they look like: two stacks are one where their texts are equal.
 *
 *	struct display ds;
 *	display_init(&ds, &rec->dict, &style);
 *	node = display_node(&ds, entry.node);	in ds.dict, whose strings are frames' names and
 *						whose nodes have the name's string for a frame
 *	display_deinit(&ds);
 */
struct folded_style {
	bool annotate;	   /* _[k], _[j], _[i] after names of kernel, JIT and inlined frames */
	bool delimited;	   /* a frame of its own between user and kernel frames */
	bool per_snapshot; /* a block for each snapshot */
};

struct display {
	const struct dict *from;
	struct folded_style style;
	const char *delimiter;
	struct dict dict;
	uint32_t *name; /* frame → its string, plus 1 */
	uint32_t *node; /* node of `from` → of `dict`, plus 1 */
};

/* All frames and nodes of `from` are there already. */
void display_init(struct display *ds, const struct dict *from, const struct folded_style *style,
		  const char *delimiter);
void display_deinit(struct display *ds);

uint32_t display_node(struct display *ds, uint32_t node);
/* The string of a name that is no frame. */
uint32_t display_text(struct display *ds, const char *name);

static inline const char *display_name(const struct display *ds, uint32_t node)
{
	return dict_text(&ds->dict, ds->dict.node[node].frame);
}

#endif
