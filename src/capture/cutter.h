#ifndef CAPTURE_CUTTER_H
#define CAPTURE_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/sampler.h"
#include "capture/tally.h"

/*
 * Cuts the stream of samples into snapshots, each by its own time stamp, and closes a snapshot when
 * nothing of it can be under way any more: its time is over, and the records that came are as many
 * as the program counted. If they do not agree within a second, the difference is LOSS_MISSING.
 *
 * Interval k is [start + k * interval, start + (k + 1) * interval), in CLOCK_MONOTONIC; the last
 *one ends with the recording. Snapshots close in order. No clock is read here.
 *
 *	(cutter_tally* → cutter_close*)* → cutter_stop → cutter_close*
 *
 * Of off-CPU time the counters are ns (struct sampler_slot), and counts are units of it: what is
 * left of a unit goes on to the next snapshot.
 */
#define CUTTER_PATIENCE_NS 1000000000u
/* Intervals that can be open at a time: counters of older ones are gone. */
#define CUTTER_OPEN_MAX (SAMPLER_SLOTS - 8)

struct cutter {
	uint64_t start_ns, stop_ns, interval_ns; /* stop_ns: UINT64_MAX while it runs */
	uint64_t next;				 /* the oldest interval that is open */
	struct tally *ring[SAMPLER_SLOTS];	 /* by interval; NULL: no sample yet */
	struct tally *spare;
	struct tally_limits limits;
	uint64_t seed;
	uint64_t late; /* samples whose snapshot was closed */
	/* Of off-CPU time; else 0. Then what is left of each counter. */
	uint64_t unit_ns, filtered_ns, ring_full_ns, ring_busy_ns, missing_ns;
};

struct cutter_snapshot {
	uint64_t t0_ns, t1_ns; /* CLOCK_MONOTONIC */
	struct account account;
	const struct tally *tally; /* NULL: empty; valid until cutter_done() */
};

void cutter_init(struct cutter *c, uint64_t start_ns, uint64_t interval_ns,
		 const struct tally_limits *limits);
void cutter_deinit(struct cutter *c);

/*
 * Where to count a sample of that time. NULL: it is too late, and now counted as such; or, with
 * *full_ret, too many intervals are open: close one and ask again.
 */
struct tally *cutter_tally(struct cutter *c, uint64_t t_ns, bool *full_ret);

/* Nothing is sampled from stop_ns on. */
void cutter_stop(struct cutter *c, uint64_t stop_ns);
/* Where the oldest interval that is open begins and ends. */
uint64_t cutter_open_ns(const struct cutter *c);
uint64_t cutter_open_end_ns(const struct cutter *c);
/* Is there an interval left to close? Only after cutter_stop() can there be none. */
bool cutter_is_open(const struct cutter *c);

/*
 * Is the oldest interval due? `seen_ns`: all samples before that time were counted, as far as
 * anyone knows. `counters` are those of interval c->next. `force`: if there is one, it is.
 */
bool cutter_is_due(const struct cutter *c, const struct sampler_counters *counters,
		   uint64_t seen_ns, uint64_t now_ns, bool force);
/* Closes it if it is. */
bool cutter_close(struct cutter *c, const struct sampler_counters *counters, uint64_t seen_ns,
		  uint64_t now_ns, bool force, struct cutter_snapshot *ret);
/* The snapshot was sent: its memory serves the next one. */
void cutter_done(struct cutter *c, struct cutter_snapshot *s);

#endif
