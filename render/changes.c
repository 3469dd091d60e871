#include "render/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "render/core/gate.h"

#define SECOND_NS 1000000000ull
/* A mover is shown so long at least, in time of the film. */
#define STAY_NS (2 * SECOND_NS)

/* A candidate for a place among the movers. */
struct candidate {
	struct mover mover;
	uint64_t by; /* |after - before| */
};

struct finder {
	struct changes *c;
	struct scene *s;
	struct leaves {
		struct leaf *leaf;
		size_t n, cap;
	} * ring;		  /* of the last two windows' snapshots, by function */
	uint64_t *before, *after; /* samples of each function */
	uint64_t *interval;	  /* of the snapshot at hand; 0 else */
	struct gate_spread *spread, all_spread; /* of each function, over the baseline */
	uint64_t all_before, all_after;
	int8_t *passed;	    /* the gate: direction of each function, in the last rows windows */
	int8_t *all_passed; /* of the load as a whole, in every window */
	uint32_t rows, n_ring, oldest;
	struct candidate *candidate;
	uint32_t n_candidates;
	uint32_t shown_from[MOVERS_MAX];
};

static void number_functions(struct changes *c, const struct scene *s)
{
	const struct tree *t = &s->tree;
	struct index ix = {0};
	uint32_t *node = xcalloc(t->n, sizeof(*node)); /* the first of each */

	c->function_of = xcalloc(t->n, sizeof(*c->function_of));
	c->name = xcalloc(t->n, sizeof(*c->name));
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t h = hash_bytes(t->name[i], strlen(t->name[i]), t->kind[i]);
		uint32_t found = NO_FUNCTION;

		c->function_of[i] = NO_FUNCTION;
		if (t->kind[i] >= FRAME_KINDS || t->kind[i] == FRAME_MARK)
			continue;
		for (uint32_t it = 0, id; found == NO_FUNCTION && index_next(&ix, h, &it, &id);)
			if (t->kind[node[id]] == t->kind[i] && !strcmp(c->name[id], t->name[i]))
				found = id;
		if (found == NO_FUNCTION) {
			found = c->n_functions++;
			node[found] = i;
			c->name[found] = t->name[i];
			index_add(&ix, h, found);
		}
		c->function_of[i] = found;
	}
	index_deinit(&ix);
	free(node);
}

static void plan_baseline(struct changes *c, const struct scene *s)
{
	uint32_t n = s->timeline.n_snapshots;

	if (s->timeline.mode == MODE_CUMULATIVE || s->is_off_cpu)
		return;
	c->has_mark = s->rec->n_marks && s->mark_at[0] > 0 && s->mark_at[0] < n;
	c->baseline = c->has_mark ? s->mark_at[0] : n / 4;
}

/* The snapshot's samples, summed by function. */
static int load(struct finder *f, uint32_t i, struct leaves *l)
{
	const struct leaf *leaf;
	size_t n;
	int err = scene_leaves(f->s, i, &leaf, &n);

	l->n = 0;
	for (size_t k = 0; !err && k < n; k++) {
		uint32_t function = f->c->function_of[leaf[k].node];

		if (function == NO_FUNCTION || !leaf[k].count)
			continue;
		if (!f->interval[function]) {
			l->leaf = xgrow(l->leaf, &l->cap, l->n + 1, sizeof(*l->leaf));
			l->leaf[l->n++].node = function;
		}
		f->interval[function] += leaf[k].count;
	}
	for (size_t k = 0; k < l->n; k++) {
		l->leaf[k].count = f->interval[l->leaf[k].node];
		f->interval[l->leaf[k].node] = 0;
	}
	return err;
}

static uint64_t taken(const struct finder *f, uint32_t i)
{
	return f->s->rec->snapshot[i].account.taken;
}

static uint64_t time_ns(const struct finder *f, uint32_t first, uint32_t end)
{
	return f->s->rec->snapshot[end - 1].t1_ns - f->s->rec->snapshot[first].t0_ns;
}

/* Intervals in which a function has nothing count too: gate_note() is then called with 0. */
static void note_baseline(struct finder *f, uint32_t i, const struct leaves *l)
{
	for (size_t k = 0; k < l->n; k++)
		f->interval[l->leaf[k].node] = l->leaf[k].count;
	for (uint32_t k = 0; k < f->c->n_functions; k++) {
		gate_note(&f->spread[k], f->interval[k]);
		f->before[k] += f->interval[k];
		f->interval[k] = 0;
	}
	gate_note(&f->all_spread, taken(f, i));
	f->all_before += taken(f, i);
}

static double scale(const struct finder *f, uint32_t first, uint32_t end)
{
	uint64_t base_ns = time_ns(f, 0, f->c->baseline);

	if (f->s->opt.scale == SCALE_SHARE)
		return (double)f->all_after / (double)(f->all_before ? f->all_before : 1);
	return (double)time_ns(f, first, end) / (double)(base_ns ? base_ns : 1);
}

