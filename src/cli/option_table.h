#ifndef CLI_OPTION_TABLE_H
#define CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

/*
 * The one list of options and commands. Parsing (options.c), help (help.c), the man page and the
 * completions of three shells (complete.c) are all made from it, so none can lag behind.
 *
 * The help text is plain words: help wraps it, the man page and the completions take it as it is
 * (a completion only up to the first of ";:("). It says the default where there is one.
 */
enum option_group {
	GROUP_SAMPLING,
	GROUP_NAMES,
	GROUP_TEXT,
	GROUP_OUTPUT,
	GROUP_PICTURE,
	GROUP_GENERAL,
	N_GROUPS
};

/* What a shell may offer for the argument of an option. */
enum complete { COMPLETE_NOTHING, COMPLETE_CHOICES, COMPLETE_FILE, COMPLETE_FOLDER };

struct option_def {
	const char *name;  /* without the dashes */
	char letter;	   /* or 0 */
	const char *arg;   /* what --help calls the argument; NULL: none is taken */
	unsigned commands; /* 1 << enum command, of those that know it */
	enum option_group group;
	const char *help;
	const char *choices; /* words between spaces; of value_choice() the only ones */
	enum complete complete;

	/* How the value is read (cli/option_value.h), and where in struct options it goes. */
	int (*read)(struct options *opt, const struct option_def *def, const char *value);
	size_t offset;
	uint64_t min, max;
};

extern const struct option_def option_table[];
extern const size_t n_options;

struct command_def {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	bool takes_files;
};

extern const struct command_def command_table[N_COMMANDS];
extern const char *const option_group_titles[N_GROUPS];

/* The row of a name or of a letter, for whatever command; NULL: there is none. */
const struct option_def *option_by_name(const char *name, size_t len);
const struct option_def *option_by_letter(char letter);

static inline bool option_is_for(const struct option_def *def, enum command command)
{
	return def->commands >> command & 1;
}

/* What a file's extension asks for. */
struct extension {
	const char *name; /* with its point */
	enum output_kind kind;
	unsigned commands; /* which of them write it; 0: none in this version */
};

/* NULL where the path has none of them. The longest wins: ".pb.gz". */
const struct extension *extension_find(const char *path);
/* Those that `command` writes, in words: ".flame .mp4 …". */
const char *extension_list(enum command command);

#endif
