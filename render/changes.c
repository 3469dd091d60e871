#include "render/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "render/core/gate.h"

#define SECOND_NS 1000000000ull
/* A mover is shown so long at least, in time of the film. */
#define STAY_NS (2 * SECOND_NS)
/* Beyond the greatest of so many changes nobody looks; at most 64. */
#define CANDIDATES_MAX 64

/* A candidate for a place among the movers. */
struct candidate {
	struct mover mover;
	uint64_t by; /* |after - before| */
};

struct finder {
	struct changes *c;
	struct scene *s;
	struct leaves *ring;	  /* of the last two windows' snapshots, by subject */
	uint64_t *before, *after; /* samples of each subject, struct mover's */
	uint64_t *interval;	  /* of the snapshot at hand; 0 else */
	uint64_t *total;	  /* of each node, with its callees, in that snapshot */
	bool *outermost;	  /* of each node: its function calls it nowhere below */
	uint32_t n_subjects;
	uint32_t *node, *first_node;		/* those of each function */
	uint64_t *bit_of;			/* of each function: its candidate; 0: none */
	struct gate_spread *spread, all_spread; /* of each subject, over the baseline */
	uint64_t all_before, all_after, worth_before, worth_after;
	double scale;	    /* of the window at hand */
	int8_t *passed;	    /* the gate: direction of each subject, in the last rows windows */
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

static bool is_outermost(const struct changes *c, const struct tree *t, uint32_t i)
{
	for (uint32_t p = t->parent[i]; i && p; p = t->parent[p])
		if (c->function_of[p] == c->function_of[i])
			return false;
	return c->function_of[i] != NO_FUNCTION;
}

static void list_nodes(struct finder *f)
{
	const struct changes *c = f->c;
	const struct tree *t = &f->s->tree;
	uint32_t *fill = xcalloc(c->n_functions + 1, sizeof(*fill));

	f->total = xcalloc(t->n, sizeof(*f->total));
	f->outermost = xcalloc(t->n, sizeof(*f->outermost));
	f->node = xcalloc(t->n, sizeof(*f->node));
	f->bit_of = xcalloc(c->n_functions + 1, sizeof(*f->bit_of));
	f->first_node = xcalloc(c->n_functions + 2, sizeof(*f->first_node));
	for (uint32_t i = 0; i < t->n; i++) {
		f->outermost[i] = is_outermost(c, t, i);
		if (c->function_of[i] != NO_FUNCTION)
			f->first_node[c->function_of[i] + 1]++;
	}
	for (uint32_t k = 0; k < c->n_functions; k++) {
		f->first_node[k + 1] += f->first_node[k];
		fill[k] = f->first_node[k];
	}
	for (uint32_t i = 0; i < t->n; i++)
		if (c->function_of[i] != NO_FUNCTION)
			f->node[fill[c->function_of[i]]++] = i;
	free(fill);
}

static void plan_baseline(struct changes *c, const struct scene *s)
{
	uint32_t n = s->timeline.n_snapshots;

	if (s->timeline.mode == MODE_CUMULATIVE || s->is_off_cpu)
		return;
	c->has_mark = s->rec->n_marks && s->mark_at[0] > 0 && s->mark_at[0] < n;
	c->baseline = c->has_mark ? s->mark_at[0] : n / 4;
}

/* Each sample once, however often a function stands in its stack. */
static void count_callers(struct finder *f)
{
	const struct tree *t = &f->s->tree;

	for (uint32_t i = t->n; i-- > 1;) {
		f->total[t->parent[i]] += f->total[i];
		if (f->outermost[i])
			f->interval[f->c->n_functions + f->c->function_of[i]] += f->total[i];
		f->total[i] = 0;
	}
	f->total[0] = 0;
}

/* The snapshot's samples, summed by subject, in order. */
static int load(struct finder *f, uint32_t i, struct leaves *l)
{
	const struct leaves *all;
	int err = scene_leaves(f->s, i, &all);

	l->n = 0;
	for (size_t k = 0; !err && k < all->n; k++) {
		const struct leaf *leaf = &all->leaf[k];
		uint32_t function = f->c->function_of[leaf->node];

		f->total[leaf->node] += leaf->count;
		if (function != NO_FUNCTION)
			f->interval[function] += leaf->count;
	}
	count_callers(f);
	for (uint32_t k = 0; k < f->n_subjects; k++) {
		if (!f->interval[k])
			continue;
		l->leaf = xgrow(l->leaf, &l->cap, l->n + 1, sizeof(*l->leaf));
		l->leaf[l->n++] = (struct leaf){k, f->interval[k]};
		f->interval[k] = 0;
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
	for (uint32_t k = 0; k < f->n_subjects; k++) {
		gate_note(&f->spread[k], f->interval[k]);
		f->before[k] += f->interval[k];
		f->interval[k] = 0;
	}
	gate_note(&f->all_spread, taken(f, i));
	f->all_before += taken(f, i);
}

/* What one sample of the baseline would be in the snapshots [first, end). */
static double scale(const struct finder *f, uint32_t first, uint32_t end)
{
	uint64_t base_ns = time_ns(f, 0, f->c->baseline);

	if (f->s->opt.scale == SCALE_SHARE)
		return (double)f->all_after / (double)(f->all_before ? f->all_before : 1);
	return (double)time_ns(f, first, end) / (double)(base_ns ? base_ns : 1);
}

static int direction(const struct finder *f, uint32_t n_after, uint64_t before, uint64_t after,
		     const struct gate_spread *spread)
{
	double n = n_after + f->scale * f->scale * f->c->baseline;

	return gate_direction(before, after, f->scale, gate_careful_variance(spread) * n);
}

static uint64_t count_in(const struct leaves *l, uint32_t subject)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->leaf[middle].node < subject)
			low = middle + 1;
		else
			high = middle;
	}
	return low < l->n && l->leaf[low].node == subject ? l->leaf[low].count : 0;
}

