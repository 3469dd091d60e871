/* Command lines: words between newlines, as many as there are, through the whole of parsing. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/timespan.h"
#include "cli/options.h"

#define WORDS_MAX 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The refusals would be all that one sees; reports of the sanitizers still reach stderr. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int report = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	(void)argc;
	(void)argv;
	if (report < 0 || null < 0)
		abort();
	__sanitizer_set_report_fd((void *)(intptr_t)report);
	dup2(null, STDERR_FILENO);
	close(null);
	return 0;
}

/* What is accepted obeys what options.h says. */
static void check(const struct options *opt)
{
	size_t n_stdout = 0;

	for (size_t i = 0; i < opt->n_outputs; i++)
		n_stdout += !strcmp(opt->outputs[i].path, "-");
	if (n_stdout > 1 || (opt->command == COMMAND_RENDER && !opt->n_inputs))
		abort();
	if (opt->command == COMMAND_RECORD &&
	    (!opt->record.freq_hz == !opt->record.period ||
	     opt->record.interval_ns < 10 * NS_PER_MS || !opt->record.hash_storage_size))
		abort();
	if (opt->render.width % 2 || opt->render.height % 2 || opt->render.fps < 0 ||
	    (opt->render.length_ns && opt->render.speed != 0))
		abort();
}

static void check_times(const char *word)
{
	char iso[TIME_ISO_MAX], span[TIMESPAN_MAX];
	struct time_point point, again;
	uint64_t ns;

	if (!timespan_parse(word, &ns))
		timespan_format(span, ns);
	if (time_point_parse(word, &point) || point.kind != TIME_POINT_UNIX)
		return;
	point.ns -= point.ns % NS_PER_MS;
	time_format_iso(iso, point.ns, 0);
	if (time_point_parse(iso, &again) || again.ns != point.ns)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *argv[WORDS_MAX + 2] = {"flamelapse"};
	struct options opt;
	int argc = 1;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	for (char *p = copy; p && argc <= WORDS_MAX;) {
		char *end = strchr(p, '\n');

		if (end)
			*end++ = '\0';
		argv[argc++] = p;
		check_times(p);
		p = end;
	}
	if (!options_parse(&opt, argc, argv) && opt.command != COMMAND_HELP &&
	    opt.command != COMMAND_VERSION)
		check(&opt);
	options_deinit(&opt);
	free(copy);
	return 0;
}
