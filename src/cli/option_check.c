#include "cli/option_check.h"

#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "capture/options.h"
#include "cli/option_table.h"
#include "cli/option_value.h"

static bool is_given(const bool *given, const char *name)
{
	return given[option_by_name(name, strlen(name)) - option_table];
}

/* Pairs of which only one can be meant. */
static const struct {
	const char *a, *b, *why;
} conflicts[] = {
    {"frequency", "count", "a sample comes by time or by number"},
    {"off-cpu", "cpu", "who waits is on no CPU"},
    {"pid", "tid", "the threads of a process are sampled already"},
    {"user-stacks-only", "kernel-stacks-only", "together they leave nothing"},
    {"cpu", "all-cpus", "it is one CPU or all of them"},
    {"cgroup", "cgroupmap", "one says by path what the other says by id"},
    {"length", "speed", "one follows from the other"},
    {"raw", "json", "each is a form of its own"},
    {"raw", "stacks", "the form has no place for them"},
    {"raw", "off-cpu", "the form has no place for a length"},
};

/* What --off-cpu excludes, unless --on-cpu is there for it to belong to. */
static const struct {
	const char *name, *why;
} on_cpu_only[] = {
    {"event", "it is the event"},
    {"frequency", "all of the time is taken, at no rate"},
    {"count", "all of the time is taken"},
    {"include-idle", "the idle task never waits"},
};

/* What a COMMAND excludes, unless the whole machine or a CPU is sampled while it runs. */
static const char *const filters[] = {"pid", "tid", "cgroup", "cgroupmap", "mntnsmap"};

static int check_record(const struct options *opt, const bool *given)
{
	bool machine = !opt->record.argv || opt->record.all_cpus || opt->record.cpu >= 0;

	if (opt->record.argv && !*opt->record.argv[0]) {
		log_error("the COMMAND after -- is an empty word");
		return EXIT_USAGE;
	}
	for (size_t i = 0; !machine && i < ARRAY_SIZE(filters); i++) {
		if (!is_given(given, filters[i]))
			continue;
		log_error("--%s and a COMMAND: sample one of them, or add --all-cpus, and COMMAND "
			  "only says how long",
			  filters[i]);
		return EXIT_USAGE;
	}
	return 0;
}

static int check_off_cpu(struct options *opt, const bool *given)
{
	struct record_options *r = &opt->record;

	if (!r->off_cpu && (is_given(given, "min-block") || is_given(given, "max-block"))) {
		log_error("--min-block and --max-block are about --off-cpu, which is not given");
		return EXIT_USAGE;
	}
	for (size_t i = 0; r->off_cpu && !r->on_cpu && i < ARRAY_SIZE(on_cpu_only); i++) {
		if (!is_given(given, on_cpu_only[i].name))
			continue;
		log_error("--off-cpu and --%s exclude each other: %s; --on-cpu beside --off-cpu "
			  "records both",
			  on_cpu_only[i].name, on_cpu_only[i].why);
		return EXIT_USAGE;
	}
	if (!is_given(given, "min-block"))
		r->min_block_ns = CAPTURE_MIN_BLOCK_NS;
	if (!r->max_block_ns || r->max_block_ns >= r->min_block_ns)
		return 0;
	if (is_given(given, "min-block")) {
		log_error("--max-block is below --min-block: nothing is left between them");
		return EXIT_USAGE;
	}
	r->min_block_ns = 0;
	return 0;
}

static int check_series(const struct options *opt, const struct event_spec *event)
{
	const struct record_options *r = &opt->record;

	if (r->off_cpu && r->on_cpu && event_is_counted(event)) {
		log_error("--on-cpu is about time, and -e %s is not: leave out --on-cpu, or record "
			  "twice",
			  r->event);
		return EXIT_USAGE;
	}
	if (opt->series == SERIES_OFF_CPU && !r->off_cpu) {
		log_error("--series off-cpu: that is not recorded; add --off-cpu");
		return EXIT_USAGE;
	}
	if (opt->series == SERIES_ON_CPU && r->off_cpu && !r->on_cpu) {
		log_error("--series on-cpu: that is not recorded with --off-cpu alone; add "
			  "--on-cpu");
		return EXIT_USAGE;
	}
	return 0;
}

