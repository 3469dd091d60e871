#ifndef CAPTURE_INTAKE_H
#define CAPTURE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chan.h"
#include "capture/blocks.h"
#include "capture/cgroups.h"
#include "capture/cutter.h"
#include "capture/ksyms.h"
#include "capture/modules.h"
#include "capture/procs.h"
#include "capture/sampler.h"
#include "capture/sideband.h"
#include "capture/unwinder.h"

/*
 * Brings together what comes from two sides: samples, and the life of processes. Both are kept for
 * a moment and then gone through in order of time, so that a sample meets the mappings of its own
 * moment. Then it is counted where its interval says; new processes, modules and perf maps are told
 * to the main process on the way.
 */
struct intake {
	struct chan *out;
	struct procs *procs;
	struct modules *modules;
	struct cutter *cutter;	      /* of samples */
	struct cutter *blocks_cutter; /* of blocks; NULL where none come */
	struct unwinder *unwinder;    /* NULL: stacks are read by frame pointers */
	struct ksyms *ksyms; /* NULL: kallsyms tells what the kernel's functions are called */
	/* Closes the oldest snapshot, where too many are open. */
	void (*make_room)(void *arg);
	void *arg;

	bool each_sample; /* tell of each */
	bool per_thread, per_cpu;
	uint32_t max_stack;
	bool follows;		 /* only what procs_follow() named and its descendants */
	const uint32_t *only;	 /* only these processes */
	size_t n_only;		 /* 0: all */
	uint64_t unix_offset_ns; /* unix time - CLOCK_MONOTONIC */
	uint32_t n_processes;	 /* told of, or parts of them */
	struct part {
		uint32_t process, tid, cpu, id; /* process: id of its first part */
	} * part;
	size_t n_parts, cap_parts;
	struct index part_ix;
	struct cgroups *cgroups;
	uint64_t sideband_lost, lost_ns;
	uint64_t unsent;	 /* samples that could not be told of */
	uint64_t scan_window_ns; /* late looks into /proc are rationed by the second */
	uint32_t scans;

	struct blocks blocks; /* of off-CPU time */

	struct pending_sample {
		uint64_t t_ns;
		size_t at, size;
		bool is_block; /* struct sampler_block */
	} * sample;
	struct proc_event *event;
	size_t n_samples, cap_samples, n_events, cap_events;
	size_t n_followed; /* of the events: those that the unwinder knows */
	uint8_t *bytes;
	size_t n_bytes, cap_bytes;
	struct sampler_copy **copy; /* of samples that are pending */
	size_t n_copies, cap_copies;
	uint32_t n_sent_copies;
};

void intake_init(struct intake *in, struct chan *out, struct cutter *cutter);
/* Blocks come too, or no samples but blocks; see blocks.h for min_ns and max_ns. */
void intake_init_blocks(struct intake *in, struct cutter *cutter, uint64_t min_ns, uint64_t max_ns);
void intake_deinit(struct intake *in);

/* Reads /proc once. Call it after sideband_create(), and before the first intake_process(). */
void intake_scan(struct intake *in);

/* For sideband_drain() and sampler_drain(); `arg` is the intake. */
void intake_take_event(void *arg, const struct sideband_event *e);
void intake_take_sample(void *arg, const struct sampler_record *r);
void intake_take_block(void *arg, const struct sampler_block *b);
void intake_take_copy(void *arg, const struct sampler_copy *c);

/* After sideband_drain(): tells the kernel at once of what it needs to unwind. */
void intake_follow(struct intake *in);

/* Goes through all that happened before `until_ns`. */
void intake_process(struct intake *in, uint64_t until_ns);

/* What waits for main is bounded; beyond this, snapshots are sent without stacks. */
#define INTAKE_BACKLOG_MAX (256u << 20)

#endif
