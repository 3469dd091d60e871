#ifndef EXPORT_FOLDED_H
#define EXPORT_FOLDED_H

#include <stdbool.h>

#include "profile/grouping.h"
#include "profile/recording.h"

/*
 * A recording as folded text, which import/folded.h reads back and other flame graph tools know:
 *
 *	process;frame;frame;frame COUNT
 *
 * root first, a line for each stack, in byte order of the stacks. Processes are their bare names,
 * so those of one name are added up, and so are frames of one name in different files. The counts
 * of all lines together are the samples taken.
 *
 * Without per_snapshot that is all: no line is a comment. With it, each snapshot has its block, one
 * without samples too, and the first line says what is known of the whole:
 *
 *	# flamelapse host=web1 event=cpu-clock freq_hz=99 period_ns=10101010 online_cpus=8
 *	# t=1763647407.250000000 dur=1
 *	process;frame 12
 *
 * annotate adds _[k], _[j], _[i] to the frames that profile/kind.h has a suffix for. delimited puts
 * a frame "-" between user code and the kernel code which it called, as profile -d does.
 *
 * Text that is read and written again in the same style is the same to the byte. So what would be
 * misread is not written as it is: ";" becomes ":", "#" at the beginning of a process and a blank
 * at the end of a name become \x23 and \x20, a name without bytes is "[unknown]", one that ends
 * like a suffix ends in _(k) instead, a frame called "-" or "--" stands in parentheses. A stack of
 * more than LINES_MAX_FRAMES frames is cut there and ends in "[truncated]", as in import.
 */
struct folded_style {
	bool annotate, delimited, per_snapshot;
	enum grouping by; /* what stands first in a line */
};

/*
 * Writes to the file, which appears when it is whole, or to stdout for "-". 0, or a negative errno
 * after one line that names the file; -EPIPE, which is no failure, without a word.
 */
int export_folded(struct recording *rec, const struct folded_style *style, const char *path);

#endif
