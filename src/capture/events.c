#include "capture/events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define MAX_RATE_SYSCTL "perf_event_max_sample_rate"

static bool read_number(const char *path, unsigned long long *ret)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%llu", ret) == 1;

	if (f)
		fclose(f);
	return ok;
}

int events_online_cpus(uint32_t **cpu_ret, size_t *n_ret)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	uint32_t *cpu = NULL;
	size_t n = 0, cap = 0;
	unsigned int from, to;

	while (f && fscanf(f, "%u", &from) == 1) {
		int c = fgetc(f);

		to = from;
		if (c == '-') {
			if (fscanf(f, "%u", &to) != 1)
				break;
			c = fgetc(f);
		}
		for (; from <= to && n < 65536; from++) {
			cpu = xgrow(cpu, &cap, n + 1, sizeof(*cpu));
			cpu[n++] = from;
		}
		if (c != ',')
			break;
	}
	if (f)
		fclose(f);
	if (!n)
		return -ENOENT;
	*cpu_ret = cpu;
	*n_ret = n;
	return 0;
}

uint64_t events_rate_max(const struct capture_options *opts)
{
	if (opts->freq_hz)
		return opts->freq_hz;
	if (opts->event.kind != EVENT_CLOCK)
		return 10000;
	return 1000000000 /
		   (opts->period > CAPTURE_PERIOD_MIN_NS ? opts->period : CAPTURE_PERIOD_MIN_NS) +
	       1;
}

static struct perf_event_attr attr_of(const struct events *ev)
{
	struct perf_event_attr attr = {
	    .size = sizeof(attr),
	    .type = ev->event.kind == EVENT_HARDWARE	 ? PERF_TYPE_HARDWARE
		    : ev->event.kind == EVENT_TRACEPOINT ? PERF_TYPE_TRACEPOINT
							 : PERF_TYPE_SOFTWARE,
	    .config = ev->event.config,
	    .disabled = 1,
	    .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED,
	};

	if (ev->freq_hz) {
		attr.freq = 1;
		attr.sample_freq = ev->freq_hz;
	} else {
		attr.sample_period = ev->period;
	}
	return attr;
}

static int open_one(struct events *ev, int cpu)
{
	struct perf_event_attr attr = attr_of(ev);
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	ev->fd[ev->n++] = fd;
	return 0;
}

/* The first event decides whether this machine can count what was asked for. */
static bool falls_back(struct events *ev, const struct capture_options *opts, int err)
{
	if (ev->n || ev->event.kind != EVENT_HARDWARE ||
	    ev->event.config != PERF_COUNT_HW_CPU_CYCLES)
		return false;
	if (err != -ENOENT && err != -EOPNOTSUPP && err != -ENXIO)
		return false;
	event_spec_parse("cpu-clock", &ev->event);
	ev->fell_back = true;
	if (ev->freq_hz) {
		ev->period = ev->period_ns = 1000000000 / ev->freq_hz;
		log_note("this machine cannot sample cycles (%s): cpu-clock instead",
			 strerror(-err));
		return true;
	}
	/* A number of cycles is none of ns; about 1 GHz is as good a guess as any. */
	ev->period_ns = ev->period =
	    opts->period > CAPTURE_PERIOD_MIN_NS ? opts->period : CAPTURE_PERIOD_MIN_NS;
	log_note("this machine cannot sample cycles (%s): cpu-clock every %llu ns instead",
		 strerror(-err), (unsigned long long)ev->period);
	return true;
}