/*
 * What came in bursts may have had none in the baseline: so the two windows that tell of a change
 * must not differ among their own intervals by as much.
 */
static bool is_steady(const struct finder *f, uint32_t i, uint32_t first, uint32_t subject)
{
	struct gate_spread spread = {0};
	uint64_t before = subject == NO_FUNCTION ? f->all_before : f->before[subject];
	uint64_t after = subject == NO_FUNCTION ? f->all_after : f->after[subject];
	uint32_t from, end;

	timeline_window(&f->s->timeline, first - 1, &from, &end);
	for (uint32_t k = from; k <= i; k++)
		gate_note(&spread, subject == NO_FUNCTION
				       ? taken(f, k)
				       : count_in(&f->ring[k % f->n_ring], subject));
	return gate_direction(before, after, f->scale, gate_variance(&spread) * (i + 1 - first)) !=
	       0;
}

static int8_t *row(const struct finder *f, uint32_t i)
{
	return f->passed + (size_t)(i % f->rows) * f->n_subjects;
}

static void pass_gate(struct finder *f, uint32_t i, uint32_t first)
{
	int8_t *mine = row(f, i);

	memset(mine, 0, f->n_subjects);
	if (first < f->c->baseline)
		return;
	for (uint32_t k = 0; k < f->n_subjects; k++)
		if (f->before[k] >= GATE_MIN_SAMPLES || f->after[k] >= GATE_MIN_SAMPLES)
			mine[k] = (int8_t)direction(f, i + 1 - first, f->before[k], f->after[k],
						    &f->spread[k]);
	f->all_passed[i] =
	    (int8_t)direction(f, i + 1 - first, f->all_before, f->all_after, &f->all_spread);
}

