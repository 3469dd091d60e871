#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

/*
 * Completions of the command line for three shells, made from the option table; the build calls
 * these and installs what they print. All go to stdout.
 */
void complete_print_bash(void);
void complete_print_zsh(void);
void complete_print_fish(void);

/* The table for tests: "COMMAND<tab>--name<tab>-letter or empty<tab>argument or empty", a row for
 * each command that knows the option, and "command<tab>NAME" for each command. */
void complete_print_table(void);

#endif
