#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timespan.h"
#include "profile/recording.h"
#include "render/options.h"

/*
 * The command line, read: plain data. Every option stands in one table (cli/option_table.h), from
 * which parsing, help, man page and completions follow.
 *
 *	status = options_parse(&opt, argc, argv);
 *	if (status)
 *		return status;		the reason was printed
 *	... cmd_render(&opt) ...
 *	options_deinit(&opt);
 *
 * What is single is checked here (numbers, bounds, names of choices, patterns, extensions), and
 * what excludes each other. What depends on the machine (is there such a process, CPU, file; is
 * the rate permitted) is not: that is the command's business. Strings are borrowed from argv.
 */

enum command {
	COMMAND_RECORD,
	COMMAND_RENDER,
	COMMAND_EVENTS,
	COMMAND_INFO,
	COMMAND_SYMBOLIZE,
	COMMAND_DOCTOR,
	COMMAND_HELP,
	COMMAND_VERSION,
	N_COMMANDS,
};

enum output_kind {
	OUTPUT_RECORDING, /* .flame */
	OUTPUT_MP4,
	OUTPUT_Y4M,
	OUTPUT_PNG,    /* a sequence; the path is a pattern with one %d or %0Nd */
	OUTPUT_FOLDED, /* folded text: -o x.folded, or -f */
	OUTPUT_STACKS, /* multi-line text: --stacks */
};

/* The path "-" is stdout: -f, --stacks, and `-o -` of render, which is Y4M. At most one is. */
struct output {
	enum output_kind kind;
	const char *path;
};

struct record_options {
	uint64_t duration_ns; /* 0: until Ctrl-C, or the end of the command */
	uint32_t freq_hz;     /* 0 where period is given */
	uint64_t period;      /* -c: of the event's unit (ns for cpu-clock); 0: by frequency */
	uint32_t *pids, *tids;
	size_t n_pids, n_tids;
	int cpu; /* -1: all */
	bool user_only, kernel_only;
	bool include_idle;
	bool on_cpu, off_cpu;		     /* both: two series */
	uint64_t min_block_ns, max_block_ns; /* max 0: none */
	bool frame_pointers;
	bool per_thread, per_cpu;
	uint32_t max_stack;
	bool all_cpus; /* the whole machine, although there is a command */
	uint32_t hash_storage_size, stack_storage_size;
	const char *cgroupmap, *mntnsmap, *cgroup; /* paths, or NULL */
	const char *event;			   /* "cpu-clock" or "cycles" */
	bool inlines, lines;
	bool debuginfod;	 /* of symbolize too, and so is the next */
	const char *debug_files; /* a folder like /usr/lib/debug, or NULL */
	uint64_t interval_ns;
	double max_loss_percent; /* of expected; negative: any loss is accepted */
	char **argv;		 /* COMMAND and its arguments, NULL at the end; or NULL */
};

struct mark_option {
	struct time_point at;
	const char *text;
};

struct options {
	enum command command;
	enum command topic; /* of help; N_COMMANDS: the whole */
	struct record_options record;
	struct render_options render; /* of record too, which makes a film at its end */
	struct time_point from, to;   /* of render: the part to show */
	struct mark_option *mark;     /* --mark */
	size_t n_marks;
	const char *marks_file; /* or NULL */
	const char *zone;	/* of the clock in pictures; NULL: UTC */

	const char *image_pattern; /* of -E and -g, which stands among the outputs too */
	struct output *outputs;	   /* none on record: flamelapse-HOST-TIME.flame and .mp4 */
	size_t n_outputs;
	const char **inputs; /* of render: at least one; of info and symbolize: one */
	size_t n_inputs;

	bool annotate;	   /* _[k] after kernel frames, in folded and multi-line text */
	bool delimited;	   /* a delimiter between kernel and user frames there */
	bool per_snapshot; /* folded text in one block for each snapshot */
	unsigned series;   /* enum series; SERIES_MAX: on-cpu, or what there is */
	bool json, quiet;
	bool raw; /* of events */
};

/* 0, or an exit status after one line to stderr; `opt` needs options_deinit() either way. */
int options_parse(struct options *opt, int argc, char **argv);
void options_deinit(struct options *opt);

#endif
