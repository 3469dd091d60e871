#ifndef CAPTURE_EVENTS_H
#define CAPTURE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/options.h"

/*
 * The perf events whose overflows are the samples: one on each CPU. They are opened disabled; the
 * BPF program is attached by sampler.h.
 *
 * A command is followed with the same events, and not with one that belongs to its task and is
 * inherited: such a one starts a whole period with each new process, so that a process gets no
 * sample of its first period (measured: 55 samples of 1,000 in a shell that runs short programs).
 *
 * A probe (tracepoint, uprobe) has one event here at most: the program runs wherever the probe is
 * hit.
 *
 * A rate is asked for as a rate (attr.freq). For cpu-clock the kernel turns it into the fixed
 * period 10^9 / F ns, rounded down, and never adjusts it, which is as exact as a period; and it
 * holds a rate, not a period, against perf_event_max_sample_rate. So `period_ns` is known exactly.
 */
struct events {
	int *fd;
	size_t n;
	struct event_spec event;
	bool fell_back;	    /* to cpu-clock */
	uint32_t freq_hz;   /* 0: a period was asked for */
	uint64_t period;    /* of the event; 0: not fixed (a rate of cycles) */
	uint64_t period_ns; /* 0: not known (cycles) */
};

/* The numbers of the CPUs that are online: *cpu_ret is freed by the caller. 0, or -errno. */
int events_online_cpus(uint32_t **cpu_ret, size_t *n_ret);

/* How many samples a second one CPU gives at most; a guess for a period of cycles. */
uint64_t events_rate_max(const struct capture_options *opts);

/* Opens. Prints why not. enum capture_status. */
int events_open(struct events *ev, const struct capture_options *opts);
/* Opens one more, disabled, on a CPU that came online: the last of ev->fd. 0 or -errno. The event
 * of a CPU that goes offline stays; the kernel has it count no more, not even when the CPU is back.
 */
int events_add_cpu(struct events *ev, uint32_t cpu);
/* Accepts one that is zero, or only partly opened. */
void events_close(struct events *ev);

/* All of them. 0 or -errno. */
int events_enable(struct events *ev);
/* When it returns, no program runs any more on behalf of these events. */
void events_disable(struct events *ev);

/* The samples due in the time that the events were enabled, or -1 where no rate is known. */
int64_t events_due(const struct events *ev);

#endif
