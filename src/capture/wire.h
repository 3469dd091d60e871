#ifndef CAPTURE_WIRE_H
#define CAPTURE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/sampler.h"
#include "bpf/unwind.h"
#include "profile/dict.h"
#include "profile/snapshot.h"

/*
 * What the collector and the main process say to each other over base/chan.h: the type of a message
 * is an enum wire_type, its bytes are the packed struct of that name and what stands behind it.
 * Both ends are the same program, so numbers are in the machine's own order.
 *
 *	collector → main, in this order:
 *	    STARTED or FAILED    once
 *	    PROCESS, MODULE, PERFMAP, KERNEL_NAMES, COPY, SAMPLE, STACKS*, SNAPSHOT
 *				 as they come
 *	    ENDED                once, then the end of the channel
 *	main → collector:
 *	    WANT_DEBUG           is answered by a DEBUG for each file that is there
 *	    STOP                 ends the recording; the open snapshot still comes
 *
 * A PROCESS, MODULE or KERNEL_NAMES comes before the first STACKS that needs it. Snapshots come in
 * order of time, of two series as pairs (capture_options.also_off_cpu); their STACKS come right
 * before them.
 */
enum wire_type {
	WIRE_STARTED = 1,  /* struct wire_started */
	WIRE_PROCESS,	   /* struct wire_process */
	WIRE_MODULE,	   /* struct wire_module, path; may carry the file */
	WIRE_PERFMAP,	   /* struct wire_perfmap; carries the file */
	WIRE_KERNEL_NAMES, /* each: struct wire_kernel_name, name; see wire_next_kernel_name() */
	WIRE_COPY,	   /* struct wire_copy, struct stack_copy with all that belongs to it */
	WIRE_SAMPLE,	   /* struct wire_sample, then its stack as in STACKS */
	WIRE_STACKS,	   /* some stacks of the next SNAPSHOT: see wire_next_stack() */
	WIRE_SNAPSHOT,	   /* struct wire_snapshot */
	WIRE_ENDED,	   /* struct wire_ended */
	WIRE_FAILED,	   /* struct wire_failed: nothing was sampled */
	WIRE_STOP,	   /* nothing */
	WIRE_WANT_DEBUG,   /* struct wire_debug, paths */
	WIRE_DEBUG,	   /* struct wire_debug; carries a file */
};

struct wire_started {
	uint8_t fell_back;  /* cpu-clock is sampled, and not what was asked for */
	uint8_t by_tables;  /* user stacks are unwound by tables; else by frame pointers */
	uint32_t freq_hz;   /* 0: a period was asked for */
	uint64_t period;    /* of the event; 0: not fixed */
	uint64_t period_ns; /* CPU time that a sample stands for; 0: not known */
	uint32_t n_cpus;    /* that are sampled */
	uint32_t online_cpus;
	uint64_t ring_bytes;		    /* of the ring of samples */
	uint64_t mono_ns, unix_ns, boot_ns; /* time 0 by three clocks */
	uint32_t command_pid;		    /* 0: none */
} __attribute__((packed));

/* A process has another id after exec, and after its main thread changed its name; where threads or
 * CPUs are kept apart, each part of it has an id. */
struct wire_process {
	uint32_t id; /* counts up from 1 */
	uint32_t pid;
	char comm[16]; /* NUL-terminated, otherwise any bytes */
	uint8_t is_kernel;
	uint64_t start_unix_ns; /* of its fork or exec; 0: it was there before us */
	/* As in struct process: a part of it, where parts are asked for. */
	uint32_t tid, cpu;
	char thread[16];
} __attribute__((packed)); /* then the path of its cgroup */

enum wire_module_kind {
	WIRE_MODULE_FILE,    /* a file, by path */
	WIRE_MODULE_DELETED, /* its name was removed, its code still runs */
	WIRE_MODULE_MEMFD,   /* a file that never had a name, with an ELF header */
	WIRE_MODULE_VDSO,    /* the kernel's page of code; path "[vdso]" */
	WIRE_MODULE_JIT,     /* all anonymous code of one process; offsets are addresses */
	WIRE_MODULE_OTHER,   /* a mapping without a file, such as "[vsyscall]"; offsets are too */
};

/*
 * Comes again, with the same id, when a file could be opened only later. The file is what was
 * mapped, or what stood at its path: where there is a build_id, compare it with the file's own.
 * `path` (as the process saw it, without " (deleted)") fills the rest of the message, without NUL.
 */
struct wire_module {
	uint32_t id; /* counts up from 1 */
	uint8_t kind;
	uint8_t build_id_size, build_id[BUILD_ID_MAX];
	uint32_t process; /* of JIT code; 0: any */
} __attribute__((packed));

/* The perf map of a process: names for the addresses of its JIT module. A regular file of the
 * process's own user; what it holds is not to be trusted. */
struct wire_perfmap {
	uint32_t module;
} __attribute__((packed));

/*
 * What the kernel calls the code at an address, where kallsyms does not show addresses
 * (capture/ksyms.h): "NAME", "NAME [MODULE]"; "0x…" or nothing where it has no name. The address is
 * that of wire_running().
 */
struct wire_kernel_name {
	uint64_t address;
	uint16_t size; /* of the name, without NUL */
} __attribute__((packed));