static int direction(const struct finder *f, uint32_t first, uint32_t end, uint64_t before,
		     uint64_t after, const struct gate_spread *spread)
{
	double by = scale(f, first, end), n_before = f->c->baseline, n_after = end - first;

	return gate_direction(before, after, by,
			      gate_careful_variance(spread) * (n_after + by * by * n_before));
}

static uint64_t count_in(const struct leaves *l, uint32_t function)
{
	for (size_t k = 0; k < l->n; k++)
		if (l->leaf[k].node == function)
			return l->leaf[k].count;
	return 0;
}

/*
 * What came in bursts may have had none in the baseline: so the two windows that tell of a change
 * must not differ among their own intervals by as much.
 */
static bool is_steady(const struct finder *f, uint32_t i, uint32_t first, uint32_t function)
{
	struct gate_spread spread = {0};
	uint64_t before = function == NO_FUNCTION ? f->all_before : f->before[function];
	uint64_t after = function == NO_FUNCTION ? f->all_after : f->after[function];
	uint32_t from, end;

	timeline_window(&f->s->timeline, first - 1, &from, &end);
	for (uint32_t k = from; k <= i; k++)
		gate_note(&spread, function == NO_FUNCTION
				       ? taken(f, k)
				       : count_in(&f->ring[k % f->n_ring], function));
	return gate_direction(before, after, scale(f, first, i + 1),
			      gate_variance(&spread) * (i + 1 - first)) != 0;
}

static int8_t *row(const struct finder *f, uint32_t i)
{
	return f->passed + (size_t)(i % f->rows) * f->c->n_functions;
}

static void pass_gate(struct finder *f, uint32_t i, uint32_t first)
{
	int8_t *mine = row(f, i);

	memset(mine, 0, f->c->n_functions);
	if (first < f->c->baseline)
		return;
	for (uint32_t k = 0; k < f->c->n_functions; k++)
		if (f->before[k] >= GATE_MIN_SAMPLES || f->after[k] >= GATE_MIN_SAMPLES)
			mine[k] = (int8_t)direction(f, first, i + 1, f->before[k], f->after[k],
						    &f->spread[k]);
	f->all_passed[i] =
	    (int8_t)direction(f, first, i + 1, f->all_before, f->all_after, &f->all_spread);
}

static struct mover measure(const struct finder *f, uint32_t first, uint32_t end, uint32_t k)
{
	return (struct mover){k, scene_value(f->s, 0, f->c->baseline, f->all_before, f->before[k]),
			      scene_value(f->s, first, end, f->all_after, f->after[k])};
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
	return x->mover.function < y->mover.function ? -1 : 1;
}

/* Those that passed in this window and in the one before it, most first. */
static void list_candidates(struct finder *f, uint32_t i, uint32_t first)
{
	const int8_t *mine = row(f, i), *earlier = first ? row(f, first - 1) : NULL;

	f->n_candidates = 0;
	for (uint32_t k = 0; earlier && k < f->c->n_functions; k++) {
		struct candidate *c = &f->candidate[f->n_candidates];

		if (!mine[k] || mine[k] != earlier[k])
			continue;
		c->mover = measure(f, first, i + 1, k);
		c->by = distance(&c->mover);
		if (c->by >= f->s->full / 100 && is_steady(f, i, first, k))
			f->n_candidates++;
	}
	qsort(f->candidate, f->n_candidates, sizeof(*f->candidate), by_distance);
}

static bool is_candidate(const struct finder *f, uint32_t function)
{
	for (uint32_t k = 0; k < f->n_candidates; k++)
		if (f->candidate[k].mover.function == function)
			return true;
	return false;
}

