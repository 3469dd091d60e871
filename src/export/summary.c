#include "export/summary.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/xalloc.h"
#include "export/load.h"
#include "profile/kind.h"

/* Counts of the whole recording, by node and then by frame. */
struct sums {
	uint64_t *node; /* self, then with all that stands on it */
	uint64_t *self, *total;
};

static int read_counts(struct recording *rec, uint64_t *node)
{
	struct snapshot s = {0};
	int err = 0;

	for (size_t i = 0; !err && i < rec->n_snapshots; i++) {
		err = load_snapshot(rec, i, &s);
		for (size_t e = 0; !err && e < s.n_entries; e++)
			node[s.entry[e].node] += s.entry[e].count;
	}
	snapshot_deinit(&s);
	return err;
}

/*
 * A walk over all stacks from the root, which knows how often each frame is on the stack: only the
 * outermost time counts. No recursion, since a stranger's stacks may be deep.
 */
static void add_totals(const struct dict *d, const struct sums *sums)
{
	uint32_t *child = xcalloc(d->n_nodes, sizeof(*child));
	uint32_t *sibling = xcalloc(d->n_nodes, sizeof(*sibling));
	uint32_t *on_stack = xcalloc(d->n_frames + 1, sizeof(*on_stack));
	uint32_t at = 0;

	for (uint32_t i = d->n_nodes; --i > 0;) {
		sibling[i] = child[d->node[i].parent];
		child[d->node[i].parent] = i;
	}
	for (;;) {
		if (child[at]) {
			at = child[at];
		} else {
			while (at && !sibling[at]) {
				at = d->node[at].parent;
				if (at)
					on_stack[d->node[at].frame]--;
			}
			if (!at)
				break;
			at = sibling[at];
		}
		if (!on_stack[d->node[at].frame])
			sums->total[d->node[at].frame] += sums->node[at];
		if (child[at])
			on_stack[d->node[at].frame]++;
	}
	free(child);
	free(sibling);
	free(on_stack);
}

static int by_rank(const void *pa, const void *pb, void *arg)
{
	const struct summary_row *a = pa, *b = pb;
	const struct dict *d = arg;
	int order;

	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	order = strcmp(dict_frame_name(d, a->frame), dict_frame_name(d, b->frame));
	return order ? order : a->frame < b->frame ? -1 : a->frame > b->frame;
}

static void take_top(struct summary *s, struct dict *d, const struct sums *sums)
{
	struct summary_row *row = xreallocarray(NULL, d->n_frames + 1, sizeof(*row));
	size_t n = 0;

	for (uint32_t i = 0; i < d->n_frames; i++)
		if (sums->self[i])
			row[n++] = (struct summary_row){i, sums->self[i], sums->total[i]};
	qsort_r(row, n, sizeof(*row), by_rank, d);
	s->n_top = n < SUMMARY_TOP ? n : SUMMARY_TOP;
	memcpy(s->top, row, s->n_top * sizeof(*row));
	free(row);
}

static int by_total(const void *pa, const void *pb)
{
	const struct summary_row *a = pa, *b = pb;

	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

static void take_truncated(struct summary *s, struct dict *d, const struct sums *sums)
{
	size_t len;

	for (uint32_t i = 0; i < d->n_frames && s->n_truncated < SUMMARY_TRUNCATED; i++)
		if (d->frame[i].kind == FRAME_MARK && sums->total[i] &&
		    kind_truncated_why(dict_frame_name(d, i), &len))
			s->truncated[s->n_truncated++] =
			    (struct summary_row){i, sums->self[i], sums->total[i]};
	qsort(s->truncated, s->n_truncated, sizeof(*s->truncated), by_total);
}

/* The frame whose time a node's own counts are: of a blocked stack not the one that says why. */
static uint32_t own_frame(const struct summary *s, const struct dict *d, uint32_t node)
{
	uint32_t parent = d->node[node].parent;

	return d->node[recording_is_off_cpu(&s->rec->meta) && parent ? parent : node].frame;
}

static void take_functions(struct summary *s, struct dict *d, const struct sums *sums)
{
	for (uint32_t i = d->n_nodes; i-- > 0;) {
		s->distinct += !!sums->node[i];
		if (i)
			sums->self[own_frame(s, d, i)] += sums->node[i];
	}
	for (uint32_t i = d->n_nodes; --i > 0;)
		sums->node[d->node[i].parent] += sums->node[i];
	add_totals(d, sums);
	for (uint32_t i = 0; i < d->n_frames; i++) {
		if (d->frame[i].kind != FRAME_UNNAMED)
			continue;
		s->unknown_frames += !!sums->total[i];
		s->unknown_self += sums->self[i];
	}
	take_top(s, d, sums);
	take_truncated(s, d, sums);
}

static void take_times(struct summary *s)
{
	const struct recording *rec = s->rec;
	double period_ns = (double)rec->meta.period_ns, span_ns = 0;

	if (!rec->n_snapshots)
		return;
	s->start_ns = rec->snapshot[0].t0_ns;
	s->end_ns = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	for (size_t i = 0; i < rec->n_snapshots; i++) {
		const struct snapshot_info *info = &rec->snapshot[i];
		double cpus =
		    (double)info->account.taken * period_ns / (double)(info->t1_ns - info->t0_ns);

		span_ns += (double)(info->t1_ns - info->t0_ns);
		if (cpus > s->cpus_peak)
			s->cpus_peak = cpus;
	}
	s->cpus_mean = (double)rec->total.taken * period_ns / span_ns;
}

int summary_compute(struct recording *rec, struct summary *ret)
{
	struct dict *d = &rec->dict;
	struct sums sums = {.node = xcalloc(d->n_nodes, sizeof(*sums.node)),
			    .self = xcalloc(d->n_frames + 1, sizeof(*sums.self)),
			    .total = xcalloc(d->n_frames + 1, sizeof(*sums.total))};
	int err = read_counts(rec, sums.node);

	*ret = (struct summary){.rec = rec};
	if (!err) {
		take_times(ret);
		take_functions(ret, d, &sums);
	}
	free(sums.node);
	free(sums.self);
	free(sums.total);
	return err;
}

int summary_command_status(const struct recording_meta *meta)
{
	int status = meta->command_status;

	if (status < 0)
		return -1;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
