#ifndef CLI_SYMBOLIZE_H
#define CLI_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/recording.h"
#include "symbols/namer.h"

/*
 * Names for code that had none when it was recorded: the frames `lib.so@0x…` and `lib.so+0x…` of
 * modules whose build-id the recording holds. A file is taken from where it stood, or by its
 * build-id from the folders of debug files, or from a debuginfod server; it is believed only if its
 * build-id is the recorded one.
 *
 * Functions alone, without inlined ones and lines: these differ from place to place in a function,
 * and a frame is a function, whatever the place. Frames by place would make several nodes of each.
 */
struct symbolize_from {
	const char *debug_folder; /* besides the system's, or NULL */
	bool debuginfod;	  /* ask the servers of DEBUGINFOD_URLS, too (cli/debuginfod.h) */
};

struct symbolize_counts {
	size_t unnamed, named; /* frames of such a form: before, and of these now named */
	size_t modules, found; /* with such frames: in all, and those whose file was found */
	size_t no_build_id;    /* modules without one, which cannot be told from others */
};

/*
 * Writes the recording anew, to another path, with the names that are found; all else stays. The
 * namer's modules are replaced. 0 or a negative errno, after one line.
 */
int symbolize(struct recording *rec, const char *path, struct namer *namer,
	      const struct symbolize_from *from, struct symbolize_counts *counts_ret);

#endif
