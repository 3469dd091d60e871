#ifndef CLI_OPTION_CHECK_H
#define CLI_OPTION_CHECK_H

#include "cli/options.h"

#define OPTIONS_MAX 64

/*
 * The last step of options_parse(): refuses what excludes each other, what is missing and what
 * would change nothing. given[i] tells whether row i of option_table was on the command line.
 * 0, or EXIT_USAGE after one line to stderr.
 */
int options_check(struct options *opt, const bool given[OPTIONS_MAX]);

#endif
