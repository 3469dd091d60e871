#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/cutter.h"
#include "capture/events.h"
#include "capture/sampler.h"

/*
 * What makes one series: events, the program that they run, and the intervals that its records are
 * cut into. Those of two series begin, close and end together.
 *
 *	source_open → source_attach → source_begin → events_enable →
 *	(source_is_due → cutter_close)* → source_end → … → source_close
 */
struct source {
	struct capture_options opts;
	struct events events;
	struct sampler *sampler;
	struct cutter cutter;
	uint64_t expected; /* of the snapshots that were sent */
};

/* How many series the options ask for: 1 or 2. */
size_t source_count(const struct capture_options *opts);
/* Opens number i of them; `first` is number 0, or NULL. An enum capture_status; it printed why. */
int source_open(struct source *s, const struct capture_options *opts, size_t i,
		const struct source *first, const struct sampler_takers *takers);
/* An enum capture_status; it printed why. */
int source_attach(struct source *s);
/* Accepts one that is zero, or only partly opened. */
void source_close(struct source *s);

static inline bool source_is_off_cpu(const struct source *s)
{
	return s->opts.event.kind == EVENT_OFF_CPU;
}

/* Time 0. Whenever we get round to source_end(), nothing is taken after deadline_ns. */
void source_begin(struct source *s, uint64_t start_ns, uint64_t deadline_ns);
void source_end(struct source *s, uint64_t stop_ns);

/* A CPU came online: samples it too, where the options say so. 0 or a negative errno. */
int source_add_cpu(struct source *s, uint32_t cpu);

/* Is the oldest interval due (capture/cutter.h)? Its counters are read. */
bool source_is_due(const struct source *s, uint64_t seen_ns, uint64_t now_ns, bool force,
		   struct sampler_counters *counters_ret);

#endif
