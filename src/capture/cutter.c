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

bool cutter_is_open(const struct cutter *c)
{
	return c->stop_ns > c->start_ns + c->next * c->interval_ns;
}

static bool agree(const struct sampler_counters *n, uint64_t records)
{
	return n->submitted == records &&
	       n->expected == n->idle + n->filtered + n->submitted + n->ring_full + n->ring_busy;
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

bool cutter_close(struct cutter *c, const struct sampler_counters *counters, uint64_t seen_ns,
		  uint64_t now_ns, bool force, struct cutter_snapshot *ret)
{
	uint64_t t0 = c->start_ns + c->next * c->interval_ns, t1 = t0 + c->interval_ns;
	struct tally *t = c->ring[c->next % SAMPLER_SLOTS];

	if (t1 > c->stop_ns)
		t1 = c->stop_ns;
	if (!cutter_is_open(c))
		return false;
	if (!force && (seen_ns < t1 ||
		       (!agree(counters, t ? t->records : 0) && now_ns < t1 + CUTTER_PATIENCE_NS)))
		return false;
	*ret = (struct cutter_snapshot){.t0_ns = t0, .t1_ns = t1, .tally = t};
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
