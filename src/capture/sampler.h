#ifndef CAPTURE_SAMPLER_H
#define CAPTURE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/sampler.h"
#include "bpf/unwind.h"
#include "capture/events.h"
#include "capture/options.h"

/*
 * The BPF program in the kernel: loads it with the filters of the options, attaches it to the
 * events, and reads what it leaves: records out of a ring, and counters by interval. This
 * and capture/ksyms.c alone know libbpf.
 *
 *	sampler_create → sampler_attach → sampler_begin →
 *	(sampler_drain, sampler_counters)* →
 *	sampler_end → sampler_drain until empty → sampler_destroy
 *
 * Two can be at work at a time: programs, rings, counters and scratch are each one's own, since one
 * program may interrupt the other. Only the tables for unwinding are the same.
 */
struct sampler;

struct sampler_counters {
	uint64_t expected, idle, filtered, submitted, ring_full, ring_busy;
};

/* Who takes what comes. All is valid until they return. */
struct sampler_takers {
	/* Each record; its addresses stand behind it. */
	void (*record)(void *arg, const struct sampler_record *r);
	/* EVENT_OFF_CPU: each block; its record stands behind it, where it has a stack. */
	void (*block)(void *arg, const struct sampler_block *b);
	/* Each copied stack; its bytes stand behind it. It comes after the record it belongs to. */
	void (*copy)(void *arg, const struct sampler_copy *c);
	void *arg;
};

/*
 * Loads. n_cpus: how many CPUs can send samples. `first`: whose tables are used, which are filled
 * there and not here; NULL: its own. On failure it has printed why, returns NULL and sets
 * *status_ret to an enum capture_status.
 */
struct sampler *sampler_create(const struct capture_options *opts, size_t n_cpus,
			       const struct sampler_takers *takers, const struct sampler *first,
			       int *status_ret);
void sampler_destroy(struct sampler *s);

/* The program runs at each overflow or hit from now on, and ignores them until sampler_begin(). An
 * enum capture_status; it has printed why not. */
int sampler_attach(struct sampler *s, const struct events *ev);
/* Time 0 of the intervals. Call it right before the events are enabled. */
void sampler_begin(struct sampler *s, uint64_t start_ns);
/* Samples from this time on are not counted. Call it right before the events are disabled. */
void sampler_end(struct sampler *s, uint64_t stop_ns);

/* Hands all records that are there to their takers, then all copies: how many, or a negative errno.
 */
int sampler_drain(struct sampler *s);
/* The counters of an interval, summed over the CPUs. They may still grow. `submitted` says how many
 * records there are to be taken. */
void sampler_counters(const struct sampler *s, uint64_t interval, struct sampler_counters *ret);

/* EVENT_OFF_CPU: blocks that nothing is known of, since there were too many threads. */
uint64_t sampler_unseen(const struct sampler *s);

size_t sampler_ring_bytes(const struct sampler *s);
/* The program's run time and number of runs, where kernel.bpf_stats_enabled is set; else 0. */
uint64_t sampler_run_time_ns(const struct sampler *s, uint64_t *runs_ret);

/*
 * The tables of bpf/unwind.h, for capture/unwind.h, which fills them. They are there where user
 * stacks are unwound by tables.
 */
bool sampler_by_tables(const struct sampler *s);
struct unwind_rule *sampler_rules(const struct sampler *s);
struct unwind_module *sampler_modules(const struct sampler *s);
/* Makes a segment of the arena: `grow` of struct arena, with the sampler as `arg`. */
uint32_t *sampler_segment(void *s, uint32_t index);
/* Tells where the mappings of a process are. 0 or a negative errno. */
int sampler_set_process(struct sampler *s, uint32_t pid, const struct unwind_process *p);
void sampler_drop_process(struct sampler *s, uint32_t pid);

static inline enum unwind_end sampler_end_of(const struct sampler_record *r)
{
	return r->flags >> SAMPLER_END_SHIFT;
}

static inline const struct sampler_record *sampler_block_record(const struct sampler_block *b)
{
	return b->has_stack ? (const struct sampler_record *)(b + 1) : NULL;
}

static inline const uint64_t *sampler_addresses(const struct sampler_record *r)
{
	return (const uint64_t *)(r + 1);
}

#endif