/*
 * Separate debug files of a module that was told of: what stands at the paths (each with its NUL,
 * at most WIRE_DEBUG_PATHS) in the root of a process that runs it, where that is another root or
 * mount namespace than ours; ours main can look into itself. A regular file, not to be trusted.
 */
#define WIRE_DEBUG_PATHS 8
struct wire_debug {
	uint32_t module;
} __attribute__((packed));

/*
 * A user stack as it was, for the namer to unwind (profile/stack_copy.h); the stack of that number
 * in the next SNAPSHOT is what comes out. Its modules were told of before; where offsets in one are
 * addresses, a mapping's pgoff is its start.
 */
struct wire_copy {
	uint32_t id; /* counts up from 1 */
} __attribute__((packed));

enum wire_stack_flag {
	WIRE_STACK_KERNEL_ONLY = 1, /* has no user part by its nature, or by -K */
	WIRE_STACK_UNREADABLE = 2,  /* the user stack could not be read */
	WIRE_STACK_BROKEN = 4,	    /* cut before an address in no executable mapping */
	WIRE_STACK_USER_CUT = 8,    /* as deep as can be asked for: callers are missing */
	WIRE_STACK_KERNEL_CUT = 16,
};

/* Then n_kernel addresses as uint64_t, and n_user struct wire_frame, each innermost first. */
struct wire_stack {
	uint32_t process;
	uint32_t copy; /* of which its user part comes; 0: none. What stands here is a part of it */
	uint8_t flags; /* enum wire_stack_flag */
	uint8_t end;   /* enum unwind_end, of the user part */
	uint8_t state; /* enum block_state */
	uint16_t n_kernel, n_user;
	uint64_t count;
} __attribute__((packed));

/*
 * An address as the stack held it: where a call returns to, but where it ran for the innermost
 * frame, and one more than that for a frame that a signal interrupted, and the one its handler
 * returns to. `offset` is the place in the module's file, or the address itself (JIT, OTHER).
 */
struct wire_frame {
	uint32_t module;
	uint64_t offset;
} __attribute__((packed));

/* One sample, where each was asked for, or a block that is over; STACKS do not come then. */
struct wire_sample {
	uint64_t unix_ns;
	uint64_t blocked_ns; /* 0: it is a sample */
	uint32_t pid, tid, cpu;
	char comm[16]; /* of the thread; NUL-terminated, otherwise any bytes */
	uint64_t kernel_address, user_address; /* where it ran; 0: no such stack */
} __attribute__((packed));

/*
 * The account is whole but for complete, truncated and kernel_only, which need names: they are 0,
 * and their sum is to be account.taken, which is the sum of the stacks' counts.
 */
struct wire_snapshot {
	struct snapshot_info info;
	uint64_t n_stacks; /* how many STACKS held since the last SNAPSHOT */
	uint8_t series;	   /* of two, 0 or 1: the snapshot comes in each, of the same times */
} __attribute__((packed));

struct wire_ended {
	uint64_t expected[2];	/* of the whole recording, by series */
	int64_t undelivered;	/* samples that the kernel never delivered; -1: not known */
	int32_t command_status; /* as wait() gave it; -1: none, or it still runs */
	uint64_t sideband_lost; /* records of process life */
	uint64_t unsent;	/* SAMPLEs that nobody took in time */
	uint64_t unseen;	/* blocks of which nothing is known, or not the end */
	uint64_t moved_ns; /* blocked time whose snapshot was closed: it stands in a later one */
	uint64_t late;	   /* samples that came after their snapshot, counted there as missing */
	uint64_t beyond_bounds; /* processes, mappings and modules that were too many */
	uint64_t ring_bytes;
	uint64_t bpf_ns, bpf_runs; /* run time of the program; 0: not known */
} __attribute__((packed));

struct wire_failed {
	int32_t status;	       /* enum capture_status; the line was printed */
	int32_t command_errno; /* why the command could not be run; 0: not that */
} __attribute__((packed));

/* A stack as it stands in the bytes of a message: read numbers with the functions below. */
struct wire_stack_view {
	struct wire_stack head;
	const uint8_t *kernel, *user;
};

/* The stack at *at, which begins with 0. 1, 0 at the end, or -EPROTO. */
int wire_next_stack(const void *data, size_t size, size_t *at, struct wire_stack_view *ret);
/* A message of a SAMPLE. 0 or -EPROTO. */
int wire_get_sample(const void *data, size_t size, struct wire_sample *ret,
		    struct wire_stack_view *stack_ret);
/* The name at *at, which begins with 0; it is not terminated. 1, 0 at the end, or -EPROTO. */
int wire_next_kernel_name(const void *data, size_t size, size_t *at, struct wire_kernel_name *ret,
			  const char **name_ret);
uint64_t wire_kernel_address(const struct wire_stack_view *v, size_t i);
struct wire_frame wire_user_frame(const struct wire_stack_view *v, size_t i);

/*
 * Where the code was running, of an address in a stack: for a caller the byte before the place to
 * which its callee returns, which may belong to the next function already.
 */
static inline uint64_t wire_running(uint64_t address, size_t depth)
{
	return depth ? address - 1 : address;
}

/* Copies the struct at the head of a message: false where the message is too short. */
bool wire_get(const void *data, size_t size, void *head_ret, size_t head_size);

#endif
