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

/*
 * What can be told beforehand about the files to be made, as long as it costs nothing to be told:
 * a missing folder, a name that is taken; and whether the file of marks can be read. Sequences,
 * which make their folders, are left out. Returns an exit status; what is wrong was printed.
 */
int outputs_check(const struct options *opt);

/* Whether it asks for pictures, which take their time. */
bool outputs_have_pictures(const struct options *opt);

#endif
