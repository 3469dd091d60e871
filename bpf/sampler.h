#ifndef BPF_SAMPLER_H
#define BPF_SAMPLER_H

/*
 * What bpf/sampler.bpf.c and src/capture/sampler.c say to each other; both compilers see this file.
 *
 * Every call of the program is counted in the slot of its CPU and interval, and what was not left
 * out goes into the ring as one record of variable length.
 */
#include <linux/types.h>

/* Frames of the kernel stack, and as many of the user stack: the default of perf_event_max_stack.
 */
#define SAMPLER_MAX_FRAMES 127

/*
 * Intervals whose counters are kept at the same time, for each CPU. A reader that stays away for
 * longer than SAMPLER_SLOTS intervals loses counters.
 */
#define SAMPLER_SLOTS 256

enum sampler_flag {
	SAMPLER_KTHREAD = 1, /* a kernel thread */
	SAMPLER_NO_USER = 2, /* there is no user memory: kernel thread, or a process at its end */
	SAMPLER_USER_FAILED = 4,   /* there is, and its stack could not be read */
	SAMPLER_KERNEL_CUT = 8,	   /* the kernel stack filled all frames asked for */
	SAMPLER_USER_CUT = 16,	   /* so did the user stack */
	SAMPLER_USER_LEFT_OUT = 32 /* not asked for (-K) */
};

/* Then n_kernel and n_user addresses as __u64, each innermost first. */
struct sampler_record {
	__u64 t_ns; /* CLOCK_MONOTONIC */
	__u32 tgid, tid;
	__u16 cpu;
	__u16 flags; /* enum sampler_flag */
	__u16 n_kernel, n_user;
	char comm[16]; /* of the thread */
};

#define SAMPLER_RECORD_MAX (sizeof(struct sampler_record) + 2 * SAMPLER_MAX_FRAMES * sizeof(__u64))

/*
 * The counters of one CPU in one interval. `interval` says which: a slot starts anew when a later
 * interval needs it. expected = idle + filtered + submitted + ring_full + ring_busy, as soon as
 * no call of that interval is under way.
 */
struct sampler_slot {
	__u64 interval;
	__u64 expected, idle, filtered, submitted, ring_full, ring_busy;
	__u64 unused;
};

_Static_assert(sizeof(struct sampler_record) == 40, "a record's head is 40 bytes");
_Static_assert(sizeof(struct sampler_slot) == 64, "a slot is one cache line");

#endif
