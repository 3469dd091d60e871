#ifndef EXPORT_TEXTOUT_H
#define EXPORT_TEXTOUT_H

#include "base/outfile.h"
#include "base/strbuf.h"

/*
 * Text on its way to a file, which appears when it is whole, or to stdout for "-".
 *
 *	err = textout_open(&out, path);
 *	strbuf_adds(&out.buf, "…");	as much as a line, then
 *	err = textout_flow(&out);	which writes when a block is full
 *	err = textout_close(&out, err);
 *
 * All return 0 or a negative errno. The message, which names the file, is printed once; -EPIPE, a
 * reader who has seen enough, is none.
 */
struct textout {
	struct strbuf buf;
	const char *path;
	struct outfile file; /* fd is that of stdout for "-" */
};

int textout_open(struct textout *out, const char *path);
int textout_flow(struct textout *out);
/* err: of what was to be written; then no file appears. It is passed on. Needed after every
 * textout_open() that returned 0. */
int textout_close(struct textout *out, int err);

#endif
