#include "capture/collector.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "capture/command.h"
#include "capture/intake.h"
#include "capture/ksyms.h"
#include "capture/privileges.h"
#include "capture/sideband.h"
#include "capture/source.h"
#include "capture/unwinder.h"

#define TICK_NS	     50000000
#define LAST_TICK_NS 5000000
/* What is younger may still lack a record of process life that belongs before it. */
#define HOLD_NS	 10000000
#define SWEEP_NS 1000000000u
/* Processes that ended are kept for that long after their last sample. */
#define KEEP_NS	    10000000000u
#define CHUNK_BYTES (1u << 20)
/* A wall clock that is off by more was set; what is less is steered, and would only make snapshots
 * overlap. */
#define CLOCK_STEP_NS 50000000
/* It has little to do, but what a new process maps has to reach the kernel before its first
 * sample, however busy the machine is. */
#define COLLECTOR_NICE (-20)

struct collector {
	pid_t pid;
	struct chan *chan;
};

#define SOURCES 2

/* What the child process knows. */
struct run {
	const struct capture_options *opts;
	struct chan *out, *maker;      /* maker: of tables; NULL: there is none */
	struct source source[SOURCES]; /* with also_off_cpu two: that is the second */
	size_t n_sources;
	struct sideband *sideband;
	struct command command;
	struct command_signals signals;
	struct intake intake;
	int epoll, timer, status, command_status, command_errno;
	int64_t unix_offset_ns, boot_offset_ns;
	uint32_t *cpu; /* those that were online when we last looked */
	size_t n_cpus;
	uint64_t next_sweep_ns, stop_ns; /* stop_ns: 0 while it runs */
	uint64_t deadline_ns;		 /* UINT64_MAX: none */
	bool stop, gone;
};

enum wake { WAKE_SIDEBAND, WAKE_TIMER, WAKE_MAIN, WAKE_MAKER, WAKE_COMMAND };

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void read_clocks(struct run *r)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	uint64_t wall = clock_ns(CLOCK_REALTIME), boot = clock_ns(CLOCK_BOOTTIME);
	uint64_t mono = before + (clock_ns(CLOCK_MONOTONIC) - before) / 2;
	int64_t off = wall - mono, moved = off - r->unix_offset_ns;

	if (moved > CLOCK_STEP_NS || moved < -CLOCK_STEP_NS)
		r->unix_offset_ns = off;
	moved = (int64_t)(boot - mono) - r->boot_offset_ns;
	if (moved > CLOCK_STEP_NS || moved < -CLOCK_STEP_NS)
		r->boot_offset_ns = boot - mono;
	r->intake.unix_offset_ns = r->unix_offset_ns;
}

/* --- snapshots --- */

static void send_stacks(struct run *r, const struct tally *t)
{
	struct strbuf sb = {0};
	uint8_t one[TALLY_STACK_MAX];

	for (size_t i = 0; i < t->n_pairs; i++) {
		strbuf_add(&sb, one, tally_write(t, i, one));
		if (sb.len < CHUNK_BYTES && i + 1 < t->n_pairs)
			continue;
		ksyms_see(r->intake.ksyms, sb.data, sb.len);
		chan_send(r->out, WIRE_STACKS, sb.data, sb.len, -1);
		strbuf_clear(&sb);
	}
	strbuf_deinit(&sb);
}

static void send_snapshot(struct run *r, size_t series, const struct cutter_snapshot *s)
{
	struct wire_snapshot head = {
	    .series = series,
	    .info = {.t0_ns = s->t0_ns + r->unix_offset_ns,
		     .t1_ns = s->t1_ns + r->unix_offset_ns,
		     .mono_ns = s->t0_ns,
		     .boot_ns = s->t0_ns + r->boot_offset_ns},
	};
	struct account a = s->account;

	if (s->tally && chan_backlog(r->out) > INTAKE_BACKLOG_MAX) {
		a.lost[LOSS_BACKLOG] = a.taken;
		a.taken = 0;
	} else if (s->tally) {
		head.n_stacks = r->opts->each_sample ? 0 : s->tally->n_pairs;
		if (head.n_stacks)
			send_stacks(r, s->tally);
	}
	head.info.account = a;
	chan_send(r->out, WIRE_SNAPSHOT, &head, sizeof(head), -1);
	r->source[series].expected += a.expected;
}

