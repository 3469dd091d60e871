#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/option_check.h"
#include "cli/option_table.h"
#include "cli/option_value.h"
#include "cli/suggest.h"

/* getopt's value for row i of the table; above any letter. */
#define ROW 256

static size_t row_of(const struct option_def *def)
{
	return def - option_table;
}

static void set_defaults(struct options *opt)
{
	*opt = (struct options){
	    .topic = N_COMMANDS,
	    .series = SERIES_MAX,
	    .record = {.cpu = -1,
		       .hash_storage_size = 40960,
		       .stack_storage_size = 16384,
		       .event = "cpu-clock",
		       .interval_ns = NS_PER_S,
		       .max_stack = 256,
		       .max_loss_percent = -1},
	};
}

void options_deinit(struct options *opt)
{
	free(opt->record.pids);
	free(opt->record.tids);
	free(opt->outputs);
	free(opt->inputs);
	free(opt->mark);
	set_defaults(opt);
}

static int command_find(const char *word)
{
	for (int c = 0; c < N_COMMANDS; c++)
		if (!strcmp(word, command_table[c].name))
			return c;
	return -1;
}

static const char *command_suggest(const char *word)
{
	struct suggestion s = {.word = word};

	for (int c = 0; c < N_COMMANDS; c++)
		suggest_offer(&s, command_table[c].name);
	return s.best;
}

static bool is_later_command(const char *word)
{
	static const char *const later[] = {"view", "serve", "play", "mark"};

	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (!strcmp(word, later[i]))
			return true;
	return false;
}

/* Says what may be meant by an option that this command does not know. */
static int refuse_unknown(enum command command, const char *arg)
{
	const char *name = arg + strspn(arg, "-");
	size_t len = strcspn(name, "=");
	const struct option_def *def = option_by_name(name, len);
	char word[64];
	struct suggestion s = {.word = word};

	if (arg[1] == '-' && def && !def->commands) {
		log_error("'--%s' is about pictures, which this build leaves out (make RENDER=0)",
			  def->name);
	} else if (arg[1] == '-' && def) {
		log_error("%s has no option '--%s'; see 'flamelapse help %s'",
			  command_table[command].name, def->name, command_table[command].name);
	} else {
		strncpy(word, name, sizeof(word) - 1);
		word[len < sizeof(word) ? len : sizeof(word) - 1] = '\0';
		for (size_t i = 0; i < n_options; i++)
			if (option_is_for(&option_table[i], command))
				suggest_offer(&s, option_table[i].name);
		if (s.best)
			log_error("unknown option '%s'; did you mean '--%s'?", arg, s.best);
		else
			log_error("unknown option '%s'; see 'flamelapse help %s'", arg,
				  command_table[command].name);
	}
	return EXIT_USAGE;
}

static int refuse_letter(enum command command, char letter)
{
	const struct option_def *def = option_by_letter(letter);
	const char *name = command_table[command].name;

	if (strchr("TPR", letter) && command == COMMAND_RECORD)
		log_error("-%c (the live feed) is not in this version; record first, then render",
			  letter);
	else if (def && !def->commands)
		log_error("'-%c' is about pictures, which this build leaves out (make RENDER=0)",
			  letter);
	else if (def)
		log_error("%s has no option '-%c'; see 'flamelapse help %s'", name, letter, name);
	else
		log_error("unknown option '-%c'; see 'flamelapse help %s'", letter, name);
	return EXIT_USAGE;
}

/* What getopt_long() gave as '?' or ':'. */
static int refuse_option(enum command command, int c, char *const *argv)
{
	const struct option_def *def =
	    optopt >= ROW ? &option_table[optopt - ROW] : option_by_letter((char)optopt);

	if (c == ':' && def && def->letter)
		log_error("-%c (--%s) needs a value: %s", def->letter, def->name, def->arg);
	else if (c == ':' && def)
		log_error("--%s needs a value: %s", def->name, def->arg);
	else if (optopt >= ROW)
		log_error("--%s takes no value", def->name);
	else if (optopt)
		return refuse_letter(command, (char)optopt);
	else
		return refuse_unknown(command, argv[optind - 1]);
	return EXIT_USAGE;
}

static int read_duration(struct options *opt, const char *word)
{
	const char *near = command_suggest(word);
	int err = timespan_parse(word, &opt->record.duration_ns);

	if (!err && opt->record.duration_ns >= NS_PER_MS)
		return 0;
	if (!err || err == -ERANGE)
		log_error("duration '%s': give at least 1 ms, at most 584 years", word);
	else if (is_later_command(word))
		log_error("'%s' is not in this version; see 'flamelapse help'", word);
	else if (near)
		log_error("'%s' is no command; did you mean '%s'?", word, near);
	else
		log_error("'%s' is no command and no duration (10, 500ms, 2m); to sample a program "
			  "as it runs: flamelapse -- %s",
			  word, word);
	return EXIT_USAGE;
}

