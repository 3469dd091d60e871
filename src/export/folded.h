#ifndef EXPORT_FOLDED_H
#define EXPORT_FOLDED_H

#include <stdio.h>

#include "export/display.h"

/*
 * A recording as folded text, which flamegraph.pl and all its kin read, and import/folded.h:
 *
 *	process;frame;frame;frame COUNT
 *
 * Root first; the process is the bare name of its main thread, so that processes of one name are
 * one. Lines are in the order of their bytes (LC_ALL=C sort), and no two have the same stack.
 * A ";" in a name becomes ":", an empty name "[unknown]", a blank at the end of a name "\x20", a
 *"#" at the start of a process "\x23"; other blanks stay, for the count follows the last one.
 *Stacks of which only a part is known begin with [truncated]. The text of a block is in memory
 *before it is written.
 *
 * With style.delimited, a frame "-" stands between user and kernel frames, as profile(8) -df has
 *it. With style.per_snapshot, each snapshot is a block of its own, in order of time, under a
 *header; one without samples is a header alone. At the top stands what is known of the machine,
 *without the fields that are not known or hold blanks:
 *
 *	# flamelapse host=web1 event=cpu-clock freq_hz=99 period_ns=10101010 online_cpus=8 …
 *	# t=1763647407.250000000 dur=1
 *
 * 0 or a negative errno, after one line: see export/textfile.h and recording_load().
 */
int export_folded(struct recording *rec, const struct folded_style *style, const char *path);

/* The same to a stream, whose errors the caller looks at. */
int folded_write(struct recording *rec, const struct folded_style *style, FILE *f);

#endif
