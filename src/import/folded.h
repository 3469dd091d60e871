#ifndef IMPORT_FOLDED_H
#define IMPORT_FOLDED_H

#include <stddef.h>
#include <stdint.h>

#include "profile/recording.h"

/*
 * Folded text, the common coin of flame graphs, read into a recording.
 *
 * A line is a stack, root first, and its count:
 *
 *	process;frame;frame;frame COUNT
 *
 * - The count follows the last blank of the line (a space or a tab); blanks around it do not
 *   matter. It is a whole number of 64 bits. A fraction of zeros ("12.0") is accepted, any other
 *   is refused, since samples are counted exactly; so are negative numbers. A stack counted 0
 *   times adds nothing.
 * - The first frame is the process; each distinct name is one process, with pid 0. An empty first
 *   frame (";main 1") is process 0, "not known". A line of one frame is the process alone (node 0).
 * - The other frames are nodes; import/frames.h tells how a name gives its kind. An empty frame
 *   between others (";;") is "[unknown]"; semicolons at the end of a stack add nothing, as in
 *   flamegraph.pl.
 * - A frame "-" or "--" with frames of the process before it and others after it is the delimiter
 *   of profile -d: it is no node, and what follows it without a suffix is kernel code.
 * - A stack in which the frame "[truncated]" stands counts as truncated, any other as complete. A
 *   stack deeper than FOLDED_MAX_DEPTH is cut there, ends in "[truncated]", and one word says how
 *   many there were.
 * - Blank lines are nothing. import/text.h tells what a line is, and how long it may be.
 *
 * Without time headers, each file is one snapshot: file i, counted from 0, covers
 * [i, i + 1) × interval_ns from unix time 0. With them, each block of lines is one:
 *
 *	# t=1763647407.250000000 dur=1
 *
 * which begins `dur` seconds from `t` on, in unix time, both decimal with at most nine digits of
 * fraction. Further fields of that line are ignored. Blocks come in order of time, within a file
 * and from file to file. Those of equal t add up, and have the same dur. A block that begins
 * before the one before it ends is refused; where it does by at most FOLDED_MAX_OVERLAP_NS, the
 * earlier one is made to end there, since decimals are often rounded. A block without lines is a
 * snapshot without samples. All files of a recording have headers, or none has.
 *
 * A line that begins with "# flamelapse" says what is known of the whole recording. It may stand
 * anywhere, and more than once if it does not contradict itself:
 *
 *	# flamelapse host=web1 event=cpu-clock freq_hz=99 period_ns=10101010 online_cpus=8
 *utc_offset_s=3600
 *
 * Each field may be absent, values hold no blanks, and unknown fields are ignored. They are those
 * of struct recording_meta; where freq_hz stands without period_ns, a sample is 1 s / freq_hz.
 * Every other line that begins with "#" is a comment.
 *
 * For who writes such text: a name must hold no ";" and no line break, a process must not begin
 * with "#", and no stack ends in a blank or in ";".
 */
#define FOLDED_MAX_DEPTH      4096 /* frames under the process */
#define FOLDED_MAX_NODES      (1u << 28)
#define FOLDED_MAX_OVERLAP_NS 1000000

struct folded_options {
	uint64_t interval_ns; /* of files without time headers; 0: 1 s */
};

/*
 * Reads n > 0 files in their order; "-" is stdin. `rec` need not be initialised, and is to be given
 * to recording_deinit() in the end, whatever is returned; all its counts are in memory, packed. opt
 * may be NULL.
 *
 * 0, or a negative errno after one line that names file and line number: -EBADMSG for a line that
 * is wrong or beyond a limit above, -ENODATA for an empty file, for one with neither stacks nor
 * headers, and where there is no stack in any; or what open() or read() said.
 */
int import_folded(const char *const *paths, size_t n, const struct folded_options *opt,
		  struct recording *rec);

/* The same from one text in memory, which is called `name` in messages. */
int import_folded_text(const char *name, const char *text, size_t size_bytes,
		       const struct folded_options *opt, struct recording *rec);

#endif
