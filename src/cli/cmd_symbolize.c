#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/debuginfod.h"
#include "cli/symbolize.h"
#include "store/reader.h"

#define ENDING ".flame"

/* x.flame becomes x.named.flame. */
static char *default_path(const char *input)
{
	size_t len = strlen(input), cut = strlen(ENDING);

	if (len > cut && !strcmp(input + len - cut, ENDING))
		len -= cut;
	return xasprintf("%.*s.named" ENDING, (int)len, input);
}

static void tell(const struct symbolize_counts *c, const char *path)
{
	log_note("%zu of %zu unnamed functions have a name now; the files of %zu of %zu modules "
		 "were found: %s",
		 c->named, c->unnamed, c->found, c->modules, path);
	if (c->no_build_id)
		log_note("%zu modules have no build-id, so that no file is known to be theirs",
			 c->no_build_id);
}

static enum exit_status name_anew(const struct options *opt, struct recording *rec,
				  const char *path)
{
	struct symbolize_from from = {.debug_folder = opt->record.debug_files,
				      .debuginfod = opt->record.debuginfod};
	struct symbolize_counts counts;
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	int err;

	if (!namer) {
		log_error("cannot start the process that names functions: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (from.debuginfod && debuginfod_missing())
		log_warn("--debuginfod does nothing: %s", debuginfod_missing());
	if (!rec->meta.finished)
		log_note("'%s' was not finished; the new one has it up to its last snapshot",
			 opt->inputs[0]);
	err = symbolize(rec, path, namer, &from, &counts);
	namer_destroy(namer);
	if (!err)
		tell(&counts, path);
	return exit_status(err);
}

int cmd_symbolize(const struct options *opt)
{
	char *path = opt->n_outputs ? xstrdup(opt->outputs[0].path) : default_path(opt->inputs[0]);
	struct recording rec;
	int err = store_open(opt->inputs[0], &rec);
	enum exit_status status = err ? exit_status(err) : name_anew(opt, &rec, path);

	recording_deinit(&rec);
	free(path);
	return status;
}
