#ifndef IMPORT_HEADER_H
#define IMPORT_HEADER_H

#include "import/text.h"
#include "profile/recording.h"

/*
 * The lines of folded text that begin with "#": the headers which import/folded.h describes, and
 * comments.
 */
enum header_kind {
	HEADER_NONE, /* a comment */
	HEADER_TIME, /* "# t=… dur=…" */
	HEADER_META, /* "# flamelapse …" */
};

struct header {
	enum header_kind kind;
	uint64_t t0_ns, t1_ns; /* of HEADER_TIME, t0_ns < t1_ns */
};

/*
 * Reads the line [s, end), its "#" included; what HEADER_META says goes into meta. 0, or -EBADMSG
 * after a line of words.
 */
int header_read(const struct text *t, const char *s, const char *end, struct recording_meta *meta,
		struct header *header_ret);

/*
 * The length of the decimal digits at s, which stop before any other byte or at the end; -1 where
 * their number is beyond 64 bits.
 */
int header_digits(const char *s, const char *end, uint64_t *v_ret);

#endif