/* How far all is known of a series: of what lasts not yet whether it is filtered for its length. */
static uint64_t known_ns(const struct run *r, const struct source *s, uint64_t seen_ns)
{
	return source_is_off_cpu(s) && !r->stop_ns ? seen_ns - blocks_hold_ns(&r->intake.blocks)
						   : seen_ns;
}

/* The oldest snapshot, in all series at once. */
static bool close_one(struct run *r, uint64_t seen_ns, bool force)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct sampler_counters counters[SOURCES];
	struct cutter_snapshot s;

	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *from = &r->source[i];

		if (!source_is_due(from, known_ns(r, from, seen_ns), now, force, &counters[i]))
			return false;
	}
	for (size_t i = 0; i < r->n_sources; i++) {
		struct source *from = &r->source[i];

		if (source_is_off_cpu(from))
			blocks_close(&r->intake.blocks, seen_ns);
		cutter_close(&from->cutter, &counters[i], seen_ns, now, true, &s);
		send_snapshot(r, i, &s);
		cutter_done(&from->cutter, &s);
	}
	return true;
}

static void make_room(void *arg)
{
	close_one(arg, 0, true);
}

/* --- CPUs that come online --- */

static void watch(struct run *r, int fd, enum wake what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = what};

	if (fd >= 0)
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void add_cpu(struct run *r, uint32_t cpu)
{
	int fd = sideband_add_cpu(r->sideband, cpu);
	int err = fd < 0 ? fd : source_add_cpu(&r->source[0], cpu);

	watch(r, fd, WAKE_SIDEBAND);
	if (err)
		log_warn("CPU %u came online, and cannot be sampled: %s", cpu, strerror(-err));
	else
		log_note("CPU %u came online: it is sampled from now on", cpu);
}

static bool was_online(const struct run *r, uint32_t cpu)
{
	for (size_t i = 0; i < r->n_cpus; i++)
		if (r->cpu[i] == cpu)
			return true;
	return false;
}

static void follow_cpus(struct run *r)
{
	bool first = !r->cpu;
	uint32_t *cpu;
	size_t n;

	if (events_online_cpus(&cpu, &n))
		return;
	for (size_t i = 0; i < n && !first; i++)
		if (!was_online(r, cpu[i]))
			add_cpu(r, cpu[i]);
	free(r->cpu);
	r->cpu = cpu;
	r->n_cpus = n;
}

/* --- the loop --- */

static void drain_sideband(struct run *r)
{
	sideband_drain(r->sideband, intake_take_event, &r->intake);
	intake_follow(&r->intake);
}

static void tick(struct run *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), until = r->stop_ns ? UINT64_MAX : now - HOLD_NS;

	read_clocks(r);
	/* Samples first: what happened before them is then in the sideband for sure. */
	for (size_t i = 0; i < r->n_sources; i++)
		sampler_drain(r->source[i].sampler);
	drain_sideband(r);
	intake_process(&r->intake, until);
	while (close_one(r, until, false))
		;
	if (now >= r->next_sweep_ns) {
		procs_sweep(r->intake.procs, now - KEEP_NS);
		blocks_sweep(&r->intake.blocks, now - KEEP_NS);
		if (r->intake.unwinder)
			unwinder_tick(r->intake.unwinder, now);
		if (!r->stop_ns)
			follow_cpus(r);
		r->next_sweep_ns = now + SWEEP_NS;
	}
}

/* What the channel is to be watched for now. */
static void watch_again(struct run *r, const struct chan *ch, enum wake what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = what};

	if (chan_backlog(ch))
		ev.events |= EPOLLOUT;
	epoll_ctl(r->epoll, EPOLL_CTL_MOD, chan_fd(ch), &ev);
}

static void hear_maker(struct run *r)
{
	chan_flush(r->maker);
	if (unwinder_hear(r->intake.unwinder))
		return;
	epoll_ctl(r->epoll, EPOLL_CTL_DEL, chan_fd(r->maker), NULL);
	modules_tell_maker(r->intake.modules, NULL);
	chan_destroy(r->maker);
	r->maker = NULL;
}

/* Files that main cannot open, since they stand in another root. */
static void open_debug(struct run *r, const struct chan_msg *msg)
{
	struct wire_debug head;
	const char *p, *end = (const char *)msg->data + msg->size;

	if (!wire_get(msg->data, msg->size, &head, sizeof(head)))
		return;
	p = (const char *)msg->data + sizeof(head);
	for (int i = 0; i < WIRE_DEBUG_PATHS && memchr(p, '\0', end - p); i++) {
		int fd = modules_open_debug(r->intake.modules, head.module, p);

		if (fd >= 0) {
			chan_send(r->out, WIRE_DEBUG, &head, sizeof(head), fd);
			close(fd);
		}
		p += strlen(p) + 1;
	}
}

