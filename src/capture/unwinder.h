#ifndef CAPTURE_UNWINDER_H
#define CAPTURE_UNWINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chan.h"
#include "capture/modules.h"
#include "capture/procs.h"
#include "capture/sampler.h"

/*
 * Keeps the tables by which the kernel finds callers (bpf/unwind.h): which process has what mapped
 * where, and the rules of each module.
 *
 * Mappings have to be there before the first sample, and so what the sideband tells is applied at
 * once, to processes of our own; those of capture/intake.h follow the samples, a moment later. A
 * change is written to a new place, and the process's entry then points there: the program sees the
 * old mappings or the new ones.
 *
 * The rules of a module are asked for when a sample first needs them: the table maker, at the other
 * end of a channel of our own (profile/unwind_table.h), makes them of the files that it was told of
 * by modules_tell_maker(): first those that many samples need, and small files. They are dropped
 * again, those of modules without samples for longest first, when the memory that was allowed is
 * full; and those with most rules, when no number is left for another rule.
 */
struct unwinder;

/* Borrows all. maker: NULL for none. max_bytes: of the arena. */
struct unwinder *unwinder_create(struct sampler *s, struct modules *modules, struct chan *maker,
				 size_t max_bytes);
void unwinder_destroy(struct unwinder *u);

/* Only this process counts, and all it forks from now on: others are not unwound, and their stacks
 * are not copied, of which there is only so much a second. Before any process is told of. */
void unwinder_follow(struct unwinder *u, uint32_t pid);

/* The processes as they are now: what was read from /proc is added here, and then changed. */
struct procs *unwinder_procs(struct unwinder *u);
void unwinder_changed(struct unwinder *u, struct proc *p);
/* What the sideband told. Then unwinder_flush() makes the kernel see it. */
void unwinder_event(struct unwinder *u, const struct proc_event *e);
void unwinder_flush(struct unwinder *u);

/* A sample was in this module, of a process that has it mapped there: it stays in memory. */
void unwinder_use(struct unwinder *u, uint32_t module, uint64_t t_ns);
/* A sample needs the rules of the module at [start, end): asks for them if nobody did. */
void unwinder_want(struct unwinder *u, uint32_t module, uint32_t pid, uint64_t start, uint64_t end);
/* A process that started maps it: as above, unless others are being waited for. */
void unwinder_expect(struct unwinder *u, uint32_t module, uint32_t pid, uint64_t start,
		     uint64_t end);
/* The maker's channel is readable: takes what came, and asks for the next. false: it is lost. */
bool unwinder_hear(struct unwinder *u);
/* The table that was asked for, or -1 where there is none to be had. */
void unwinder_take_table(struct unwinder *u, uint32_t module, int fd);

/* Gives memory back that the program cannot be reading any more. */
void unwinder_tick(struct unwinder *u, uint64_t now_ns);

struct unwinder_stats {
	size_t tables, rows, bytes; /* in memory now: modules, their rows, and all of the arena */
	uint64_t evicted;	    /* tables dropped for want of memory */
	uint64_t refused;	    /* processes that found no room */
};

struct unwinder_stats unwinder_stats(const struct unwinder *u);

#endif
