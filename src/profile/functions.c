#include "profile/functions.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void functions_deinit(struct functions *f)
{
	free(f->function);
	free(f->place);
	free(f->nested);
	*f = (struct functions){0};
}

void functions_clear(struct functions *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->place[f->function[i].frame] = 0;
	f->n = 0;
}

static bool is_nested(const struct dict *d, uint32_t node)
{
	for (uint32_t up = d->node[node].parent; up; up = d->node[up].parent)
		if (d->node[up].frame == d->node[node].frame)
			return true;
	return false;
}

static void follow_dict(struct functions *f, const struct dict *d)
{
	f->place = xgrow(f->place, &f->cap_places, d->n_frames + 1, sizeof(*f->place));
	memset(f->place + f->n_places, 0, (d->n_frames - f->n_places) * sizeof(*f->place));
	f->n_places = d->n_frames;
	f->nested = xgrow(f->nested, &f->cap_nodes, d->n_nodes, sizeof(*f->nested));
	for (; f->n_nodes < d->n_nodes; f->n_nodes++)
		f->nested[f->n_nodes] = is_nested(d, f->n_nodes);
}

static struct function *at(struct functions *f, uint32_t frame)
{
	if (!f->place[frame]) {
		f->function = xgrow(f->function, &f->cap, f->n + 1, sizeof(*f->function));
		f->function[f->n++] = (struct function){.frame = frame};
		f->place[frame] = f->n;
	}
	return &f->function[f->place[frame] - 1];
}

void functions_add(struct functions *f, const struct dict *d, const struct entry *e, size_t n)
{
	follow_dict(f, d);
	for (; n; n--, e++) {
		if (e->node)
			at(f, d->node[e->node].frame)->self += e->count;
		for (uint32_t node = e->node; node; node = d->node[node].parent)
			if (!f->nested[node])
				at(f, d->node[node].frame)->total += e->count;
	}
}

static bool is_better(const struct function *a, const struct function *b)
{
	if (a->self != b->self)
		return a->self > b->self;
	if (a->total != b->total)
		return a->total > b->total;
	return a->frame < b->frame;
}

size_t functions_best(const struct functions *f, struct function *best_ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; max && i < f->n; i++) {
		const struct function *new = &f->function[i];
		size_t to;

		if (n == max && !is_better(new, &best_ret[n - 1]))
			continue;
		if (n < max)
			n++;
		for (to = n - 1; to && is_better(new, &best_ret[to - 1]); to--)
			best_ret[to] = best_ret[to - 1];
		best_ret[to] = *new;
	}
	return n;
}