static void hear_main(struct run *r)
{
	struct chan_msg msg;
	int err = chan_fill(r->out);

	while (!err || err == 1) {
		err = chan_next(r->out, &msg);
		if (err != 1)
			break;
		r->stop |= msg.type == WIRE_STOP;
		if (msg.type == WIRE_WANT_DEBUG)
			open_debug(r, &msg);
		if (msg.fd >= 0)
			close(msg.fd);
	}
	r->gone |= err < 0;
}

static void set_timer(struct run *r, long every_ns)
{
	struct itimerspec it = {.it_interval.tv_nsec = every_ns, .it_value.tv_nsec = every_ns};

	timerfd_settime(r->timer, 0, &it, NULL);
}

/* Until the recording ends by itself; -1: it does not, or has. */
static int time_left_ms(const struct run *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), left;

	if (r->stop_ns || r->deadline_ns == UINT64_MAX)
		return -1;
	left = r->deadline_ns > now ? (r->deadline_ns - now) / 1000000 + 1 : 0;
	return left > 60000 ? 60000 : (int)left;
}

static void wait_once(struct run *r)
{
	struct epoll_event ev[16];
	uint64_t expirations;
	int n;

	watch_again(r, r->out, WAKE_MAIN);
	if (r->maker)
		watch_again(r, r->maker, WAKE_MAKER);
	n = epoll_wait(r->epoll, ev, ARRAY_SIZE(ev), time_left_ms(r));
	for (int i = 0; i < n; i++) {
		switch (ev[i].data.u32) {
		case WAKE_SIDEBAND:
			drain_sideband(r);
			break;
		case WAKE_TIMER:
			if (read(r->timer, &expirations, sizeof(expirations)) > 0)
				tick(r);
			break;
		case WAKE_MAIN:
			r->gone |= chan_flush(r->out) < 0;
			if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				hear_main(r);
			break;
		case WAKE_MAKER:
			hear_maker(r);
			break;
		case WAKE_COMMAND:
			r->command_status = command_status(&r->command);
			epoll_ctl(r->epoll, EPOLL_CTL_DEL, r->command.pidfd, NULL);
			r->stop = true;
			break;
		}
	}
}

static void end_sampling(struct run *r)
{
	r->stop_ns = clock_ns(CLOCK_MONOTONIC);
	if (r->stop_ns > r->deadline_ns)
		r->stop_ns = r->deadline_ns;
	/* The one whose events take a moment to disable is the first. */
	for (size_t i = r->n_sources; i-- > 0;)
		source_end(&r->source[i], r->stop_ns);
	set_timer(r, LAST_TICK_NS);
	tick(r);
}

static void send_ended(struct run *r)
{
	/* What a command was due nobody knows: it runs on some CPUs, some of the time. */
	int64_t due = r->intake.follows ? -1 : events_due(&r->source[0].events);
	struct wire_ended e = {
	    .undelivered = due < 0 ? -1 : 0,
	    .command_status = r->command_status,
	    .sideband_lost = r->intake.sideband_lost,
	    .unseen = r->intake.blocks.unended,
	    .moved_ns = r->intake.blocks.moved_ns,
	    .unsent = r->intake.unsent,
	    .beyond_bounds = procs_refused(r->intake.procs) + modules_refused(r->intake.modules),
	    .ring_bytes = sampler_ring_bytes(r->source[0].sampler),
	};
	uint64_t runs;

	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *s = &r->source[i];

		e.expected[i] = s->expected;
		e.late += s->cutter.late;
		e.unseen += sampler_unseen(s->sampler);
		e.bpf_ns += sampler_run_time_ns(s->sampler, &runs);
		e.bpf_runs += runs;
	}
	if (due > (int64_t)e.expected[0])
		e.undelivered = due - e.expected[0];
	chan_send(r->out, WIRE_ENDED, &e, sizeof(e), -1);
}

static void loop(struct run *r)
{
	while (!r->gone && (!r->stop_ns || cutter_is_open(&r->source[0].cutter))) {
		wait_once(r);
		r->stop |= clock_ns(CLOCK_MONOTONIC) >= r->deadline_ns;
		if (r->stop && !r->stop_ns)
			end_sampling(r);
	}
	if (!r->gone)
		send_ended(r);
}

