#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"

int cmd_info(const struct options *opt)
{
	(void)opt;
	log_error("info is missing in this branch");
	return EXIT_FAILED;
}
