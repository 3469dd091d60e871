#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"

/*
 * What the option table says, for people: help on a terminal, and the man page's part that follows
 * from the table (scdoc, see flamelapse.1.scd). All go to stdout, which the caller checks.
 */
void help_print(enum command topic); /* N_COMMANDS: the whole */
void help_print_version(void);
void help_print_scdoc(void);

#endif
