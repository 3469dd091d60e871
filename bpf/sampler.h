#ifndef BPF_SAMPLER_H
#define BPF_SAMPLER_H

/*
 * What bpf/sampler.bpf.c and src/capture/sampler.c say to each other; both compilers see this file.
 *
 * Every call of the program is counted in the slot of its CPU and interval, and what was not left
 * out goes into the ring as one record of variable length.
 */
#include <linux/types.h>

/* Frames of the kernel stack, and of the user stack read by frame pointers: the default of
 * perf_event_max_stack. */
#define SAMPLER_MAX_FRAMES 127
/* Frames of the user stack that tables can be asked for. */
#define SAMPLER_MAX_USER 1023

/*
 * Intervals whose counters are kept at the same time, for each CPU. A reader that stays away for
 * longer than SAMPLER_SLOTS intervals loses counters.
 */
#define SAMPLER_SLOTS 256

enum sampler_flag {
	SAMPLER_KTHREAD = 1, /* a kernel thread */
	SAMPLER_NO_USER = 2, /* there is no user memory: kernel thread, or a process at its end */
	SAMPLER_USER_FAILED = 4,    /* there is, and its stack could not be read */
	SAMPLER_KERNEL_CUT = 8,	    /* the kernel stack filled all frames asked for */
	SAMPLER_USER_CUT = 16,	    /* so did the user stack */
	SAMPLER_USER_LEFT_OUT = 32, /* not asked for (-K) */
	SAMPLER_COPIED = 64	    /* a struct sampler_copy came before it */
};

/* How the user stack ends (enum unwind_end) stands above the flags. */
#define SAMPLER_END_SHIFT 8

/* Then n_kernel and n_user addresses as __u64, each innermost first: where it ran, then where calls
 * return to, and one more than where it ran for a frame that a signal interrupted, and for the one
 * to which its handler returns. */
struct sampler_record {
	__u64 t_ns; /* CLOCK_MONOTONIC */
	__u32 tgid, tid;
	__u16 cpu;
	__u16 flags; /* enum sampler_flag, enum unwind_end << SAMPLER_END_SHIFT */
	__u16 n_kernel, n_user;
	__u64 cgroup;  /* id, of version 2 */
	char comm[16]; /* of the thread */
};

#define SAMPLER_RECORD_MAX                                                                         \
	(sizeof(struct sampler_record) + (SAMPLER_MAX_FRAMES + SAMPLER_MAX_USER) * sizeof(__u64))

/*
 * The user stack of a sample that tables could not unwind to its end, in a ring of its own: the
 * same time and CPU. Then n_bytes from the stack pointer on. Only so many a second are taken.
 */
#define SAMPLER_COPY_BYTES   65536
#define SAMPLER_COPIES_BURST 128      /* on each CPU */
#define SAMPLER_COPY_EVERY   10000000 /* ns, after a burst */

enum sampler_copying { SAMPLER_COPY_NONE, SAMPLER_COPY_NEEDED, SAMPLER_COPY_ALL };

struct sampler_copy {
	__u64 t_ns;
	__u32 cpu, n_bytes;
	__u64 reg[17]; /* by DWARF number; 16 is the instruction pointer */
};

/*
 * Off-CPU time: a block is the time from a thread's switch-out to its next switch-in. Its record
 * says so; then a struct sampler_record with its stack may follow, taken at either end:
 *
 *	in_ns 0, with a stack      it lasts. Its end follows
 *	in_ns, without a stack     the end of such a one
 *	in_ns, with a stack        a block that is over
 */
struct sampler_block {
	__u64 out_ns, in_ns; /* CLOCK_MONOTONIC */
	__u32 thread;	     /* its id in the initial PID namespace */
	__u16 state;	     /* enum block_state */
	__u16 has_stack;
};

enum block_state {
	BLOCK_NONE, /* it was sampled, not blocked */
	BLOCK_SLEEPING,
	BLOCK_UNINTERRUPTIBLE,
	BLOCK_RUNNABLE, /* it was preempted, or yielded: it waits for a CPU */
	BLOCK_STOPPED,	/* by a signal or a debugger */
	BLOCK_STATES
};

/* The end of a block that lasted, where the ring had no room for it. */
struct sampler_end {
	__u64 out_ns, in_ns;
};

/* Stacks that are taken when a block begins, though the thread's last one was too short to count.
 */
#define SAMPLER_OUT_BURST 128	 /* on each CPU */
#define SAMPLER_OUT_EVERY 500000 /* ns, after a burst */

/*
 * The counters of one CPU in one interval. `interval` says which: a slot starts anew when a later
 * interval needs it. expected = idle + filtered + submitted + ring_full + ring_busy, as soon as
 * no call of that interval is under way.
 *
 * Of off-CPU time all are ns of the blocks that ended in the interval, but for `submitted`, which
 * counts records: expected = filtered + ring_full + ring_busy + those of the records and of `ends`.
 */
struct sampler_slot {
	__u64 interval;
	__u64 expected, idle, filtered, submitted, ring_full, ring_busy;
	__u64 ends; /* how many struct sampler_end wait to be read */
};

_Static_assert(sizeof(struct sampler_record) == 48, "a record's head is 48 bytes");
_Static_assert(sizeof(struct sampler_block) == 24, "a block's head is 24 bytes");
_Static_assert(sizeof(struct sampler_slot) == 64, "a slot is one cache line");

#endif