static bool writes(const struct options *opt, unsigned kinds)
{
	for (size_t i = 0; i < opt->n_outputs; i++)
		if (kinds >> opt->outputs[i].kind & 1)
			return true;
	return !opt->n_outputs && opt->command == COMMAND_RECORD &&
	       (kinds & (1u << OUTPUT_MP4 | 1u << OUTPUT_RECORDING));
}

#define IMAGES (1u << OUTPUT_MP4 | 1u << OUTPUT_Y4M | 1u << OUTPUT_PNG)
#define TEXTS  (1u << OUTPUT_FOLDED | 1u << OUTPUT_STACKS)

/* An option that would change nothing is refused; profile(8)'s own only get a word. */
static int check_purpose(const struct options *opt, const bool *given)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *def = &option_table[i];

		if (given[i] && def->group == GROUP_PICTURE && !writes(opt, IMAGES) &&
		    def->read != value_time) {
			log_error("--%s is about images, and none are asked for; add -o x.mp4",
				  def->name);
			return EXIT_USAGE;
		}
		if (given[i] && def->group == GROUP_TEXT && def->letter && !writes(opt, TEXTS))
			log_warn("-%c changes text alone, and none is asked for; add -f",
				 def->letter);
	}
	if (opt->per_snapshot && !writes(opt, 1u << OUTPUT_FOLDED)) {
		log_error("--per-snapshot is about folded text; add -f or -o x.folded");
		return EXIT_USAGE;
	}
	if (opt->render.window_ns && opt->render.mode != MODE_WINDOW) {
		log_error("--window needs --mode window: the other modes say how much is shown");
		return EXIT_USAGE;
	}
	return 0;
}

static int check_files(const struct options *opt)
{
	const char *name = command_table[opt->command].name;
	size_t n_stdin = 0;

	if (command_table[opt->command].takes_files && !opt->n_inputs) {
		log_error("%s needs a file; usage: flamelapse %s %s", name, name,
			  command_table[opt->command].usage);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < opt->n_inputs; i++) {
		n_stdin += !strcmp(opt->inputs[i], "-");
		for (size_t j = 0; j < opt->n_outputs; j++) {
			if (strcmp(opt->inputs[i], opt->outputs[j].path) || n_stdin)
				continue;
			log_error("'%s' is an input and an output; give the output another name",
				  opt->inputs[i]);
			return EXIT_USAGE;
		}
	}
	if (n_stdin > 1) {
		log_error("stdin (-) can be read once only");
		return EXIT_USAGE;
	}
	if (opt->command == COMMAND_SYMBOLIZE && opt->n_outputs > 1) {
		log_error("symbolize writes one recording; give one -o");
		return EXIT_USAGE;
	}
	if (opt->command == COMMAND_RENDER && !opt->n_outputs) {
		log_error("render needs to know what to make: -o FILE (%s), -E or -f",
			  extension_list(opt->command));
		return EXIT_USAGE;
	}
	return 0;
}

int options_check(struct options *opt, const bool given[OPTIONS_MAX])
{
	int status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
		if (!is_given(given, conflicts[i].a) || !is_given(given, conflicts[i].b))
			continue;
		log_error("--%s and --%s exclude each other: %s", conflicts[i].a, conflicts[i].b,
			  conflicts[i].why);
		return EXIT_USAGE;
	}
	if (value_finish(opt))
		return EXIT_USAGE;
	if (opt->command == COMMAND_RECORD || opt->command == COMMAND_EVENTS) {
		struct event_spec event;

		event_spec_parse(opt->record.event, &event);
		if (opt->record.off_cpu && !opt->record.on_cpu)
			event.kind = EVENT_OFF_CPU;
		if (!opt->record.period && !opt->record.freq_hz && event_is_counted(&event))
			opt->record.period = 1;
		else if (!opt->record.period && !opt->record.freq_hz)
			opt->record.freq_hz = 49;
		status = check_record(opt, given);
		status = status ? status : check_off_cpu(opt, given);
		status = status ? status : check_series(opt, &event);
	}
	if (!status)
		status = check_files(opt);
	return status ? status : check_purpose(opt, given);
}