static int explain(const struct events *ev, int err, int cpu)
{
	if (err == -EACCES || err == -EPERM) {
		log_error("not permitted to sample: run it as root, or with the capabilities "
			  "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
		return CAPTURE_NOT_PERMITTED;
	}
	if (ev->event.kind == EVENT_HARDWARE) {
		log_error("this machine cannot count that event (%s): it needs a PMU, which many "
			  "virtual machines lack",
			  strerror(-err));
		return CAPTURE_NOT_PERMITTED;
	}
	log_error("cannot open the event on CPU %d: %s", cpu, strerror(-err));
	return err == -EMFILE || err == -ENOMEM ? CAPTURE_FAILED : CAPTURE_NOT_PERMITTED;
}

static int settle_rate(struct events *ev, const struct capture_options *opts)
{
	unsigned long long max;

	ev->event = opts->event;
	ev->freq_hz = opts->freq_hz;
	ev->period = opts->period;
	if (!ev->freq_hz == !ev->period) {
		log_error("either a rate (-F) or a period (-c), above 0");
		return CAPTURE_USAGE;
	}
	if (ev->freq_hz && read_number("/proc/sys/kernel/" MAX_RATE_SYSCTL, &max) &&
	    ev->freq_hz > max) {
		log_error("-F %u is above kernel." MAX_RATE_SYSCTL " (%llu): lower the one, or "
			  "raise the other with sysctl",
			  ev->freq_hz, max);
		return CAPTURE_USAGE;
	}
	if (ev->event.kind == EVENT_OFF_CPU)
		ev->period_ns = CAPTURE_BLOCK_UNIT_NS;
	if (ev->event.kind != EVENT_CLOCK)
		return CAPTURE_OK;
	if (!ev->freq_hz && ev->period < CAPTURE_PERIOD_MIN_NS) {
		log_note("-c %llu raised to %u ns, the shortest period of cpu-clock",
			 (unsigned long long)ev->period, CAPTURE_PERIOD_MIN_NS);
		ev->period = CAPTURE_PERIOD_MIN_NS;
	}
	if (ev->freq_hz)
		ev->period = 1000000000 / ev->freq_hz;
	ev->period_ns = ev->period;
	return CAPTURE_OK;
}

static int read_tracepoint(struct event_spec *e)
{
	static const char *const folders[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	unsigned long long id;
	char path[512];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/events/%s/%s/id", folders[i], e->category,
			 e->name);
		if (read_number(path, &id)) {
			e->config = id;
			return CAPTURE_OK;
		}
	}
	if (access("/sys/kernel/tracing/events", F_OK) &&
	    access("/sys/kernel/debug/tracing/events", F_OK)) {
		log_error("cannot see tracepoints: mount -t tracefs tracefs /sys/kernel/tracing");
		return CAPTURE_NOT_PERMITTED;
	}
	log_error("there is no tracepoint %s:%s: look into /sys/kernel/tracing/events", e->category,
		  e->name);
	return CAPTURE_FAILED;
}

/* One event is enough: the program runs on whichever CPU the probe is hit. */
static int open_probe(struct events *ev, const struct capture_options *opts)
{
	int status, err;

	if (ev->freq_hz) {
		log_error("-F is a rate, and a probe has none; with -c N each Nth hit is a sample");
		return CAPTURE_USAGE;
	}
	/* A uprobe is opened by whoever attaches the program. */
	if (ev->event.kind == EVENT_UPROBE || ev->event.kind == EVENT_OFF_CPU)
		return CAPTURE_OK;
	status = read_tracepoint(&ev->event);
	if (status)
		return status;
	ev->fd = xcalloc(1, sizeof(*ev->fd));
	err = open_one(ev, opts->cpu >= 0 ? opts->cpu : 0);
	return err ? explain(ev, err, 0) : CAPTURE_OK;
}

int events_open(struct events *ev, const struct capture_options *opts)
{
	uint32_t *cpu = NULL;
	size_t n = 0;
	bool found = opts->cpu < 0;
	int status, err = 0;

	*ev = (struct events){0};
	status = settle_rate(ev, opts);
	if (status)
		return status;
	if (event_is_probe(&ev->event))
		return open_probe(ev, opts);
	if (events_online_cpus(&cpu, &n)) {
		log_error("cannot tell which CPUs are online: /sys is not mounted");
		return CAPTURE_FAILED;
	}
	ev->fd = xcalloc(n, sizeof(*ev->fd));
	for (size_t i = 0; i < n && !err; i++) {
		found |= (int)cpu[i] == opts->cpu;
		if (opts->cpu >= 0 && opts->cpu != (int)cpu[i])
			continue;
		err = open_one(ev, cpu[i]);
		if (err && falls_back(ev, opts, err))
			err = open_one(ev, cpu[i]);
		/* Gone offline in between, or a CPU that this kind of event does not exist on. */
		if (err == -ENODEV)
			err = 0;
		if (err)
			status = explain(ev, err, cpu[i]);
	}
	if (!found) {
		log_error("CPU %d is not online: choose one of /sys/devices/system/cpu/online",
			  opts->cpu);
		status = CAPTURE_FAILED;
	} else if (!status && !ev->n) {
		status = explain(ev, -ENODEV, opts->cpu);
	}
	free(cpu);
	return status;
}

int events_add_cpu(struct events *ev, uint32_t cpu)
{
	ev->fd = xreallocarray(ev->fd, ev->n + 1, sizeof(*ev->fd));
	return open_one(ev, cpu);
}

void events_close(struct events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		close(ev->fd[i]);
	free(ev->fd);
	*ev = (struct events){0};
}

int events_enable(struct events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		if (ioctl(ev->fd[i], PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
	return 0;
}

void events_disable(struct events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		ioctl(ev->fd[i], PERF_EVENT_IOC_DISABLE, 0);
}

int64_t events_due(const struct events *ev)
{
	uint64_t due = 0;

	/* A period is exact too, but what a rate means is what users know. */
	if (ev->event.kind != EVENT_CLOCK || !ev->freq_hz)
		return -1;
	for (size_t i = 0; i < ev->n; i++) {
		uint64_t v[2];

		if (read(ev->fd[i], v, sizeof(v)) != sizeof(v))
			return -1;
		due += v[1] / ev->period_ns;
	}
	return due;
}
