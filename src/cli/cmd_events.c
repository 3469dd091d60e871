#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/sampling.h"

/* `flamelapse events`: samples as text, while they are taken. */
struct printer {
	const struct options *opt;
	struct sampling sampling;
	bool with_stacks;
	struct strbuf line, comm;
	struct account total[2]; /* by number of the series */
	struct wire_ended end;
	bool ended;
	uint64_t n_printed[2];
	int status;
};

static bool asks_for_stacks(const struct options *opt)
{
	for (size_t i = 0; i < opt->n_outputs; i++)
		if (opt->outputs[i].kind == OUTPUT_STACKS)
			return true;
	return false;
}

/* Innermost first, as profile(8) prints stacks. */
static void add_stack(struct printer *p, uint32_t node)
{
	const struct dict *d = &p->sampling.dict;

	for (; node; node = d->node[node].parent)
		strbuf_addf(&p->line, "    %s\n", dict_frame_name(d, d->node[node].frame));
}

/* The same order as in the text. */
static void add_json_stack(struct printer *p, uint32_t node)
{
	const struct dict *d = &p->sampling.dict;
	const char *before = "";

	strbuf_adds(&p->line, ",\"stack\":[");
	for (; node; node = d->node[node].parent) {
		strbuf_adds(&p->line, before);
		strbuf_add_json(&p->line, dict_frame_name(d, d->node[node].frame));
		before = ",";
	}
	strbuf_addc(&p->line, ']');
}

/* Which of the series a line belongs to: their number. */
static size_t series_of(const struct printer *p, const struct wire_sample *s)
{
	return s->blocked_ns && p->opt->record.on_cpu;
}

/* Time off the CPU has columns of its own, which a sample leaves empty. */
static const char *why(uint8_t state)
{
	static const char *const names[BLOCK_STATES] = {
	    [BLOCK_NONE] = "-",
	    [BLOCK_SLEEPING] = "sleeping",
	    [BLOCK_UNINTERRUPTIBLE] = "uninterruptible",
	    [BLOCK_RUNNABLE] = "waiting-for-a-CPU",
	    [BLOCK_STOPPED] = "stopped",
	};

	return names[state < BLOCK_STATES ? state : BLOCK_NONE];
}

static void add_block(struct printer *p, const struct wire_sample *s, uint8_t state)
{
	char us[24] = "-";

	if (s->blocked_ns)
		snprintf(us, sizeof(us), "%llu", (unsigned long long)s->blocked_ns / 1000);
	strbuf_addf(&p->line, "%-10s %-17s ", us, why(state));
}

static void add_text(struct printer *p, const struct wire_sample *s, size_t kernel_bytes,
		     size_t user_bytes, uint8_t state)
{
	strbuf_addf(&p->line, "%-19llu %-16s %-7u %-5u ", (unsigned long long)s->unix_ns,
		    strbuf_str(&p->comm), s->pid, s->cpu);
	if (p->opt->record.off_cpu)
		add_block(p, s, state);
	strbuf_addf(&p->line, "%-8zu %zu\n", kernel_bytes, user_bytes);
}

static void add_json(struct printer *p, const struct wire_sample *s, size_t kernel_bytes,
		     size_t user_bytes, uint8_t state)
{
	strbuf_addf(&p->line, "{\"time_ns\":%llu,\"comm\":", (unsigned long long)s->unix_ns);
	strbuf_add_json(&p->line, strbuf_str(&p->comm));
	strbuf_addf(&p->line,
		    ",\"pid\":%u,\"tid\":%u,\"cpu\":%u,\"kernel_bytes\":%zu,\"user_bytes\":%zu",
		    s->pid, s->tid, s->cpu, kernel_bytes, user_bytes);
	if (s->blocked_ns)
		strbuf_addf(&p->line, ",\"blocked_us\":%llu,\"why\":\"%s\"",
			    (unsigned long long)s->blocked_ns / 1000, why(state));
}

static int print_sample(struct printer *p, const struct chan_msg *msg)
{
	uint32_t process, node = 0;
	struct wire_stack_view v;
	struct wire_sample s;
	size_t kernel, user;

	if (wire_get_sample(msg->data, msg->size, &s, &v))
		return -EPROTO;
	/* Of a copied stack the frames are known only now. */
	if ((p->with_stacks || v.head.copy) &&
	    assemble_stack(p->sampling.assemble, &v, &process, &node))
		return -EPROTO;
	kernel = v.head.n_kernel * sizeof(uint64_t);
	user = v.head.n_user * sizeof(uint64_t);
	strbuf_clear(&p->line);
	strbuf_clear(&p->comm);
	utf8_add_clean(&p->comm, s.comm, strnlen(s.comm, sizeof(s.comm)));
	if (p->opt->raw)
		strbuf_addf(&p->line, "stacktrace_event pid: %u ustack: %llu kstack: %llu\n", s.pid,
			    (unsigned long long)s.user_address,
			    (unsigned long long)s.kernel_address);
	else if (p->opt->json)
		add_json(p, &s, kernel, user, v.head.state);
	else
		add_text(p, &s, kernel, user, v.head.state);
	if (p->with_stacks && !p->opt->json)
		add_stack(p, node);
	else if (p->with_stacks)
		add_json_stack(p, node);
	if (p->opt->json)
		strbuf_adds(&p->line, "}\n");
	p->n_printed[series_of(p, &s)]++;
	return fwrite(p->line.data, 1, p->line.len, stdout) == p->line.len ? 0 : -errno;
}

