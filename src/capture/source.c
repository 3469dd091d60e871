#include "capture/source.h"

#include <errno.h>

size_t source_count(const struct capture_options *opts)
{
	return opts->also_off_cpu ? 2 : 1;
}

int source_open(struct source *s, const struct capture_options *opts, size_t i,
		const struct source *first, const struct sampler_takers *takers)
{
	int status;

	s->opts = *opts;
	if (i) {
		s->opts.event.kind = EVENT_OFF_CPU;
		s->opts.freq_hz = 0;
		s->opts.period = 1;
	}
	status = events_open(&s->events, &s->opts);
	if (status)
		return status;
	s->sampler =
	    sampler_create(&s->opts, s->events.n, takers, first ? first->sampler : NULL, &status);
	return status;
}

int source_attach(struct source *s)
{
	return sampler_attach(s->sampler, &s->events);
}

/* In this order: the events hold the program. */
void source_close(struct source *s)
{
	events_close(&s->events);
	sampler_destroy(s->sampler);
	cutter_deinit(&s->cutter);
	*s = (struct source){0};
}

void source_begin(struct source *s, uint64_t start_ns, uint64_t deadline_ns)
{
	struct tally_limits limits = {.pairs = s->opts.hash_storage,
				      .stacks = s->opts.stack_storage};

	cutter_init(&s->cutter, start_ns, s->opts.interval_ns, &limits);
	if (source_is_off_cpu(s))
		s->cutter.unit_ns = CAPTURE_BLOCK_UNIT_NS;
	sampler_begin(s->sampler, start_ns);
	if (deadline_ns != UINT64_MAX)
		sampler_end(s->sampler, deadline_ns);
}

void source_end(struct source *s, uint64_t stop_ns)
{
	sampler_end(s->sampler, stop_ns);
	events_disable(&s->events);
	cutter_stop(&s->cutter, stop_ns);
}

int source_add_cpu(struct source *s, uint32_t cpu)
{
	struct events one = s->events;
	int err;

	/* A probe is hit on all of them. */
	if ((s->opts.cpu >= 0 && s->opts.cpu != (int)cpu) || event_is_probe(&s->events.event))
		return 0;
	err = events_add_cpu(&s->events, cpu);
	if (err)
		return err;
	one.fd = &s->events.fd[s->events.n - 1];
	one.n = 1;
	return sampler_attach(s->sampler, &one) ? -EPERM : events_enable(&one);
}

bool source_is_due(const struct source *s, uint64_t seen_ns, uint64_t now_ns, bool force,
		   struct sampler_counters *counters_ret)
{
	sampler_counters(s->sampler, s->cutter.next, counters_ret);
	return cutter_is_due(&s->cutter, counters_ret, force ? 0 : seen_ns, now_ns, force);
}
