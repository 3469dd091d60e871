#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "capture/collector.h"
#include "capture/wire.h"
#include "cli/assemble.h"
#include "cli/debuginfod.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/record_meta.h"
#include "cli/symbolize.h"
#include "store/reader.h"
#include "store/writer.h"

#define PROGRESS_NS (NS_PER_S / 5)

/* One recording, from the start of its processes to the files it leaves. */
struct session {
	const struct options *opt;
	struct options out; /* what is to be made in the end: opt's outputs, or the default ones */
	struct output default_output[2];
	char *name[2];
	const char *path; /* of the recording */
	bool is_temporary;

	struct namer *namer;
	struct collector *collector;
	struct chan *chan;
	struct startpoints starts;
	int kallsyms, signals;
	struct recording_meta meta;
	struct dict dict;
	struct assemble *assemble;
	struct store_writer *store;
	struct snapshot snapshot;

	uint64_t start_mono_ns, last_progress_ns;
	struct account total;
	size_t n_snapshots;
	bool started, stopping, ended;
	int status; /* of the whole, so far */
	struct wire_ended end;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Without any -o: a recording and a film, named after host and time. */
static void choose_outputs(struct session *s)
{
	char clock[32] = "", host[65] = "host";
	time_t now = time(NULL);
	struct tm tm;

	s->out = *s->opt;
	if (!s->out.n_outputs) {
		gethostname(host, sizeof(host) - 1);
		if (gmtime_r(&now, &tm))
			strftime(clock, sizeof(clock), "%Y%m%dT%H%M%SZ", &tm);
		s->name[0] = xasprintf("flamelapse-%s-%s.flame", host, clock);
		s->name[1] = xasprintf("flamelapse-%s-%s.mp4", host, clock);
		s->default_output[0] = (struct output){OUTPUT_RECORDING, s->name[0]};
		s->default_output[1] = (struct output){OUTPUT_MP4, s->name[1]};
		s->out.outputs = s->default_output;
		s->out.n_outputs = RENDER ? 2 : 1;
	}
	for (size_t i = 0; i < s->out.n_outputs; i++)
		if (s->out.outputs[i].kind == OUTPUT_RECORDING)
			s->path = s->out.outputs[i].path;
	if (!s->path) {
		const char *folder = getenv("TMPDIR");

		s->name[0] =
		    xasprintf("%s/flamelapse-%d.flame", folder ? folder : "/tmp", getpid());
		s->path = s->name[0];
		s->is_temporary = true;
	}
}

static struct capture_options capture_options(const struct record_options *r)
{
	struct capture_options c = CAPTURE_OPTIONS_DEFAULT;

	c.pid = r->pids;
	c.n_pids = r->n_pids;
	c.tid = r->tids;
	c.n_tids = r->n_tids;
	c.cpu = r->cpu;
	c.event = strcmp(r->event, "cycles") ? CAPTURE_CPU_CLOCK : CAPTURE_CYCLES;
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
static void release_signals(void)
{
	sigset_t set;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static int start(struct session *s)
{
	struct capture_options c = capture_options(&s->opt->record);

	startpoints_find(&s->starts);
	s->kallsyms = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	s->namer = namer_create(NAMER_LIMIT_MS);
	if (!s->namer) {
		log_error("cannot start the process that names functions: %s", strerror(errno));
		return EXIT_FAILED;
	}
	s->collector = collector_start(&c);
	if (!s->collector) {
		log_error("cannot start the process that samples: %s", strerror(errno));
		return EXIT_FAILED;
	}
	s->chan = collector_chan(s->collector);
	s->signals = catch_signals();
	if (drop_privileges())
		return EXIT_FAILED;
	namer_set_detail(s->namer, s->opt->record.inlines, s->opt->record.lines);
	s->assemble = assemble_create(&s->dict, s->namer, &s->starts, s->kallsyms,
				      s->opt->record.debug_files);
	return EXIT_OK;
}

static void ask_to_stop(struct session *s)
{
	if (!s->stopping)
		collector_stop(s->collector);
	s->stopping = true;
}

static int take_started(struct session *s, const struct chan_msg *msg)
{
	struct wire_started w;
	int err;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)))
		return -EPROTO;
	record_meta_fill(&s->meta, &s->opt->record, &w);
	err = store_create(s->path, &s->meta, &s->store);
	if (err) {
		s->status = exit_status(err);
		return err;
	}
	s->started = true;
	s->start_mono_ns = now_ns();
	return 0;
}

/* The collector needs the rules of a module; the namer makes them. */
static int send_table(struct session *s, const struct chan_msg *msg)
{
	struct wire_want_table want;
	int table, err;

	if (!wire_get(msg->data, msg->size, &want, sizeof(want)))
		return -EPROTO;
	table = namer_table(s->namer, want.module);
	err = chan_send(s->chan, WIRE_TABLE, &want, sizeof(want), table);
	if (table >= 0)
		close(table);
	/* One that has ended needs none. */
	return err == -EPIPE ? 0 : err;
}

