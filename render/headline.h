#ifndef RENDER_HEADLINE_H
#define RENDER_HEADLINE_H

#include <stddef.h>

#include "render/changes.h"

/*
 * What an image says of itself in words: one sentence, and a line for each mover. They state what
 * was counted, and since when; never why.
 */

/* "3.9 → 6.4 CPUs busy since “checkpoint” at 14:03:16; three functions took 1.3 of it" */
void headline_words(const struct scene *s, const struct state *st, char *buf, size_t size);

/* "▲ 0.05 → 0.72 CPUs (×14)", or without the unit. */
void headline_mover(const struct scene *s, const struct mover *m, bool unit, char *buf,
		    size_t size);

/* "baseline: before the first mark", "baseline: the first 10 s" */
void headline_baseline(const struct scene *s, char *buf, size_t size);

#endif
