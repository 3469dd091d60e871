#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"

int cmd_record(const struct options *opt)
{
	(void)opt;
	log_error("record is missing in this branch");
	return EXIT_FAILED;
}
