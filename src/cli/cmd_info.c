#include <stdio.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "export/summary_json.h"
#include "export/summary_text.h"

static int add_summary(struct recording *rec, bool json, bool first, struct strbuf *out)
{
	struct summary summary;
	int err = summary_compute(rec, &summary);

	if (err)
		return err;
	if (json)
		(first ? summary_add_json : summary_add_json_series)(&summary, out);
	else
		(first ? summary_add_text : summary_add_text_series)(&summary, out);
	return 0;
}

static int print_summary(const struct options *opt, struct recording *rec)
{
	bool both = opt->series == SERIES_MAX && recording_n_series(&rec->meta) > 1;
	uint64_t taken = rec->total.taken;
	struct strbuf out = {0};
	int err = add_summary(rec, opt->json, true, &out);

	if (!err && both) {
		recording_see(rec, SERIES_OFF_CPU);
		taken |= rec->total.taken;
		err = add_summary(rec, opt->json, false, &out);
	}
	if (!err)
		fputs(strbuf_str(&out), stdout);
	strbuf_deinit(&out);
	if (err || taken)
		return exit_status(err);
	log_error("'%s' is a good recording, but holds no samples%s", opt->inputs[0],
		  opt->series == SERIES_MAX ? "" : " in this series");
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
