#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include "cli/options.h"
#include "profile/recording.h"

/*
 * Opens what the command line names as one recording: a .flame file, or any number of files of
 * folded text; which it is, the content says. Its --series is seen, and it is trimmed to --from and
 * --to. Returns an exit status, after one line where it is not 0; rec needs recording_deinit()
 * either way.
 */
int inputs_open(const struct options *opt, struct recording *rec);

#endif
