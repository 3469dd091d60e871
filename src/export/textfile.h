#ifndef EXPORT_TEXTFILE_H
#define EXPORT_TEXTFILE_H

#include <stdio.h>

#include "export/display.h"

/*
 * Writes a recording as text to a file, which appears under its name when it is whole
 * (base/outfile.h), or to stdout where path is "-". `write` returns 0 or a negative errno, for
 * which it has printed a line; it need not look at errors of the stream. 0 or a negative errno,
 * after one line; -EPIPE, where whoever read our stdout has seen enough, goes without one.
 */
int textfile_write(const char *path,
		   int (*write)(struct recording *rec, const struct folded_style *style, FILE *f),
		   struct recording *rec, const struct folded_style *style);

#endif