static int take_message(struct session *s, const struct chan_msg *msg)
{
	struct wire_failed failed = {.status = EXIT_FAILED};
	int err;

	switch (msg->type) {
	case WIRE_STARTED:
		return take_started(s, msg);
	case WIRE_FAILED:
		wire_get(msg->data, msg->size, &failed, sizeof(failed));
		s->status = failed.status ? failed.status : EXIT_FAILED;
		s->ended = true;
		return 0;
	case WIRE_WANT_TABLE:
		return send_table(s, msg);
	case WIRE_ENDED:
		s->ended = wire_get(msg->data, msg->size, &s->end, sizeof(s->end));
		return s->ended ? 0 : -EPROTO;
	}
	err = assemble_message(s->assemble, msg, &s->snapshot);
	if (err <= 0)
		return err;
	err = store_append(s->store, &s->dict, &s->snapshot);
	if (err) {
		s->status = exit_status(err);
		return err;
	}
	account_add(&s->total, &s->snapshot.info.account);
	s->n_snapshots++;
	return 0;
}

static int take_messages(struct session *s)
{
	struct chan_msg msg;
	int more = chan_fill(s->chan), err = 0;

	while (!err && (err = chan_next(s->chan, &msg)) > 0)
		err = take_message(s, &msg);
	if (err)
		return err;
	return more < 0 && !s->ended ? more : 0;
}

/* The first signal ends the recording, and everything is made; the second leaves at once. */
static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (s->stopping && info.ssi_signo != SIGHUP) {
			log_progress_end();
			log_error("stopped at once; '%s' can be read up to its last snapshot",
				  s->path);
			_exit(EXIT_FAILED);
		}
		ask_to_stop(s);
	}
}

static void show_progress(struct session *s)
{
	uint64_t now = now_ns(), since = now - s->start_mono_ns;

	if (!s->started || now - s->last_progress_ns < PROGRESS_NS)
		return;
	s->last_progress_ns = now;
	log_progress("recording: %llu s, %llu samples, %llu lost",
		     (unsigned long long)(since / NS_PER_S), (unsigned long long)s->total.taken,
		     (unsigned long long)account_lost(&s->total));
}

