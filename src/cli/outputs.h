#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "cli/options.h"
#include "profile/recording.h"

/*
 * Writes all that the command line asks to be made from a recording: films together in one pass,
 * sequences together in another, text. Each output is whole or not there at all. Returns an exit
 * status; what went wrong was printed.
 */
int outputs_write(const struct options *opt, struct recording *rec);

/* Whether it asks for pictures, which take their time. */
bool outputs_have_pictures(const struct options *opt);

#endif
