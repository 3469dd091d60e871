#include "render/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "render/core/gate.h"
#include "render/movers.h"

struct finder {
	struct changes *c;
	struct scene *s;
	struct leaves *ring;	  /* of the last two windows' snapshots, by subject */
	uint64_t *before, *after; /* samples of each subject, struct mover's */
	uint64_t *interval;	  /* of the snapshot at hand; 0 else */
	uint64_t *total;	  /* of each node, with its callees, in that snapshot */
	bool *outermost;	  /* of each node: its function calls it nowhere below */
	uint32_t n_subjects;
	struct gate_spread *spread, all_spread; /* of each subject, over the baseline */
	uint64_t all_before, all_after, worth_before, worth_after;
	double scale;	    /* of the window at hand */
	int8_t *passed;	    /* the gate: direction of each subject, in the last rows windows */
	int8_t *all_passed; /* of the load as a whole, in every window */
	uint32_t rows, n_ring, oldest;
	struct movers movers;
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

static void drop_unsteady(struct finder *f, uint32_t i, uint32_t first)
{
	struct movers *m = &f->movers;
	uint32_t n = 0;

	for (uint32_t k = 0; k < m->n; k++)
		if (is_steady(f, i, first, m->candidate[k].mover.subject))
			m->candidate[n++] = m->candidate[k];
	m->n = n;
}

/* Those that passed in this window and in the one before it. */
static void find_movers(struct finder *f, uint32_t i, uint32_t first, struct change *ch)
{
	const int8_t *mine = row(f, i), *earlier = first ? row(f, first - 1) : NULL;

	f->movers.n = 0;
	for (uint32_t k = 0; earlier && k < f->n_subjects; k++) {
		struct mover m;

		if (!mine[k] || mine[k] != earlier[k])
			continue;
		m = measure(f, k);
		movers_add(&f->movers, &m);
	}
	movers_sort(&f->movers);
	drop_unsteady(f, i, first);
	for (int p = 0; p < MOVERS_MAX; p++) {
		uint32_t subject = i ? f->c->of[i - 1].mover[p].subject : NO_FUNCTION;

		ch->mover[p] = (struct mover){.subject = NO_FUNCTION};
		if (subject != NO_FUNCTION)
			ch->mover[p] = measure(f, subject);
	}
	movers_choose(&f->movers, i, ch);
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
	find_movers(f, i, first, ch);
	judge_load(f, i, first, ch);
	return 0;
}

/* Of a film so short that no image is judged, nothing is compared, and no baseline shown. */
static void drop_unjudged(struct changes *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (c->of[i].judged)
			return;
	free(c->of);
	c->of = NULL;
	c->baseline = 0;
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
	movers_init(&f.movers, c, s);
	f.total = xcalloc(s->tree.n, sizeof(*f.total));
	f.outermost = xcalloc(s->tree.n, sizeof(*f.outermost));
	for (uint32_t i = 0; i < s->tree.n; i++)
		f.outermost[i] = is_outermost(c, &s->tree, i);
	f.ring = xcalloc(f.n_ring, sizeof(*f.ring));
	f.before = xcalloc(f.n_subjects, sizeof(*f.before));
	f.after = xcalloc(f.n_subjects, sizeof(*f.after));
	f.interval = xcalloc(f.n_subjects, sizeof(*f.interval));
	f.spread = xcalloc(f.n_subjects, sizeof(*f.spread));
	f.passed = xcalloc(f.rows, (size_t)f.n_subjects + 1);
	f.all_passed = xcalloc(n, sizeof(*f.all_passed));
	for (uint32_t i = 0; i < n && !err; i++)
		err = look_at(&f, i);
	drop_unjudged(c, n);
	for (uint32_t i = 0; i < f.n_ring; i++)
		free(f.ring[i].leaf);
	free(f.ring);
	movers_deinit(&f.movers);
	free(f.outermost);
	free(f.total);
	free(f.before);
	free(f.after);
	free(f.interval);
	free(f.spread);
	free(f.passed);
	free(f.all_passed);
	return err;
}

void changes_deinit(struct changes *c)
{
	free(c->of);
	free(c->function_of);
	free(c->name);
	*c = (struct changes){0};
}