static int run(struct session *s)
{
	int err = 0;

	while (!s->ended && !err) {
		struct pollfd p[2] = {{.fd = chan_fd(s->chan), .events = chan_poll_events(s->chan)},
				      {.fd = s->signals, .events = POLLIN}};

		if (poll(p, 2, PROGRESS_NS / NS_PER_MS) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			take_signal(s);
		if (p[0].revents & POLLOUT)
			chan_flush(s->chan);
		if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
			err = take_messages(s);
		show_progress(s);
	}
	log_progress_end();
	return err;
}

static void tell_command(const struct session *s)
{
	int status = s->end.command_status;

	if (status < 0)
		return;
	if (WIFSIGNALED(status))
		log_note("'%s' was ended by signal %d (%s)", s->opt->record.argv[0],
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_note("'%s' ended with status %d", s->opt->record.argv[0], WEXITSTATUS(status));
}

/* The account, whole: whoever reads it can add it up. */
static void tell_account(const struct session *s)
{
	struct namer_stats names = namer_stats(s->namer);
	const struct account *a = &s->total;
	struct strbuf sb = {0};

	for (int i = 0; i < LOSSES; i++)
		if (a->lost[i])
			strbuf_addf(&sb, "%s%s %llu", sb.len ? ", " : " (", loss_names[i],
				    (unsigned long long)a->lost[i]);
	if (sb.len)
		strbuf_addc(&sb, ')');
	log_note("%zu snapshot%s: %llu expected = %llu taken + %llu idle + %llu filtered + %llu "
		 "lost%s%s",
		 s->n_snapshots, s->n_snapshots == 1 ? "" : "s", (unsigned long long)a->expected,
		 (unsigned long long)a->taken, (unsigned long long)a->idle,
		 (unsigned long long)a->filtered, (unsigned long long)account_lost(a),
		 strbuf_str(&sb),
		 !s->ended || a->expected == s->end.expected
		     ? ""
		     : ": DOES NOT ADD UP with the kernel's count");
	if (s->end.beyond_bounds)
		log_warn("%llu processes, mappings or modules were more than are kept: their code "
			 "has no names",
			 (unsigned long long)s->end.beyond_bounds);
	if (names.kernel_hidden)
		log_warn(
		    "the kernel hides its addresses (kernel.kptr_restrict): kernel frames have "
		    "no names");
	if (names.modules_failed)
		log_warn("%zu files could not be read for names: their code is told by address",
			 names.modules_failed);
	if (names.modules_cut)
		log_warn("%zu files have more debug information than is read: some of their "
			 "inlined functions and lines are missing",
			 names.modules_cut);
	if (s->end.sideband_lost)
		log_warn("%llu records of process life were lost: some names may be missing",
			 (unsigned long long)s->end.sideband_lost);
	strbuf_deinit(&sb);
}

static int finish_recording(struct session *s, int err)
{
	int e;

	if (!s->store)
		return err;
	s->meta.command_status = s->end.command_status;
	s->meta.undelivered = s->ended ? s->end.undelivered : -1;
	e = store_finish(s->store, &s->meta);
	s->store = NULL;
	return err ? err : e;
}

/* Writes it anew beside itself, and puts that in its place. */
static int name_anew(struct session *s, struct symbolize_counts *counts)
{
	struct symbolize_from from = {.debug_folder = s->opt->record.debug_files,
				      .debuginfod = true};
	char *path = xasprintf("%s.part", s->path);
	struct recording rec;
	int err = store_open(s->path, &rec);

	namer_set_detail(s->namer, false, false);
	if (!err)
		err = symbolize(&rec, path, s->namer, &from, counts);
	recording_deinit(&rec);
	if (!err && rename(path, s->path)) {
		err = -errno;
		log_error("cannot rename '%s': %s", path, strerror(errno));
	}
	free(path);
	return err;
}

/* What is fetched after the end holds nothing up while it is recorded. */
static void ask_debuginfod(struct session *s)
{
	struct symbolize_counts counts;

	if (!s->opt->record.debuginfod)
		return;
	if (debuginfod_missing()) {
		log_warn("--debuginfod does nothing: %s", debuginfod_missing());
		return;
	}
	if (!name_anew(s, &counts) && counts.unnamed)
		log_note("%zu of %zu unnamed functions have a name now", counts.named,
			 counts.unnamed);
}

/* A machine in trouble needs its CPUs for other things than a film. */
static void yield_to_others(const struct session *s)
{
	struct sched_param none = {0};

	if (!outputs_have_pictures(&s->out))
		return;
	setpriority(PRIO_PROCESS, 0, 19);
	sched_setscheduler(0, SCHED_IDLE, &none);
	if (!s->is_temporary)
		log_note(
		    "making the film at idle priority; Ctrl-C skips it, and `flamelapse render "
		    "%s -o FILE.mp4` makes it later",
		    s->path);
}

static int make_outputs(struct session *s)
{
	struct recording rec;
	int err, status;
	double lost;

	err = store_open(s->path, &rec);
	if (err) {
		recording_deinit(&rec);
		return exit_status(err);
	}
	lost = s->total.expected ? 100.0 * account_lost(&s->total) / s->total.expected : 0;
	if (!s->total.taken) {
		log_error("nothing was sampled%s: is what you asked for running?",
			  *rec.meta.filter ? " with this filter" : "");
		status = EXIT_NOTHING;
		/* Under a name that nobody chose, an empty recording is only in the way. */
		if (s->out.outputs == s->default_output)
			unlink(s->path);
	} else {
		yield_to_others(s);
		status = outputs_write(&s->out, &rec);
	}
	recording_deinit(&rec);
	if (status == EXIT_OK && s->opt->record.max_loss_percent >= 0 &&
	    lost > s->opt->record.max_loss_percent) {
		log_error("%.2f %% of the samples were lost, more than --max-loss allows", lost);
		status = EXIT_LOSS;
	}
	return status;
}

static void end(struct session *s)
{
	if (s->is_temporary && s->started && s->status != EXIT_OK && s->status != EXIT_NOTHING &&
	    s->n_snapshots)
		log_note("the recording was kept: %s", s->path);
	else if (s->is_temporary && s->started)
		unlink(s->path);
	if (s->collector)
		collector_join(s->collector);
	assemble_destroy(s->assemble);
	namer_destroy(s->namer);
	snapshot_deinit(&s->snapshot);
	dict_deinit(&s->dict);
	recording_meta_deinit(&s->meta);
	if (s->kallsyms >= 0)
		close(s->kallsyms);
	if (s->signals >= 0)
		close(s->signals);
	free(s->name[0]);
	free(s->name[1]);
}

int cmd_record(const struct options *opt)
{
	struct session s = {.opt = opt,
			    .kallsyms = -1,
			    .signals = -1,
			    .end = {.undelivered = -1, .command_status = -1}};
	int err;

	dict_init(&s.dict);
	choose_outputs(&s);
	s.status = start(&s);
	if (s.status == EXIT_OK) {
		err = run(&s);
		if (err && s.status == EXIT_OK) {
			log_error("the process that samples ended unexpectedly: %s",
				  strerror(-err));
			s.status = EXIT_FAILED;
		}
		err = finish_recording(&s, err);
		if (err && s.status == EXIT_OK)
			s.status = exit_status(err);
	}
	release_signals();
	if (s.started) {
		tell_command(&s);
		tell_account(&s);
	}
	if (s.status == EXIT_OK && s.started)
		ask_debuginfod(&s);
	if (s.status == EXIT_OK && s.started)
		s.status = make_outputs(&s);
	end(&s);
	return s.status;
}
