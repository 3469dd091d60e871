#include "capture/cutter.h"

#include <stdlib.h>

#include "base/xalloc.h"

void cutter_init(struct cutter *c, uint64_t start_ns, uint64_t interval_ns,
		 const struct tally_limits *limits)
{
	*c = (struct cutter){.start_ns = start_ns,
			     .stop_ns = UINT64_MAX,
			     .interval_ns = interval_ns,
			     .limits = *limits,
			     .seed = hash_seed()};
}

static void tally_free(struct tally *t)
{
	if (t)
		tally_deinit(t);
	free(t);
}

void cutter_deinit(struct cutter *c)
{
	for (size_t i = 0; i < SAMPLER_SLOTS; i++)
		tally_free(c->ring[i]);
	tally_free(c->spare);
	*c = (struct cutter){0};
}

struct tally *cutter_tally(struct cutter *c, uint64_t t_ns, bool *full_ret)
{
	uint64_t k = t_ns < c->start_ns ? 0 : (t_ns - c->start_ns) / c->interval_ns;
	struct tally **t = &c->ring[k % SAMPLER_SLOTS];

	*full_ret = false;
	if (t_ns < c->start_ns || k < c->next) {
		c->late++;
		return NULL;
	}
	if (k - c->next >= CUTTER_OPEN_MAX) {
		*full_ret = true;
		return NULL;
	}
	if (*t)
		return *t;
	*t = c->spare;
	c->spare = NULL;
	if (!*t) {
		*t = xcalloc(1, sizeof(**t));
		tally_init(*t, &c->limits, c->seed);
	}
	return *t;
}

void cutter_stop(struct cutter *c, uint64_t stop_ns)
{
	c->stop_ns = stop_ns;
}

uint64_t cutter_open_ns(const struct cutter *c)
{
	return c->start_ns + c->next * c->interval_ns;
}

uint64_t cutter_open_end_ns(const struct cutter *c)
{
	uint64_t end = cutter_open_ns(c) + c->interval_ns;

	return end < c->stop_ns ? end : c->stop_ns;
}

bool cutter_is_open(const struct cutter *c)
{
	return c->stop_ns > cutter_open_ns(c);
}

static bool agree(const struct cutter *c, const struct sampler_counters *n, const struct tally *t)
{
	uint64_t records = t ? t->records : 0, came = c->unit_ns ? t ? t->ended_ns : 0 : records;

	return n->submitted == records &&
	       n->expected == n->idle + n->filtered + came + n->ring_full + n->ring_busy;
}

/* From ns to units, with what was left the last time. */
static uint64_t units(const struct cutter *c, uint64_t *left_ns, uint64_t ns)
{
	*left_ns += ns;
	ns = *left_ns / c->unit_ns;
	*left_ns %= c->unit_ns;
	return ns;
}

/*
 * A block's time stands in the snapshots in which it lasted, if it was taken, and else in the one
 * in which it ended. So nothing but the sum is expected; but what ended, and of which no record
 * came, is missing.
 */
static void settle_time(struct cutter *c, struct account *a, const struct sampler_counters *n,
			const struct tally *t)
{
	uint64_t known_ns = n->filtered + n->ring_full + n->ring_busy + (t ? t->ended_ns : 0);

	*a = (struct account){.taken = t ? t->taken : 0,
			      .filtered =
				  units(c, &c->filtered_ns, n->filtered) + (t ? t->filtered : 0)};
	a->lost[LOSS_RING_FULL] = units(c, &c->ring_full_ns, n->ring_full);
	a->lost[LOSS_RING_BUSY] = units(c, &c->ring_busy_ns, n->ring_busy);
	a->lost[LOSS_HASH_STORAGE] = t ? t->lost_pairs : 0;
	a->lost[LOSS_STACK_STORAGE] = t ? t->lost_stacks : 0;
	if (n->expected > known_ns)
		a->lost[LOSS_MISSING] = units(c, &c->missing_ns, n->expected - known_ns);
	a->expected = a->taken + a->filtered + account_lost(a);
}

static void settle(struct account *a, const struct sampler_counters *n, const struct tally *t)
{
	uint64_t accounted;

	*a = (struct account){.expected = n->expected,
			      .taken = t ? t->taken : 0,
			      .idle = n->idle,
			      .filtered = n->filtered + (t ? t->filtered : 0)};
	a->lost[LOSS_RING_FULL] = n->ring_full;
	a->lost[LOSS_RING_BUSY] = n->ring_busy;
	if (t) {
		a->lost[LOSS_HASH_STORAGE] = t->lost_pairs;
		a->lost[LOSS_STACK_STORAGE] = t->lost_stacks;
	}
	accounted = a->taken + a->idle + a->filtered + account_lost(a);
	/* Records without counters: whoever reads them was held up until the slot was used anew. */
	if (a->expected < accounted)
		a->expected = accounted;
	a->lost[LOSS_MISSING] = a->expected - accounted;
}

bool cutter_is_due(const struct cutter *c, const struct sampler_counters *counters,
		   uint64_t seen_ns, uint64_t now_ns, bool force)
{
	uint64_t t1 = cutter_open_end_ns(c);

	if (!cutter_is_open(c))
		return false;
	return force || (seen_ns >= t1 && (agree(c, counters, c->ring[c->next % SAMPLER_SLOTS]) ||
					   now_ns >= t1 + CUTTER_PATIENCE_NS));
}

bool cutter_close(struct cutter *c, const struct sampler_counters *counters, uint64_t seen_ns,
		  uint64_t now_ns, bool force, struct cutter_snapshot *ret)
{
	struct tally *t = c->ring[c->next % SAMPLER_SLOTS];

	if (!cutter_is_due(c, counters, seen_ns, now_ns, force))
		return false;
	*ret = (struct cutter_snapshot){.t0_ns = cutter_open_ns(c),
					.t1_ns = cutter_open_end_ns(c),
					.tally = t};
	if (c->unit_ns)
		settle_time(c, &ret->account, counters, t);
	else
		settle(&ret->account, counters, t);
	c->ring[c->next % SAMPLER_SLOTS] = NULL;
	c->next++;
	return true;
}

void cutter_done(struct cutter *c, struct cutter_snapshot *s)
{
	struct tally *t = (struct tally *)s->tally;

	s->tally = NULL;
	if (!t)
		return;
	if (c->spare) {
		tally_free(t);
		return;
	}
	tally_clear(t);
	c->spare = t;
}
