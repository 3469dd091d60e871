#include "cli/marks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"

#define LINES_MAX      10000
#define LINE_MAX_BYTES 4096

struct adding {
	struct recording *rec; /* NULL: lines are only checked */
	uint64_t start_ns, end_ns;
	size_t n_outside;
};

static void add(struct adding *a, const struct time_point *at, const char *text)
{
	uint64_t t_ns = time_point_resolve(at, a->start_ns, a->end_ns);

	if (!a->rec)
		return;
	if (t_ns < a->start_ns || t_ns > a->end_ns)
		a->n_outside++;
	else
		recording_add_mark(a->rec, t_ns, text);
}

/* 0, or -EINVAL where there is no time, no bar or no text. Cuts the line in two. */
static int add_line(struct adding *a, char *line)
{
	char *bar = strchr(line, '|');
	struct time_point at;

	if (*line == '#' || !*line)
		return 0;
	if (!bar || !bar[1])
		return -EINVAL;
	*bar = '\0';
	if (time_point_parse(line, &at))
		return -EINVAL;
	add(a, &at, bar + 1);
	return 0;
}

static int add_lines(struct adding *a, const char *path, FILE *f)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;

	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (++n > LINES_MAX) {
			log_error("'%s': more than %d marks", path, LINES_MAX);
			return EXIT_DAMAGED;
		}
		if (len + 1 == sizeof(line) && line[len - 1] != '\n') {
			log_error("'%s' line %zu: longer than %d bytes", path, n, LINE_MAX_BYTES);
			return EXIT_DAMAGED;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (add_line(a, line)) {
			log_error("'%s' line %zu: want TIME|TEXT, such as "
				  "2026-11-20T14:03:10Z|deploy v2",
				  path, n);
			return EXIT_DAMAGED;
		}
	}
	if (!ferror(f))
		return EXIT_OK;
	log_error("cannot read '%s': %s", path, strerror(errno));
	return EXIT_FAILED;
}

static int add_file(struct adding *a, const char *path)
{
	FILE *f = fopen(path, "re");
	int status;

	if (!f) {
		log_error("cannot open '%s': %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	status = add_lines(a, path, f);
	fclose(f);
	return status;
}

int marks_add(const struct options *opt, struct recording *rec)
{
	struct adding a = {.rec = rec};
	int status = EXIT_OK;

	if (!rec->n_snapshots)
		return EXIT_OK;
	a.start_ns = rec->snapshot[0].t0_ns;
	a.end_ns = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	for (size_t i = 0; i < opt->n_marks; i++)
		add(&a, &opt->mark[i].at, opt->mark[i].text);
	if (opt->marks_file)
		status = add_file(&a, opt->marks_file);
	if (a.n_outside && !status)
		log_warn("%zu mark%s outside of the recording %s not shown", a.n_outside,
			 a.n_outside == 1 ? "" : "s", a.n_outside == 1 ? "is" : "are");
	return status;
}

int marks_check(const struct options *opt)
{
	struct adding a = {0};
	struct stat st;

	if (!opt->marks_file)
		return EXIT_OK;
	if (!stat(opt->marks_file, &st) && !S_ISREG(st.st_mode)) {
		log_error("'%s' is no regular file, and will be read when the recording has ended",
			  opt->marks_file);
		return EXIT_FAILED;
	}
	return add_file(&a, opt->marks_file);
}
