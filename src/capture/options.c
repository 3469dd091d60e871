#include "capture/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* The process that a thread belongs to; 0: there is no such thread. */
static uint32_t process_of(uint32_t tid)
{
	char path[64], buf[1024], *p;
	uint32_t tgid = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	p = strstr(buf, "\nTgid:");
	return p && sscanf(p, "\nTgid: %u", &tgid) == 1 ? tgid : 0;
}

static int check_targets(const struct capture_options *opts)
{
	for (size_t i = 0; i < opts->n_pids; i++) {
		uint32_t of = process_of(opts->pid[i]);

		if (of == opts->pid[i])
			continue;
		if (of)
			log_error("-p %u is a thread of process %u: -L samples one thread",
				  opts->pid[i], of);
		else
			log_error("-p %u: no such process", opts->pid[i]);
		return CAPTURE_FAILED;
	}
	for (size_t i = 0; i < opts->n_tids; i++) {
		if (process_of(opts->tid[i]))
			continue;
		log_error("-L %u: no such thread", opts->tid[i]);
		return CAPTURE_FAILED;
	}
	return CAPTURE_OK;
}

int capture_options_check(const struct capture_options *opts)
{
	const char *wrong = NULL;

	if (opts->user_only && opts->kernel_only)
		wrong = "-U and -K together leave nothing of a stack";
	else if (!opts->freq_hz == !opts->period)
		wrong = "either a rate (-F) or a period (-c), above 0";
	else if (opts->freq_hz > 1000000000)
		wrong = "-F beyond 1,000,000,000 Hz";
	else if (opts->interval_ns < CAPTURE_INTERVAL_MIN_NS)
		wrong = "--interval below 10 ms";
	else if (opts->interval_ns > CAPTURE_INTERVAL_MAX_NS)
		wrong = "--interval beyond a day";
	else if (opts->max_block_ns && opts->max_block_ns < opts->min_block_ns)
		wrong = "--max-block is below --min-block: nothing is left between them";
	else if (!opts->hash_storage)
		wrong = "--hash-storage-size must be above 0";
	else if (!opts->stack_storage)
		wrong = "--stack-storage-size must be above 0";
	else if (opts->argv && !opts->argv[0])
		wrong = "there is no command behind --";
	if (wrong) {
		log_error("%s", wrong);
		return CAPTURE_USAGE;
	}
	return check_targets(opts);
}
