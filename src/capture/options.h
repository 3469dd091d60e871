#ifndef CAPTURE_OPTIONS_H
#define CAPTURE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/eventspec.h"

/*
 * What to sample, and how; as the options of `record` say it. Plain data: strings and arrays are
 * borrowed. Begin with CAPTURE_OPTIONS_DEFAULT.
 */
struct capture_options {
	const uint32_t *pid; /* only these processes, with all their threads */
	size_t n_pids;
	const uint32_t *tid; /* only these threads */
	size_t n_tids;
	int cpu; /* only this one; -1: all that are online */
	struct event_spec event;
	bool also_off_cpu;     /* and time off the CPU at the same time, in a series of its own */
	uint32_t freq_hz;      /* samples a second on each CPU; 0 where a period is set */
	uint64_t period;       /* every how many of the event; ns of cpu-clock; 0: by the rate */
	bool user_only;	       /* leave out the kernel stacks */
	bool kernel_only;      /* leave out the user stacks */
	bool frame_pointers;   /* read user stacks by frame pointers alone */
	uint32_t max_stack;    /* frames of a user stack, at most SAMPLER_MAX_USER */
	uint8_t copying;       /* enum sampler_copying: which stacks are copied for the namer */
	size_t table_bytes;    /* the kernel's memory for unwinding, at most */
	int table_maker;       /* the channel to who makes tables; -1: there are none */
	uint64_t min_block_ns; /* time off the CPU: shorter blocks are filtered */
	uint64_t max_block_ns; /* and longer ones; 0: none is too long */
	bool include_idle;     /* keep the samples of the idle task */
	const char *cgroup;    /* folder of a cgroup v2: only its processes, descendants included */
	const char *cgroupmap; /* pinned BPF hash: only these cgroup ids */
	const char *mntnsmap;  /* pinned BPF hash: only these mount namespaces (inode numbers) */
	uint64_t duration_ns;  /* the recording ends by itself then, to the ns; 0: when stopped */
	uint64_t interval_ns;  /* length of a snapshot, at least CAPTURE_INTERVAL_MIN_NS */
	uint32_t hash_storage; /* (process, stack) pairs in a snapshot, at most */
	uint32_t stack_storage; /* distinct stacks in a snapshot, at most */
	bool per_thread;	/* keep the threads of a process apart */
	bool per_cpu;		/* keep apart what it does on each CPU */
	bool each_sample;	/* send each by itself (WIRE_SAMPLE), and each block */
	bool all_cpus;		/* with argv: the whole machine, not only the command */
	char *const *argv;	/* the command to run and follow, NULL at its end; NULL: none */
};

#define CAPTURE_INTERVAL_MIN_NS 10000000u
#define CAPTURE_INTERVAL_MAX_NS 86400000000000u
/* A count of off-CPU time. */
#define CAPTURE_BLOCK_UNIT_NS 1000u
/*
 * Blocks that are shorter are many, and their stacks cost more than they last: a thread has at most
 * 10,000 a second that are longer.
 */
#define CAPTURE_MIN_BLOCK_NS 100000u
/* What a timer of the kernel does at least. */
#define CAPTURE_PERIOD_MIN_NS 10000u

#define CAPTURE_OPTIONS_DEFAULT                                                                    \
	((struct capture_options){.cpu = -1,                                                       \
				  .freq_hz = 49,                                                   \
				  .max_stack = 256,                                                \
				  .copying = 1,                                                    \
				  .min_block_ns = CAPTURE_MIN_BLOCK_NS,                            \
				  .table_bytes = 128u << 20,                                       \
				  .table_maker = -1,                                               \
				  .interval_ns = 1000000000,                                       \
				  .hash_storage = 40960,                                           \
				  .stack_storage = 16384})

/*
 * How a program of ours ends when sampling cannot begin: the exit statuses of the command that
 * concern it. The line that says why was printed where it was found.
 */
enum capture_status {
	CAPTURE_OK = 0,
	CAPTURE_FAILED = 1,	   /* no such process, no such map … */
	CAPTURE_USAGE = 2,	   /* can never be right */
	CAPTURE_NOT_PERMITTED = 4, /* no permission, or no support in the kernel */
};

/*
 * Is there what the options name, and can their values be right? Prints the first thing that is
 * wrong, and returns an enum capture_status. What only the kernel can tell shows when it is opened.
 */
int capture_options_check(const struct capture_options *opts);

#endif
