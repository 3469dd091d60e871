#include "base/exit.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/outputs.h"

int cmd_render(const struct options *opt)
{
	struct recording rec;
	int status = inputs_open(opt, &rec);

	if (status == EXIT_OK)
		status = outputs_write(opt, &rec);
	recording_deinit(&rec);
	return status;
}
