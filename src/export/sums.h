#ifndef EXPORT_SUMS_H
#define EXPORT_SUMS_H

#include "base/strbuf.h"
#include "profile/recording.h"

/*
 * The counts of some snapshots added up by (process, stack), for the exporters. Zero-initialise it.
 */
struct sums {
	struct snapshot all; /* sorted; its info is not used */
	struct snapshot one; /* the one loaded last */
};

void sums_deinit(struct sums *s);
/* Adds up the snapshots [first, end). 0 or what recording_load() returned. */
int sums_add(struct sums *s, struct recording *rec, size_t first, size_t end);

/* Writes text to a file that appears whole, or to stdout ("-"); see export_folded(). */
int sums_write(const char *path, const struct strbuf *text);

#endif