static void print_header(const struct printer *p)
{
	printf("%-19s %-16s %-7s %-5s ", "TIME", "COMM", "PID", "CPUID");
	if (p->opt->record.off_cpu)
		printf("%-10s %-17s ", "BLOCKED_US", "WHY");
	printf("%-8s %s\n", "KSTACKSZ", "USTACKSZ");
}

static int take_message(struct printer *p, const struct chan_msg *msg)
{
	struct wire_failed failed = {.status = EXIT_FAILED};
	struct snapshot none = {0};
	struct wire_snapshot s;
	struct account account;

	switch (msg->type) {
	case WIRE_STARTED:
		if (!p->opt->raw && !p->opt->json)
			print_header(p);
		return 0;
	case WIRE_FAILED:
		wire_get(msg->data, msg->size, &failed, sizeof(failed));
		p->status = failed.status ? failed.status : EXIT_FAILED;
		p->ended = true;
		return 0;
	case WIRE_SAMPLE:
		return print_sample(p, msg);
	case WIRE_SNAPSHOT:
		if (!wire_get(msg->data, msg->size, &s, sizeof(s)) || s.series > 1)
			return -EPROTO;
		account = s.info.account;
		account_add(&p->total[s.series], &account);
		return 0;
	case WIRE_ENDED:
		p->ended = wire_get(msg->data, msg->size, &p->end, sizeof(p->end));
		return p->ended ? 0 : -EPROTO;
	}
	return assemble_message(p->sampling.assemble, msg, &none);
}

static int take_messages(struct printer *p)
{
	struct chan_msg msg;
	int more = chan_fill(p->sampling.chan), err = 0;

	while (!err && (err = chan_next(p->sampling.chan, &msg)) > 0)
		err = take_message(p, &msg);
	/* As it comes: whoever reads a pipe waits for it. */
	if (!err && fflush(stdout))
		err = -errno;
	if (err)
		return err;
	return more < 0 && !p->ended ? more : 0;
}

/* The second signal leaves at once. */
static void take_signal(struct printer *p)
{
	struct signalfd_siginfo info;

	while (read(p->sampling.signals, &info, sizeof(info)) == sizeof(info)) {
		if (p->sampling.stopping)
			_exit(EXIT_FAILED);
		sampling_stop(&p->sampling);
	}
}

static int run(struct printer *p)
{
	struct chan *chan = p->sampling.chan;
	int err = 0;

	while (!p->ended && !err) {
		struct pollfd fd[2] = {{.fd = chan_fd(chan), .events = chan_poll_events(chan)},
				       {.fd = p->sampling.signals, .events = POLLIN}};

		if (poll(fd, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fd[1].revents)
			take_signal(p);
		if (fd[0].revents & POLLOUT)
			chan_flush(chan);
		if (fd[0].revents & (POLLIN | POLLHUP | POLLERR))
			err = take_messages(p);
	}
	return err;
}

/* Where a line is missing, the numbers say so. */
static void tell_samples(const struct printer *p)
{
	const struct account *a = &p->total[0];

	log_note("%llu lines: %llu expected = %llu taken + %llu idle + %llu filtered + %llu lost",
		 (unsigned long long)p->n_printed[0], (unsigned long long)a->expected,
		 (unsigned long long)a->taken, (unsigned long long)a->idle,
		 (unsigned long long)a->filtered, (unsigned long long)account_lost(a));
}

/* A block that lasts at the end has no line. */
static void tell_blocks(const struct printer *p, size_t series)
{
	const struct recording_meta m = {.event = (char *)RECORDING_OFF_CPU,
					 .period_ns = CAPTURE_BLOCK_UNIT_NS};
	const struct account *a = &p->total[series];
	char expected[RECORDING_COUNT_MAX], taken[RECORDING_COUNT_MAX],
	    filtered[RECORDING_COUNT_MAX], lost[RECORDING_COUNT_MAX];

	log_note("%llu lines of blocks that ended: %s expected = %s taken + %s filtered + %s lost",
		 (unsigned long long)p->n_printed[series],
		 recording_format_count(&m, a->expected, expected),
		 recording_format_count(&m, a->taken, taken),
		 recording_format_count(&m, a->filtered, filtered),
		 recording_format_count(&m, account_lost(a), lost));
}

static void tell_account(const struct printer *p)
{
	const struct record_options *r = &p->opt->record;

	if (!r->off_cpu || r->on_cpu)
		tell_samples(p);
	if (r->off_cpu)
		tell_blocks(p, r->on_cpu);
	if (p->end.unsent)
		log_warn("%llu samples have no line: stdout was not read in time",
			 (unsigned long long)p->end.unsent);
}

int cmd_events(const struct options *opt)
{
	struct printer p = {.opt = opt,
			    .with_stacks = asks_for_stacks(opt),
			    .end = {.command_status = -1}};
	int err = 0;

	p.status = sampling_start(&p.sampling, &opt->record, true);
	if (p.status == EXIT_OK)
		err = run(&p);
	sampling_release_signals();
	/* Whoever closed the pipe has had enough. */
	if (err == -EPIPE && !freopen("/dev/null", "w", stdout))
		p.status = EXIT_FAILED;
	if (err && err != -EPIPE && p.status == EXIT_OK) {
		log_error("cannot print the samples: %s", strerror(-err));
		p.status = exit_status(err);
	}
	if (p.status == EXIT_OK && p.ended) {
		sampling_tell_command(&opt->record, p.end.command_status);
		tell_account(&p);
		if (!p.n_printed[0] && !p.n_printed[1])
			p.status = EXIT_NOTHING;
	}
	sampling_end(&p.sampling);
	strbuf_deinit(&p.line);
	strbuf_deinit(&p.comm);
	return p.status;
}
