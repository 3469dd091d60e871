#include <stdio.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "export/summary.h"

int cmd_info(const struct options *opt)
{
	struct recording rec;
	struct summary sum;
	struct strbuf text = {0};
	int status = inputs_open(opt, &rec);

	if (status == EXIT_OK)
		status = exit_status(summary_compute(&sum, &rec));
	if (status == EXIT_OK) {
		if (opt->json)
			summary_add_json(&sum, &text);
		else
			summary_add_text(&sum, opt->inputs[0], &text);
		fwrite(strbuf_str(&text), 1, text.len, stdout);
		if (!rec.total.taken) {
			log_error("'%s' holds no samples", opt->inputs[0]);
			status = EXIT_NOTHING;
		}
	}
	strbuf_deinit(&text);
	recording_deinit(&rec);
	return status;
}
