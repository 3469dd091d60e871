#ifndef PROFILE_KIND_H
#define PROFILE_KIND_H

#include <stddef.h>

#include "profile/dict.h"

/*
 * How the kind of a frame shows where there is nothing but text: in folded stacks, as they are read
 * and written.
 *
 *	name_[k]        FRAME_KERNEL, as in flamegraph.pl
 *	name_[j]        FRAME_JIT
 *	name_[i]        FRAME_INLINED
 *	[truncated]     FRAME_MARK, and so is [truncated: why]
 *	[unknown]       FRAME_UNNAMED, and so is an empty name
 *	0x1f            FRAME_UNNAMED
 *	lib.so+0x1f     FRAME_UNNAMED; the digits go up to the end of the name
 *	lib.so@0x1f     FRAME_UNNAMED
 *	[lib.so]+0x1f   FRAME_UNNAMED
 *	anything else   FRAME_USER
 *
 * A suffix alone, with nothing before it, is a name like any other, and a suffix weighs more than
 * the form of the name: [unknown]_[k] is kernel code called "[unknown]".
 */
#define FRAME_UNKNOWN	"[unknown]"
#define KIND_SUFFIX_LEN 4

/* The kind of the name [s, s + *len), from whose length the suffix is taken off. */
enum frame_kind kind_of_name(const char *s, size_t *len);

/* "_[k]" and so on; "" where a kind has none. */
const char *kind_suffix(enum frame_kind kind);

/* Why the stacks under a frame of this name are truncated: a part of it of *len_ret bytes, or a
 * word of ours; NULL where it is no such frame. */
const char *kind_truncated_why(const char *name, size_t *len_ret);

#endif
