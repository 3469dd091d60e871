#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"

int cmd_doctor(const struct options *opt)
{
	(void)opt;
	return EXIT_FAILED;
}
