/*
 * Runs the collector alone and prints its messages as text, for the tests of sampling:
 *
 *	capture_dump [OPTION VALUE]… SECONDS [-- COMMAND …]
 *
 * Names are the business of others: addresses stay numbers here.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "capture/collector.h"

static uint64_t n_stacks;
static uint64_t sum_counts;
static bool quiet;

static void print_stacks(const struct chan_msg *m)
{
	struct wire_stack_view v;
	size_t at = 0;
	int err;

	while ((err = wire_next_stack(m->data, m->size, &at, &v)) == 1) {
		n_stacks++;
		sum_counts += v.head.count;
		if (quiet)
			continue;
		printf("stack process=%u flags=%u count=%llu kernel=%u user=", v.head.process,
		       v.head.flags, (unsigned long long)v.head.count, v.head.n_kernel);
		for (int i = 0; i < v.head.n_user; i++) {
			struct wire_frame f = wire_user_frame(&v, i);

			printf("%s%u+%llx", i ? ";" : "", f.module, (unsigned long long)f.offset);
		}
		for (int i = 0; i < v.head.n_kernel; i++)
			if (!(wire_kernel_address(&v, i) >> 63))
				printf(" bad-kernel-address");
		printf("\n");
	}
	if (err)
		printf("bad stacks\n");
}

static void print_snapshot(const struct chan_msg *m)
{
	struct wire_snapshot s;
	struct account a;
	bool exact;

	if (!wire_get(m->data, m->size, &s, sizeof(s)))
		return;
	a = s.info.account;
	a.complete = a.taken;
	exact = account_balanced(&a) && sum_counts == a.taken && n_stacks == s.n_stacks;
	printf("snapshot mono=%llu length=%lld unix=%llu boot=%llu expected=%llu taken=%llu "
	       "idle=%llu filtered=%llu",
	       (unsigned long long)s.info.mono_ns, (long long)(s.info.t1_ns - s.info.t0_ns),
	       (unsigned long long)s.info.t0_ns, (unsigned long long)s.info.boot_ns,
	       (unsigned long long)a.expected, (unsigned long long)a.taken,
	       (unsigned long long)a.idle, (unsigned long long)a.filtered);
	for (int i = 0; i < LOSSES; i++)
		printf(" %s=%llu", loss_names[i], (unsigned long long)a.lost[i]);
	printf(" stacks=%llu exact=%d\n", (unsigned long long)n_stacks, exact);
	n_stacks = sum_counts = 0;
}

static void print_message(const struct chan_msg *m)
{
	struct wire_started s;
	struct wire_process p;
	struct wire_module mod;
	struct wire_perfmap map;
	struct wire_ended e;
	struct wire_failed f;

	if (m->type == WIRE_STARTED && wire_get(m->data, m->size, &s, sizeof(s))) {
		printf("started fell_back=%u freq=%u period=%llu cpus=%u online=%u ring=%llu "
		       "mono=%llu\n",
		       s.fell_back, s.freq_hz, (unsigned long long)s.period, s.n_cpus,
		       s.online_cpus, (unsigned long long)s.ring_bytes,
		       (unsigned long long)s.mono_ns);
	} else if (m->type == WIRE_PROCESS && wire_get(m->data, m->size, &p, sizeof(p))) {
		printf("process id=%u pid=%u kernel=%u new=%d comm=%.16s\n", p.id, p.pid,
		       p.is_kernel, p.start_unix_ns != 0, p.comm);
	} else if (m->type == WIRE_MODULE && wire_get(m->data, m->size, &mod, sizeof(mod))) {
		printf("module id=%u kind=%u build_id=%u process=%u file=%d path=%.*s\n", mod.id,
		       mod.kind, mod.build_id_size, mod.process, m->fd >= 0,
		       (int)(m->size - sizeof(mod)), (const char *)m->data + sizeof(mod));
	} else if (m->type == WIRE_PERFMAP && wire_get(m->data, m->size, &map, sizeof(map))) {
		char text[256] = "";

		if (pread(m->fd, text, sizeof(text) - 1, 0) < 0)
			strcpy(text, "unreadable");
		printf("perfmap module=%u text=%s", map.module, text);
	} else if (m->type == WIRE_STACKS) {
		print_stacks(m);
	} else if (m->type == WIRE_SNAPSHOT) {
		print_snapshot(m);
	} else if (m->type == WIRE_ENDED && wire_get(m->data, m->size, &e, sizeof(e))) {
		printf(
		    "ended expected=%llu undelivered=%lld status=%d sideband_lost=%llu late=%llu "
		    "beyond=%llu bpf_ns=%llu bpf_runs=%llu\n",
		    (unsigned long long)e.expected[0], (long long)e.undelivered, e.command_status,
		    (unsigned long long)e.sideband_lost, (unsigned long long)e.late,
		    (unsigned long long)e.beyond_bounds, (unsigned long long)e.bpf_ns,
		    (unsigned long long)e.bpf_runs);
	} else if (m->type == WIRE_FAILED && wire_get(m->data, m->size, &f, sizeof(f))) {
		printf("failed status=%d errno=%d\n", f.status, f.command_errno);
	} else {
		printf("bad message %u\n", m->type);
	}
	fflush(stdout);
}

static size_t numbers(const char *list, uint32_t *n_ret)
{
	size_t n = 0;
	char *end;

	while (*list && n < 64) {
		n_ret[n++] = strtoul(list, &end, 10);
		list = *end ? end + 1 : end;
	}
	return n;
}

static void set(struct capture_options *o, const char *name, const char *v)
{
	static uint32_t pid[64], tid[64];

	switch (name[1]) {
	case 'p':
		o->pid = pid;
		o->n_pids = numbers(v, pid);
		break;
	case 'L':
		o->tid = tid;
		o->n_tids = numbers(v, tid);
		break;
	case 'C':
		o->cpu = atoi(v);
		break;
	case 'F':
		o->freq_hz = strtoul(v, NULL, 10);
		o->period = 0;
		break;
	case 'c':
		o->period = strtoull(v, NULL, 10);
		o->freq_hz = 0;
		break;
	case 'i':
		o->interval_ns = strtoull(v, NULL, 10) * 1000000;
		break;
	case 'g':
		o->cgroup = v;
		break;
	case 'G':
		o->cgroupmap = v;
		break;
	case 'M':
		o->mntnsmap = v;
		break;
	case 'H':
		o->hash_storage = strtoul(v, NULL, 10);
		break;
	case 'S':
		o->stack_storage = strtoul(v, NULL, 10);
		break;
	}
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	struct capture_options opts = CAPTURE_OPTIONS_DEFAULT;
	double seconds = 1, end, left;
	struct collector *c;
	struct chan_msg msg;
	int err = 0, i;

	/* Nobody here could make tables. */
	opts.frame_pointers = true;
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "-U"))
			opts.user_only = true;
		else if (!strcmp(argv[i], "-K"))
			opts.kernel_only = true;
		else if (!strcmp(argv[i], "-I"))
			opts.include_idle = true;
		else if (!strcmp(argv[i], "-A"))
			opts.all_cpus = true;
		else if (!strcmp(argv[i], "-e"))
			event_spec_parse("cycles", &opts.event);
		else if (!strcmp(argv[i], "-q"))
			quiet = true;
		else if (argv[i][0] == '-' && i + 1 < argc)
			set(&opts, argv[i], argv[i + 1]), i++;
		else
			seconds = atof(argv[i]);
	}
	if (i < argc)
		opts.argv = argv + i + 1;
	c = collector_start(&opts);
	if (!c)
		return 1;
	printf("collector pid=%d\n", collector_pid(c));
	fflush(stdout);
	end = now_s() + seconds;
	for (;;) {
		left = end - now_s();
		if (left <= 0 && seconds > 0) {
			collector_stop(c);
			seconds = 0;
		}
		err =
		    chan_wait(collector_chan(c), seconds > 0 ? (int)(left * 1000) + 1 : 5000, &msg);
		if (err < 0)
			break;
		if (!err && seconds <= 0)
			break;
		if (!err)
			continue;
		print_message(&msg);
		if (msg.fd >= 0)
			close(msg.fd);
	}
	if (err != -EPIPE)
		printf("channel: %d\n", err);
	return collector_join(c);
}
