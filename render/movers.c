#include "render/movers.h"

#include <stdlib.h>

#include "base/xalloc.h"

#define SECOND_NS 1000000000ull
/* A mover is shown so long at least, in time of the film. */
#define STAY_NS (2 * SECOND_NS)

void movers_init(struct movers *m, const struct changes *c, const struct scene *s)
{
	const struct tree *t = &s->tree;
	uint32_t *fill = xcalloc(c->n_functions + 1, sizeof(*fill));

	*m = (struct movers){.changes = c, .scene = s};
	m->node = xcalloc(t->n, sizeof(*m->node));
	m->bit_of = xcalloc(c->n_functions + 1, sizeof(*m->bit_of));
	m->first_node = xcalloc(c->n_functions + 2, sizeof(*m->first_node));
	m->candidate = xcalloc(2 * (size_t)c->n_functions + 1, sizeof(*m->candidate));
	for (uint32_t i = 0; i < t->n; i++)
		if (c->function_of[i] != NO_FUNCTION)
			m->first_node[c->function_of[i] + 1]++;
	for (uint32_t k = 0; k < c->n_functions; k++) {
		m->first_node[k + 1] += m->first_node[k];
		fill[k] = m->first_node[k];
	}
	for (uint32_t i = 0; i < t->n; i++)
		if (c->function_of[i] != NO_FUNCTION)
			m->node[fill[c->function_of[i]]++] = i;
	free(fill);
}

void movers_deinit(struct movers *m)
{
	free(m->node);
	free(m->first_node);
	free(m->bit_of);
	free(m->candidate);
	*m = (struct movers){0};
}

static uint64_t distance(const struct mover *m)
{
	return m->after > m->before ? m->after - m->before : m->before - m->after;
}

static int by_distance(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->by != y->by)
		return x->by > y->by ? -1 : 1;
	return x->mover.subject < y->mover.subject ? -1 : 1;
}

void movers_add(struct movers *m, const struct mover *one)
{
	struct candidate c = {*one, distance(one)};

	if (c.by >= m->scene->full / 100)
		m->candidate[m->n++] = c;
}

void movers_sort(struct movers *m)
{
	qsort(m->candidate, m->n, sizeof(*m->candidate), by_distance);
	if (m->n > CANDIDATES_MAX)
		m->n = CANDIDATES_MAX;
}

/* `below` stands somewhere in a stack above `above`, or is it. */
static bool stands_on(const struct movers *m, uint32_t below, uint32_t above)
{
	const struct changes *c = m->changes;

	for (uint32_t k = m->first_node[below]; k < m->first_node[below + 1]; k++)
		for (uint32_t i = m->node[k]; i; i = m->scene->tree.parent[i])
			if (c->function_of[i] == above)
				return true;
	return false;
}

/* Samples of y are among those of x. */
static bool holds(const struct movers *m, const struct mover *x, const struct mover *y)
{
	return mover_has_callees(m->changes, x) &&
	       stands_on(m, mover_function(m->changes, y), mover_function(m->changes, x));
}

/* Which candidates with callees hold each candidate, as bits. */
static void find_holders(struct movers *m, uint64_t *holders)
{
	const struct changes *c = m->changes;

	for (uint32_t k = 0; k < m->n; k++)
		if (mover_has_callees(c, &m->candidate[k].mover))
			m->bit_of[mover_function(c, &m->candidate[k].mover)] = UINT64_C(1) << k;
	for (uint32_t k = 0; k < m->n; k++) {
		uint32_t function = mover_function(c, &m->candidate[k].mover);

		holders[k] = 0;
		for (uint32_t n = m->first_node[function]; n < m->first_node[function + 1]; n++)
			for (uint32_t i = m->node[n]; i; i = m->scene->tree.parent[i])
				if (c->function_of[i] != NO_FUNCTION)
					holders[k] |= m->bit_of[c->function_of[i]];
		holders[k] &= ~(UINT64_C(1) << k);
	}
	for (uint32_t k = 0; k < m->n; k++)
		m->bit_of[mover_function(c, &m->candidate[k].mover)] = 0;
}

