#include <stdio.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "export/summary_json.h"
#include "export/summary_text.h"

static int print_summary(const struct options *opt, struct recording *rec)
{
	struct strbuf out = {0};
	struct summary summary;
	int err = summary_compute(rec, &summary);

	if (err)
		return exit_status(err);
	if (opt->json)
		summary_add_json(&summary, &out);
	else
		summary_add_text(&summary, &out);
	fputs(strbuf_str(&out), stdout);
	strbuf_deinit(&out);
	if (rec->total.taken)
		return EXIT_OK;
	log_error("'%s' is a good recording, but holds no samples", opt->inputs[0]);
	return EXIT_NOTHING;
}

int cmd_info(const struct options *opt)
{
	struct recording rec;
	int status = inputs_open(opt, &rec);

	if (status == EXIT_OK)
		status = print_summary(opt, &rec);
	recording_deinit(&rec);
	return status;
}