static int read_topic(struct options *opt, const char *word)
{
	int topic = command_find(word);
	const char *near = command_suggest(word);

	if (topic >= 0) {
		opt->topic = topic;
		return 0;
	}
	if (near)
		log_error("'%s' is no command; did you mean '%s'?", word, near);
	else
		log_error("'%s' is no command; see 'flamelapse help'", word);
	return EXIT_USAGE;
}

static bool samples(const struct options *opt)
{
	return opt->command == COMMAND_RECORD || opt->command == COMMAND_EVENTS;
}

static bool takes_one_file(enum command command)
{
	return command == COMMAND_INFO || command == COMMAND_SYMBOLIZE;
}

/* A word that is no option and no option's value. */
static int read_word(struct options *opt, const char *word, size_t n_before)
{
	const char *name = command_table[opt->command].name;

	if (opt->command == COMMAND_RENDER || (takes_one_file(opt->command) && !n_before)) {
		opt->inputs = xreallocarray(opt->inputs, opt->n_inputs + 1, sizeof(*opt->inputs));
		opt->inputs[opt->n_inputs++] = word;
		return 0;
	}
	if (opt->command == COMMAND_HELP && !n_before)
		return read_topic(opt, word);
	if (samples(opt) && command_find(word) < 0 && !n_before)
		return read_duration(opt, word);
	if (opt->command == COMMAND_RECORD && command_find(word) >= 0)
		log_error("'%s' must be the first word: flamelapse %s ...", word, word);
	else
		log_error("%s: one word too many, '%s'; usage: flamelapse %s %s", name, word, name,
			  command_table[opt->command].usage);
	return EXIT_USAGE;
}

/* A long name behind a single dash, as some ports of profile(8) write it: -hash-storage-size. */
static bool is_long_with_one_dash(const char *arg)
{
	return arg[0] == '-' && arg[1] && arg[1] != '-' &&
	       option_by_name(arg + 1, strcspn(arg + 1, "="));
}

struct parser {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 3];
};

/* "-:" stops at each word, and tells a missing value from an unknown option. */
static void parser_build(struct parser *p, enum command command)
{
	char *s = p->shorts;
	size_t n = 0;

	*s++ = '-';
	*s++ = ':';
	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *def = &option_table[i];

		if (!option_is_for(def, command))
			continue;
		p->longs[n++] =
		    (struct option){.name = def->name,
				    .has_arg = def->arg ? required_argument : no_argument,
				    .val = ROW + (int)i};
		if (def->letter) {
			*s++ = def->letter;
			if (def->arg)
				*s++ = ':';
		}
	}
	*s = '\0';
	p->longs[n] = (struct option){0};
}

/* Reads all up to the end, or to `--help` and `--version`, which turn into their command. */
static int read_arguments(struct options *opt, bool *given, int argc, char **argv)
{
	struct parser parser;
	size_t n_words = 0;
	int c, status = 0;

	parser_build(&parser, opt->command);
	opterr = 0;
	optind = 0;
	while (!status) {
		int next = optind ? optind : 1;
		const struct option_def *def;

		if (next < argc && is_long_with_one_dash(argv[next])) {
			log_error("'%s': long options take two dashes, as in '-%s'", argv[next],
				  argv[next]);
			return EXIT_USAGE;
		}
		c = getopt_long(argc, argv, parser.shorts, parser.longs, NULL);
		if (c == -1)
			break;
		if (c == 1) {
			status = read_word(opt, optarg, n_words++);
			continue;
		}
		if (c == '?' || c == ':')
			return refuse_option(opt->command, c, argv);
		def = c >= ROW ? &option_table[c - ROW] : option_by_letter((char)c);
		if (!def->read) {
			opt->command = strcmp(def->name, "help") ? COMMAND_VERSION : COMMAND_HELP;
			return 0;
		}
		given[row_of(def)] = true;
		if (def->read(opt, def, optarg))
			return EXIT_USAGE;
	}
	if (optind == argc && samples(opt) && !strcmp(argv[argc - 1], "--")) {
		log_error("there is no command after --");
		return EXIT_USAGE;
	}
	if (optind < argc && samples(opt))
		opt->record.argv = argv + optind;
	else
		for (; !status && optind < argc; optind++)
			status = read_word(opt, argv[optind], n_words++);
	return status;
}

int options_parse(struct options *opt, int argc, char **argv)
{
	int command = argc > 1 ? command_find(argv[1]) : -1, status;
	bool given[OPTIONS_MAX] = {false};

	set_defaults(opt);
	opt->command = COMMAND_RECORD;
	if (!RENDER && command == COMMAND_RENDER) {
		log_error("this build only records (make RENDER=0); render elsewhere");
		return EXIT_USAGE;
	}
	if (command >= 0) {
		opt->command = command;
		if (command != COMMAND_HELP)
			opt->topic = command;
		argc--;
		argv++;
	}
	status = read_arguments(opt, given, argc, argv);
	if (status || opt->command == COMMAND_HELP || opt->command == COMMAND_VERSION)
		return status;
	return options_check(opt, given);
}