/*
 * A caller is not told of where most of its change is that of candidates which it calls: the
 * outermost of them add up. Of two that call each other the later is taken for the caller.
 */
static bool is_explained(const struct movers *m, const uint64_t *holders, uint32_t x)
{
	uint64_t inside = 0, by = 0; /* what x holds and that went its way */

	for (uint32_t y = 0; y < m->n; y++) {
		const struct mover *a = &m->candidate[x].mover, *b = &m->candidate[y].mover;
		bool both = holders[x] >> y & 1;

		if (holders[y] >> x & 1 && (!both || y < x) &&
		    (a->after > a->before) == (b->after > b->before))
			inside |= UINT64_C(1) << y;
	}
	for (uint32_t y = 0; y < m->n; y++)
		if (inside >> y & 1 && !(holders[y] & inside))
			by += m->candidate[y].by;
	return by >= m->candidate[x].by / 10 * 7 && by;
}

static void drop_explained(struct movers *m)
{
	uint64_t holders[CANDIDATES_MAX];
	bool drop[CANDIDATES_MAX];
	uint32_t n = 0;

	find_holders(m, holders);
	for (uint32_t k = 0; k < m->n; k++)
		drop[k] = is_explained(m, holders, k);
	for (uint32_t k = 0; k < m->n; k++)
		if (!drop[k])
			m->candidate[n++] = m->candidate[k];
	m->n = n;
}

static bool is_candidate(const struct movers *m, uint32_t subject)
{
	for (uint32_t k = 0; k < m->n; k++)
		if (m->candidate[k].mover.subject == subject)
			return true;
	return false;
}

/* It is shown, or samples of it are. */
static bool is_shown(const struct movers *m, const struct change *ch, const struct mover *one)
{
	for (int p = 0; p < MOVERS_MAX; p++) {
		const struct mover *shown = &ch->mover[p];

		if (shown->subject != NO_FUNCTION && (shown->subject == one->subject ||
						      holds(m, shown, one) || holds(m, one, shown)))
			return true;
	}
	return false;
}

/* Snapshots that pass in STAY_NS of the film. */
static uint32_t stay(const struct timeline *tl)
{
	uint64_t step_ns = tl->steps_ns / tl->n_steps;

	return (uint32_t)((STAY_NS + step_ns - 1) / (step_ns ? step_ns : 1)) *
	       tl->intervals_per_step;
}

/* Where a candidate goes: an empty place, or that of the least, if it grew old and is far less. */
static int place_for(const struct movers *m, const struct change *ch, uint32_t i,
		     const struct candidate *c)
{
	int least = -1;

	for (int p = 0; p < MOVERS_MAX; p++) {
		if (ch->mover[p].subject == NO_FUNCTION)
			return p;
		if (i - m->shown_from[p] >= stay(&m->scene->timeline) &&
		    (least < 0 || distance(&ch->mover[p]) < distance(&ch->mover[least])))
			least = p;
	}
	return least >= 0 && c->by / 5 * 4 > distance(&ch->mover[least]) ? least : -1;
}

void movers_choose(struct movers *m, uint32_t i, struct change *ch)
{
	drop_explained(m);
	for (int p = 0; p < MOVERS_MAX; p++) {
		if (!is_candidate(m, ch->mover[p].subject) &&
		    i - m->shown_from[p] >= stay(&m->scene->timeline))
			ch->mover[p].subject = NO_FUNCTION;
	}
	for (uint32_t k = 0; k < m->n; k++) {
		int p;

		if (is_shown(m, ch, &m->candidate[k].mover))
			continue;
		p = place_for(m, ch, i, &m->candidate[k]);
		if (p < 0)
			continue;
		ch->mover[p] = m->candidate[k].mover;
		m->shown_from[p] = i;
	}
}