static struct mover measure(const struct finder *f, uint32_t subject)
{
	return (struct mover){subject, scene_value(f->before[subject], f->worth_before),
			      scene_value(f->after[subject], f->worth_after)};
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

/* `below` stands somewhere in a stack above `above`, or is it. */
static bool stands_on(const struct finder *f, uint32_t below, uint32_t above)
{
	const struct changes *c = f->c;

	for (uint32_t k = f->first_node[below]; k < f->first_node[below + 1]; k++)
		for (uint32_t i = f->node[k]; i; i = f->s->tree.parent[i])
			if (c->function_of[i] == above)
				return true;
	return false;
}

/* Samples of y are among those of x. */
static bool holds(const struct finder *f, const struct mover *x, const struct mover *y)
{
	return mover_has_callees(f->c, x) &&
	       stands_on(f, mover_function(f->c, y), mover_function(f->c, x));
}

/* Which candidates with callees hold each candidate, as bits. */
static void find_holders(struct finder *f, uint64_t *holders)
{
	const struct changes *c = f->c;

	for (uint32_t k = 0; k < f->n_candidates; k++)
		if (mover_has_callees(c, &f->candidate[k].mover))
			f->bit_of[mover_function(c, &f->candidate[k].mover)] = UINT64_C(1) << k;
	for (uint32_t k = 0; k < f->n_candidates; k++) {
		uint32_t function = mover_function(c, &f->candidate[k].mover);

		holders[k] = 0;
		for (uint32_t n = f->first_node[function]; n < f->first_node[function + 1]; n++)
			for (uint32_t i = f->node[n]; i; i = f->s->tree.parent[i])
				if (c->function_of[i] != NO_FUNCTION)
					holders[k] |= f->bit_of[c->function_of[i]];
		holders[k] &= ~(UINT64_C(1) << k);
	}
	for (uint32_t k = 0; k < f->n_candidates; k++)
		f->bit_of[mover_function(c, &f->candidate[k].mover)] = 0;
}

/*
 * A caller is not told of where most of its change is that of candidates which it calls: the
 * outermost of them add up. Of two that call each other the later is taken for the caller.
 */
static bool is_explained(const struct finder *f, const uint64_t *holders, uint32_t x)
{
	uint64_t inside = 0, by = 0; /* what x holds and that went its way */

	for (uint32_t y = 0; y < f->n_candidates; y++) {
		const struct mover *a = &f->candidate[x].mover, *b = &f->candidate[y].mover;
		bool both = holders[x] >> y & 1;

		if (holders[y] >> x & 1 && (!both || y < x) &&
		    (a->after > a->before) == (b->after > b->before))
			inside |= UINT64_C(1) << y;
	}
	for (uint32_t y = 0; y < f->n_candidates; y++)
		if (inside >> y & 1 && !(holders[y] & inside))
			by += f->candidate[y].by;
	return by >= f->candidate[x].by / 10 * 7 && by;
}

static void drop_explained(struct finder *f)
{
	uint64_t holders[CANDIDATES_MAX];
	bool drop[CANDIDATES_MAX];
	uint32_t n = 0;

	find_holders(f, holders);
	for (uint32_t k = 0; k < f->n_candidates; k++)
		drop[k] = is_explained(f, holders, k);
	for (uint32_t k = 0; k < f->n_candidates; k++)
		if (!drop[k])
			f->candidate[n++] = f->candidate[k];
	f->n_candidates = n;
}

static void drop_unsteady(struct finder *f, uint32_t i, uint32_t first)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < f->n_candidates; k++)
		if (is_steady(f, i, first, f->candidate[k].mover.subject))
			f->candidate[n++] = f->candidate[k];
	f->n_candidates = n;
}

/* Those that passed in this window and in the one before it, most first. */
static void list_candidates(struct finder *f, uint32_t i, uint32_t first)
{
	const int8_t *mine = row(f, i), *earlier = first ? row(f, first - 1) : NULL;

	f->n_candidates = 0;
	for (uint32_t k = 0; earlier && k < f->n_subjects; k++) {
		struct candidate *c = &f->candidate[f->n_candidates];

		if (!mine[k] || mine[k] != earlier[k])
			continue;
		c->mover = measure(f, k);
		c->by = distance(&c->mover);
		if (c->by >= f->s->full / 100)
			f->n_candidates++;
	}
	qsort(f->candidate, f->n_candidates, sizeof(*f->candidate), by_distance);
	if (f->n_candidates > CANDIDATES_MAX)
		f->n_candidates = CANDIDATES_MAX;
	drop_unsteady(f, i, first);
	drop_explained(f);
}

