#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"

int cmd_render(const struct options *opt)
{
	(void)opt;
	log_error("render is missing in this branch");
	return EXIT_FAILED;
}
