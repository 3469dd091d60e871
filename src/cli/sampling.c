#include "cli/sampling.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"

static struct capture_options capture_options(const struct record_options *r)
{
	struct capture_options c = CAPTURE_OPTIONS_DEFAULT;

	c.pid = r->pids;
	c.n_pids = r->n_pids;
	c.tid = r->tids;
	c.n_tids = r->n_tids;
	c.cpu = r->cpu;
	event_spec_parse(r->event, &c.event);
	c.also_off_cpu = r->off_cpu && r->on_cpu;
	if (r->off_cpu && !r->on_cpu)
		c.event.kind = EVENT_OFF_CPU;
	c.min_block_ns = r->min_block_ns;
	c.max_block_ns = r->max_block_ns;
	c.freq_hz = r->freq_hz;
	c.period = r->period;
	c.user_only = r->user_only;
	c.kernel_only = r->kernel_only;
	c.include_idle = r->include_idle;
	c.frame_pointers = r->frame_pointers;
	c.max_stack = r->max_stack;
	c.cgroup = r->cgroup;
	c.cgroupmap = r->cgroupmap;
	c.mntnsmap = r->mntnsmap;
	c.duration_ns = r->duration_ns;
	c.interval_ns = r->interval_ns;
	c.hash_storage = r->hash_storage_size;
	c.stack_storage = r->stack_storage_size;
	c.all_cpus = r->all_cpus;
	c.per_thread = r->per_thread;
	c.per_cpu = r->per_cpu;
	c.argv = r->argv;
	return c;
}

/*
 * From here on we are who called sudo: files belong to the user, and what the user may not write
 * is not written. The collector and the namer have been started.
 */
static int drop_privileges(void)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uid_t uid = uid_text ? (uid_t)strtoul(uid_text, NULL, 10) : 0;
	gid_t gid = gid_text ? (gid_t)strtoul(gid_text, NULL, 10) : 0;

	if (geteuid() || !uid || !gid)
		return 0;
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
		log_error("cannot become user %u again: %s", (unsigned)uid, strerror(errno));
		return -errno;
	}
	return 0;
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Whoever started us in the background had us ignore Ctrl-C: we do not. */
void sampling_release_signals(void)
{
	sigset_t set;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

int sampling_start(struct sampling *s, const struct record_options *r, bool each_sample)
{
	struct capture_options c = capture_options(r);

	*s = (struct sampling){.kallsyms = -1, .signals = -1};
	dict_init(&s->dict);
	c.each_sample = each_sample;
	startpoints_find(&s->starts);
	s->kallsyms = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	s->namer = namer_create(NAMER_LIMIT_MS);
	if (!s->namer) {
		log_error("cannot start the process that names functions: %s", strerror(errno));
		return EXIT_FAILED;
	}
	c.table_maker = namer_start_tables(NAMER_LIMIT_MS, &s->tables);
	if (c.table_maker < 0) {
		log_error("cannot start the process that makes unwinding tables: %s",
			  strerror(errno));
		return EXIT_FAILED;
	}
	s->collector = collector_start(&c);
	/* The table maker ends with the collector. */
	close(c.table_maker);
	if (!s->collector) {
		log_error("cannot start the process that samples: %s", strerror(errno));
		return EXIT_FAILED;
	}
	s->chan = collector_chan(s->collector);
	s->signals = catch_signals();
	if (drop_privileges())
		return EXIT_FAILED;
	namer_set_detail(s->namer, r->inlines, r->lines);
	s->assemble = assemble_create(&s->dict, s->namer, &s->starts, s->kallsyms, r->debug_files);
	assemble_ask(s->assemble, s->chan);
	return EXIT_OK;
}

void sampling_end(struct sampling *s)
{
	if (s->collector)
		collector_join(s->collector);
	namer_join_tables(s->tables);
	assemble_destroy(s->assemble);
	namer_destroy(s->namer);
	dict_deinit(&s->dict);
	if (s->kallsyms >= 0)
		close(s->kallsyms);
	if (s->signals >= 0)
		close(s->signals);
}

void sampling_stop(struct sampling *s)
{
	if (!s->stopping)
		collector_stop(s->collector);
	s->stopping = true;
}

void sampling_tell_command(const struct record_options *r, int status)
{
	if (status < 0)
		return;
	if (WIFSIGNALED(status))
		log_note("'%s' was ended by signal %d (%s)", r->argv[0], WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		log_note("'%s' ended with status %d", r->argv[0], WEXITSTATUS(status));
}