static bool is_candidate(const struct finder *f, uint32_t subject)
{
	for (uint32_t k = 0; k < f->n_candidates; k++)
		if (f->candidate[k].mover.subject == subject)
			return true;
	return false;
}

/* It is shown, or samples of it are. */
static bool is_shown(const struct finder *f, const struct change *ch, const struct mover *m)
{
	for (int p = 0; p < MOVERS_MAX; p++) {
		const struct mover *shown = &ch->mover[p];

		if (shown->subject != NO_FUNCTION &&
		    (shown->subject == m->subject || holds(f, shown, m) || holds(f, m, shown)))
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
static int place_for(const struct finder *f, const struct change *ch, uint32_t i,
		     const struct candidate *c)
{
	int least = -1;

	for (int p = 0; p < MOVERS_MAX; p++) {
		if (ch->mover[p].subject == NO_FUNCTION)
			return p;
		if (i - f->shown_from[p] >= stay(&f->s->timeline) &&
		    (least < 0 || distance(&ch->mover[p]) < distance(&ch->mover[least])))
			least = p;
	}
	return least >= 0 && c->by / 5 * 4 > distance(&ch->mover[least]) ? least : -1;
}

/* Who is shown stays at its place, so that a number means one function as long as it is there. */
static void choose_movers(struct finder *f, uint32_t i, struct change *ch)
{
	for (int p = 0; p < MOVERS_MAX; p++) {
		uint32_t subject = i ? f->c->of[i - 1].mover[p].subject : NO_FUNCTION;

		if (subject != NO_FUNCTION && !is_candidate(f, subject) &&
		    i - f->shown_from[p] >= stay(&f->s->timeline))
			subject = NO_FUNCTION;
		ch->mover[p] = (struct mover){NO_FUNCTION, 0, 0};
		if (subject != NO_FUNCTION)
			ch->mover[p] = measure(f, subject);
	}
	for (uint32_t k = 0; k < f->n_candidates; k++) {
		int p;

		if (is_shown(f, ch, &f->candidate[k].mover))
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

	ch->before = scene_value(f->all_before, f->worth_before);
	ch->after = scene_value(f->all_after, f->worth_after);
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

/* The window before the one that begins with `first` lies behind the baseline too. */
static bool is_judged(const struct finder *f, uint32_t first)
{
	uint32_t earlier, end;

	if (first <= f->c->baseline)
		return false;
	timeline_window(&f->s->timeline, first - 1, &earlier, &end);
	return earlier >= f->c->baseline;
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
	if (i + 1 == f->c->baseline)
		f->worth_before = scene_worth(f->s, 0, i + 1, f->all_before);
	f->worth_after = scene_worth(f->s, first, i + 1, f->all_after);
	f->scale = scale(f, first, i + 1);
	ch->judged = is_judged(f, first);
	pass_gate(f, i, first);
	list_candidates(f, i, first);
	choose_movers(f, i, ch);
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
	f.n_subjects = 2 * c->n_functions;
	list_nodes(&f);
	f.ring = xcalloc(f.n_ring, sizeof(*f.ring));
	f.before = xcalloc(f.n_subjects, sizeof(*f.before));
	f.after = xcalloc(f.n_subjects, sizeof(*f.after));
	f.interval = xcalloc(f.n_subjects, sizeof(*f.interval));
	f.spread = xcalloc(f.n_subjects, sizeof(*f.spread));
	f.passed = xcalloc(f.rows, (size_t)f.n_subjects + 1);
	f.all_passed = xcalloc(n, sizeof(*f.all_passed));
	f.candidate = xcalloc((size_t)f.n_subjects + 1, sizeof(*f.candidate));
	for (uint32_t i = 0; i < n && !err; i++)
		err = look_at(&f, i);
	for (uint32_t i = 0; i < f.n_ring; i++)
		free(f.ring[i].leaf);
	free(f.ring);
	free(f.node);
	free(f.bit_of);
	free(f.first_node);
	free(f.outermost);
	free(f.total);
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