static bool is_shown(const struct change *ch, uint32_t function)
{
	for (int p = 0; p < MOVERS_MAX; p++)
		if (ch->mover[p].function == function)
			return true;
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
static int place_for(const struct finder *f, const struct change *ch, uint32_t i,
		     const struct candidate *c)
{
	int least = -1;

	for (int p = 0; p < MOVERS_MAX; p++) {
		if (ch->mover[p].function == NO_FUNCTION)
			return p;
		if (i - f->shown_from[p] >= stay(&f->s->timeline) &&
		    (least < 0 || distance(&ch->mover[p]) < distance(&ch->mover[least])))
			least = p;
	}
	return least >= 0 && c->by / 5 * 4 > distance(&ch->mover[least]) ? least : -1;
}

/* Who is shown stays at its place, so that a number means one function as long as it is there. */
static void choose_movers(struct finder *f, uint32_t i, uint32_t first, struct change *ch)
{
	for (int p = 0; p < MOVERS_MAX; p++) {
		uint32_t function = i ? f->c->of[i - 1].mover[p].function : NO_FUNCTION;

		if (function != NO_FUNCTION && !is_candidate(f, function) &&
		    i - f->shown_from[p] >= stay(&f->s->timeline))
			function = NO_FUNCTION;
		ch->mover[p] = (struct mover){NO_FUNCTION, 0, 0};
		if (function != NO_FUNCTION)
			ch->mover[p] = measure(f, first, i + 1, function);
	}
	for (uint32_t k = 0; k < f->n_candidates && k < MOVERS_MAX; k++) {
		int p;

		if (is_shown(ch, f->candidate[k].mover.function))
			continue;
		p = place_for(f, ch, i, &f->candidate[k]);
		if (p < 0)
			continue;
		ch->mover[p] = f->candidate[k].mover;
		f->shown_from[p] = i;
	}
}

static uint64_t load_of(const struct scene *s, uint32_t i)
{
	uint64_t sum = 0;

	for (int k = 0; k < BOX_KINDS; k++)
		sum += s->strip[(size_t)i * BOX_KINDS + k];
	return sum;
}

/* The first snapshot of the earlier window's end that is more like after than before. */
static uint32_t find_start(const struct finder *f, const struct change *ch, uint32_t last)
{
	uint64_t middle = (ch->before + ch->after) / 2;
	uint32_t first, end, start = last + 1;

	timeline_window(&f->s->timeline, last, &first, &end);
	while (start > first && (load_of(f->s, start - 1) > middle) == (ch->direction > 0))
		start--;
	return start > last ? last : start;
}

static void judge_load(struct finder *f, uint32_t i, uint32_t first, struct change *ch)
{
	const struct scene *s = f->s;

	ch->before = scene_value(s, 0, f->c->baseline, f->all_before, f->all_before);
	ch->after = scene_value(s, first, i + 1, f->all_after, f->all_after);
	if (!first || !f->all_passed[i] || f->all_passed[i] != f->all_passed[first - 1] ||
	    s->opt.scale == SCALE_SHARE || !is_steady(f, i, first, NO_FUNCTION))
		return;
	if ((ch->after > ch->before ? ch->after - ch->before : ch->before - ch->after) <
	    s->full / 100)
		return;
	ch->direction = f->all_passed[i];
	ch->since = i && f->c->of[i - 1].direction == ch->direction ? f->c->of[i - 1].since
								    : find_start(f, ch, first - 1);
}

static int look_at(struct finder *f, uint32_t i)
{
	struct leaves *mine = &f->ring[i % f->n_ring];
	struct change *ch = &f->c->of[i];
	uint32_t first, end;
	int err;

	timeline_window(&f->s->timeline, i, &first, &end);
	for (; f->oldest < first; f->oldest++) {
		const struct leaves *old = &f->ring[f->oldest % f->n_ring];

		for (size_t k = 0; k < old->n; k++)
			f->after[old->leaf[k].node] -= old->leaf[k].count;
		f->all_after -= taken(f, f->oldest);
	}
	err = load(f, i, mine);
	if (err)
		return err;
	for (size_t k = 0; k < mine->n; k++)
		f->after[mine->leaf[k].node] += mine->leaf[k].count;
	f->all_after += taken(f, i);
	if (i < f->c->baseline)
		note_baseline(f, i, mine);
	pass_gate(f, i, first);
	list_candidates(f, i, first);
	choose_movers(f, i, first, ch);
	judge_load(f, i, first, ch);
	return 0;
}

int changes_find(struct changes *c, struct scene *s)
{
	struct finder f = {.c = c,
			   .s = s,
			   .rows = s->timeline.window + 1,
			   .n_ring = 2 * s->timeline.window};
	uint32_t n = s->timeline.n_snapshots;
	int err = 0;

	*c = (struct changes){0};
	number_functions(c, s);
	plan_baseline(c, s);
	if (!c->baseline)
		return 0;
	c->of = xcalloc(n, sizeof(*c->of));
	f.ring = xcalloc(f.n_ring, sizeof(*f.ring));
	f.before = xcalloc(c->n_functions, sizeof(*f.before));
	f.after = xcalloc(c->n_functions, sizeof(*f.after));
	f.interval = xcalloc(c->n_functions, sizeof(*f.interval));
	f.spread = xcalloc(c->n_functions, sizeof(*f.spread));
	f.passed = xcalloc(f.rows, (size_t)c->n_functions + 1);
	f.all_passed = xcalloc(n, sizeof(*f.all_passed));
	f.candidate = xcalloc((size_t)c->n_functions + 1, sizeof(*f.candidate));
	for (uint32_t i = 0; i < n && !err; i++)
		err = look_at(&f, i);
	for (uint32_t i = 0; i < f.n_ring; i++)
		free(f.ring[i].leaf);
	free(f.ring);
	free(f.before);
	free(f.after);
	free(f.interval);
	free(f.spread);
	free(f.passed);
	free(f.all_passed);
	free(f.candidate);
	return err;
}

void changes_deinit(struct changes *c)
{
	free(c->of);
	free(c->function_of);
	free(c->name);
	*c = (struct changes){0};
}
