#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

/*
 * The commands. Each returns what the program ends with (base/exit.h), after it has printed why if
 * that is not 0. Data goes to stdout, which main() flushes and checks afterwards.
 */
int cmd_record(const struct options *opt);
int cmd_events(const struct options *opt);
#if RENDER
int cmd_render(const struct options *opt);
#endif
int cmd_info(const struct options *opt);
int cmd_symbolize(const struct options *opt);
int cmd_doctor(const struct options *opt);

#endif