/* --- the beginning --- */

static int open_sideband(struct run *r)
{
	r->sideband = sideband_create();
	if (r->sideband)
		return CAPTURE_OK;
	if (errno == EACCES || errno == EPERM)
		log_error("not permitted to sample: run it as root, or with the capabilities "
			  "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
	else
		log_error("cannot open a perf event: %s", strerror(errno));
	return CAPTURE_NOT_PERMITTED;
}

static int start_command(struct run *r)
{
	const struct capture_options *opts = r->opts;
	int err;

	if (!opts->argv)
		return CAPTURE_OK;
	err = command_fork(&r->command, opts->argv, &r->signals);
	if (err) {
		log_error("cannot start '%s': %s", opts->argv[0], strerror(-err));
		return CAPTURE_FAILED;
	}
	r->intake.follows = !opts->all_cpus && opts->cpu < 0;
	procs_follow(r->intake.procs, r->command.pid);
	return CAPTURE_OK;
}

static void open_unwinder(struct run *r)
{
	const struct capture_options *opts = r->opts;
	struct sampler *first = r->source[0].sampler;

	if (!sampler_by_tables(first))
		return;
	if (opts->table_maker >= 0)
		r->maker = chan_create(opts->table_maker);
	modules_tell_maker(r->intake.modules, r->maker);
	r->intake.unwinder = unwinder_create(first, r->intake.modules, r->maker, opts->table_bytes);
	if (r->intake.follows)
		unwinder_follow(r->intake.unwinder, r->command.pid);
}

static int open_sources(struct run *r)
{
	struct sampler_takers takers = {.record = intake_take_sample,
					.block = intake_take_block,
					.copy = intake_take_copy,
					.arg = &r->intake};
	int status = start_command(r);

	r->n_sources = source_count(r->opts);
	for (size_t i = 0; i < r->n_sources && !status; i++)
		status = source_open(&r->source[i], r->opts, i, i ? r->source : NULL, &takers);
	if (!status)
		open_unwinder(r);
	if (!status && !r->opts->user_only && ksyms_are_hidden())
		r->intake.ksyms = ksyms_create(r->out);
	for (size_t i = 0; i < r->n_sources && !status; i++)
		status = source_attach(&r->source[i]);
	return status;
}

static void open_loop(struct run *r)
{
	size_t n;
	const int *fd = sideband_fds(r->sideband, &n);

	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	for (size_t i = 0; i < n; i++)
		watch(r, fd[i], WAKE_SIDEBAND);
	watch(r, r->timer, WAKE_TIMER);
	watch(r, chan_fd(r->out), WAKE_MAIN);
	if (r->maker)
		watch(r, chan_fd(r->maker), WAKE_MAKER);
	watch(r, r->command.pidfd, WAKE_COMMAND);
	follow_cpus(r);
	set_timer(r, TICK_NS);
}

static void send_started(struct run *r, uint64_t start_ns)
{
	const struct source *s = &r->source[0];
	struct wire_started m = {
	    .fell_back = s->events.fell_back,
	    .by_tables = sampler_by_tables(s->sampler),
	    .freq_hz = s->events.freq_hz,
	    .period = s->events.period,
	    .period_ns = s->events.period_ns,
	    .n_cpus = s->events.n,
	    .ring_bytes = sampler_ring_bytes(s->sampler),
	    .mono_ns = start_ns,
	    .unix_ns = start_ns + r->unix_offset_ns,
	    .boot_ns = start_ns + r->boot_offset_ns,
	    .command_pid = r->command.pid > 0 ? r->command.pid : 0,
	};
	size_t n;

	sideband_fds(r->sideband, &n);
	m.online_cpus = n;
	chan_send(r->out, WIRE_STARTED, &m, sizeof(m), -1);
}

/* All series at the same time. */
static void begin_sources(struct run *r, uint64_t start_ns)
{
	r->deadline_ns = r->opts->duration_ns ? start_ns + r->opts->duration_ns : UINT64_MAX;
	for (size_t i = 0; i < r->n_sources; i++) {
		struct source *s = &r->source[i];

		source_begin(s, start_ns, r->deadline_ns);
		if (source_is_off_cpu(s))
			intake_init_blocks(&r->intake, &s->cutter, r->opts->min_block_ns,
					   r->opts->max_block_ns);
	}
}

static int begin(struct run *r)
{
	uint64_t start_ns;
	int err;

	/* What a command does first is told by events, which are to be heard at once. */
	if (r->opts->argv)
		intake_scan(&r->intake);
	read_clocks(r);
	start_ns = clock_ns(CLOCK_MONOTONIC);
	begin_sources(r, start_ns);
	err = events_enable(&r->source[0].events);
	if (err) {
		log_error("cannot enable a perf event: %s", strerror(-err));
		return CAPTURE_NOT_PERMITTED;
	}
	if (r->opts->argv) {
		err = command_release(&r->command);
		if (err) {
			log_error("cannot run '%s': %s", r->opts->argv[0], strerror(-err));
			r->command_errno = -err;
			return CAPTURE_FAILED;
		}
	}
	/* The command, which is our child, does not get it. */
	setpriority(PRIO_PROCESS, 0, COLLECTOR_NICE);
	err = privileges_keep_sampling();
	if (err)
		log_warn("the collector keeps all its capabilities: %s", strerror(-err));
	send_started(r, start_ns);
	/* Samples wait in the ring until this is done. */
	if (!r->opts->argv)
		intake_scan(&r->intake);
	return CAPTURE_OK;
}

static void prepare_process(struct run *r, pid_t parent)
{
	struct rlimit lim;

	for (size_t i = 0; i < ARRAY_SIZE(command_signal); i++)
		r->signals.handler[i] = signal(command_signal[i], SIG_IGN);
	/* The channel tells of its end too, but not to one who is held up in a system call. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CAPTURE_FAILED);
	prctl(PR_SET_NAME, "flamelapse-col");
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static _Noreturn void run(const struct capture_options *opts, int sock, pid_t parent)
{
	struct run r = {.opts = opts,
			.epoll = -1,
			.timer = -1,
			.command_status = -1,
			.command = {.pidfd = -1, .go = -1, .report = -1}};

	prepare_process(&r, parent);
	r.out = chan_create(sock);
	intake_init(&r.intake, r.out, &r.source[0].cutter);
	r.intake.make_room = make_room;
	r.intake.each_sample = opts->each_sample;
	r.intake.per_thread = opts->per_thread;
	r.intake.per_cpu = opts->per_cpu;
	r.intake.max_stack = opts->max_stack;
	r.intake.only = opts->pid;
	r.intake.n_only = opts->n_pids;
	r.intake.arg = &r;
	r.status = capture_options_check(opts);
	if (!r.status)
		r.status = open_sideband(&r);
	if (!r.status)
		r.status = open_sources(&r);
	if (!r.status) {
		open_loop(&r);
		r.status = begin(&r);
	}
	if (r.status) {
		struct wire_failed m = {.status = r.status, .command_errno = r.command_errno};

		chan_send(r.out, WIRE_FAILED, &m, sizeof(m), -1);
	} else {
		loop(&r);
	}
	command_deinit(&r.command);
	chan_drain(r.out);
	for (size_t i = 0; i < SOURCES; i++)
		events_disable(&r.source[i].events);
	unwinder_destroy(r.intake.unwinder);
	for (size_t i = SOURCES; i-- > 0;)
		source_close(&r.source[i]);
	ksyms_destroy(r.intake.ksyms);
	sideband_destroy(r.sideband);
	free(r.cpu);
	intake_deinit(&r.intake);
	chan_destroy(r.maker);
	chan_destroy(r.out);
	_exit(r.gone ? CAPTURE_FAILED : r.status);
}

struct collector *collector_start(const struct capture_options *opts)
{
	struct collector *c;
	pid_t parent = getpid(), pid;
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		return NULL;
	pid = fork();
	if (!pid) {
		close(sock[0]);
		run(opts, sock[1], parent);
	}
	close(sock[1]);
	if (pid < 0) {
		close(sock[0]);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->pid = pid;
	c->chan = chan_create(sock[0]);
	return c;
}

struct chan *collector_chan(const struct collector *c)
{
	return c->chan;
}

pid_t collector_pid(const struct collector *c)
{
	return c->pid;
}

int collector_stop(struct collector *c)
{
	return chan_send(c->chan, WIRE_STOP, NULL, 0, -1);
}

int collector_join(struct collector *c)
{
	int status;
	pid_t pid;

	chan_destroy(c->chan);
	do
		pid = waitpid(c->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	free(c);
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : CAPTURE_FAILED;
}
