#ifndef EXPORT_STACKS_H
#define EXPORT_STACKS_H

#include <stdio.h>

#include "export/display.h"

/*
 * A recording in the many lines that profile(8) prints by default: each stack with its innermost
 * frame first, then who ran it, and how often it was sampled; the most frequent at the end, where a
 * terminal shows it.
 *
 *	    frame
 *	    frame
 *	    -                process (PID)
 *	        COUNT
 *
 * With style.delimited, a line "    --" stands between kernel and user frames; with style.annotate
 * kernel frames end in _[k]. style.per_snapshot has no effect here. Stacks of equal count are in
 *the order of process, PID and first sight. Errors as of export_folded().
 */
int export_stacks(struct recording *rec, const struct folded_style *style, const char *path);

/* The same to a stream, whose errors the caller looks at. */
int stacks_write(struct recording *rec, const struct folded_style *style, FILE *f);

#endif
