#include "cli/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "import/folded.h"
#include "store/reader.h"

/* A pipe is not looked into: what is read of it is gone. */
static bool is_database(const char *path)
{
	static const char magic[] = "SQLite format 3";
	char head[sizeof(magic)];
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	struct stat st;
	bool is = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
		  read(fd, head, sizeof(head)) == sizeof(head) &&
		  !memcmp(head, magic, sizeof(head));

	if (fd >= 0)
		close(fd);
	return is;
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), k = strlen(suffix);

	return n >= k && !strcmp(path + n - k, suffix);
}

static int open_any(const struct options *opt, struct recording *rec)
{
	for (size_t i = 0; i < opt->n_inputs; i++) {
		if (!is_database(opt->inputs[i]) && !has_suffix(opt->inputs[i], ".flame"))
			continue;
		if (opt->n_inputs == 1)
			return store_open(opt->inputs[0], rec);
		recording_init(rec);
		log_error("'%s' is a recording: give it alone, without other inputs",
			  opt->inputs[i]);
		return -EINVAL;
	}
	return import_folded(opt->inputs, opt->n_inputs, NULL, rec);
}

static int see(const struct options *opt, struct recording *rec)
{
	if (opt->series == SERIES_MAX || recording_see(rec, opt->series))
		return EXIT_OK;
	log_error("--series %s: '%s' has no such series, but %s alone", series_names[opt->series],
		  opt->inputs[0], series_names[recording_series(&rec->meta)]);
	return EXIT_USAGE;
}

static int trim(const struct options *opt, struct recording *rec)
{
	uint64_t start, end, from, to = UINT64_MAX;

	if (!rec->n_snapshots || (!opt->from.kind && !opt->to.kind))
		return EXIT_OK;
	start = rec->snapshot[0].t0_ns;
	end = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	from = time_point_resolve(&opt->from, start, end);
	if (opt->to.kind)
		to = time_point_resolve(&opt->to, start, end);
	recording_trim(rec, from, to);
	if (rec->n_snapshots)
		return EXIT_OK;
	log_error("nothing was recorded between --from and --to: '%s' spans %.1f s; see info",
		  opt->inputs[0], (double)(end - start) / NS_PER_S);
	return EXIT_USAGE;
}

int inputs_open(const struct options *opt, struct recording *rec)
{
	int err = open_any(opt, rec);

	/* An empty file is a damaged input; a good recording without samples is not. */
	if (err)
		return err == -EINVAL	 ? EXIT_USAGE
		       : err == -ENODATA ? EXIT_DAMAGED
					 : exit_status(err);
	return see(opt, rec) ? EXIT_USAGE : trim(opt, rec);
}
