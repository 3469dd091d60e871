#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

/*
 * Completions of the command line for three shells, made from the option table; the build calls
 * these and installs what they print. All go to stdout.
 */
void complete_print_bash(void);
void complete_print_zsh(void);
void complete_print_fish(void);

/* The table for tests: for each command a row "command<tab>NAME", and for each option it knows one
 * "NAME<tab>--option<tab>-letter<tab>ARGUMENT", with "-" for no letter and for no argument. */
void complete_print_table(void);

#endif
