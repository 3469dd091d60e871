#ifndef CLI_MARKS_H
#define CLI_MARKS_H

#include "cli/options.h"
#include "profile/recording.h"

/*
 * Marks from the command line: --mark 'TIME|TEXT', and --marks FILE with one such line each (the
 * format of Gource's captions: unix seconds, a bar, a text; here any time that --from takes). Blank
 * lines and those that begin with # are passed over.
 *
 * Adds to the recording those that lie within it, and says how many do not. Returns an exit status;
 * what went wrong was printed.
 */
int marks_add(const struct options *opt, struct recording *rec);

/* The same without a recording: whether the file can be read, before one is made. */
int marks_check(const struct options *opt);

#endif
