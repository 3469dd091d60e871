#ifndef EXPORT_FOLDED_H
#define EXPORT_FOLDED_H

#include <stdbool.h>

#include "profile/recording.h"

/*
 * Folded text of a recording, as flamegraph.pl and import/folded.h read it: a line for each stack,
 * `command;outermost;…;innermost COUNT`, sorted by bytes. Processes of one name are one. A ";" in a
 * name becomes ":"; nothing else can break a line, since names are clean.
 */
struct folded_style {
	bool annotate;	   /* _[k] after kernel, _[j] after JIT, _[i] after inlined frames */
	bool delimited;	   /* "-" between user and kernel frames, where a stack has both */
	bool per_snapshot; /* a block for each, under "# t=<unix time> dur=<seconds>" */
};

/*
 * To a file, which appears whole or not at all, or to stdout ("-"). 0, or a negative errno after
 * one line that names the file; -EPIPE, of stdout, without one.
 */
int export_folded(struct recording *rec, const struct folded_style *style, const char *path);

#endif
