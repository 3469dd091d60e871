#include "export/stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/textfile.h"

static int by_count(const void *pa, const void *pb, void *arg)
{
	const struct entry *a = pa, *b = pb;
	const struct dict *d = arg;
	const struct process *x = &d->process[a->process], *y = &d->process[b->process];
	int order;

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	order = strcmp(dict_text(d, x->comm), dict_text(d, y->comm));
	if (order)
		return order;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

static void write_stack(const struct display *ds, const struct entry *e, FILE *f)
{
	const struct process *p = &ds->from->process[e->process];

	for (uint32_t up = e->node; up; up = ds->dict.node[up].parent)
		fprintf(f, "    %s\n", display_name(ds, up));
	fprintf(f, "    %-16s %s (%" PRIu32 ")\n        %" PRIu64 "\n\n", "-",
		dict_text(ds->from, p->comm), p->pid, e->count);
}

int stacks_write(struct recording *rec, const struct folded_style *style, FILE *f)
{
	struct snapshot s = {0}, sum = {0};
	struct display ds;
	size_t sorted = 0;
	int err = 0;

	display_init(&ds, &rec->dict, style, "--");
	for (size_t i = 0; i < rec->n_snapshots && !err; i++) {
		err = recording_load(rec, i, &s);
		for (size_t k = 0; k < s.n_entries && !err; k++)
			snapshot_add(&sum, s.entry[k].process, display_node(&ds, s.entry[k].node),
				     s.entry[k].count);
		if (sum.n_entries > 2 * sorted + 4096) {
			snapshot_sort(&sum);
			sorted = sum.n_entries;
		}
	}
	snapshot_sort(&sum);
	if (sum.n_entries && !err)
		qsort_r(sum.entry, sum.n_entries, sizeof(*sum.entry), by_count, &rec->dict);
	for (size_t i = 0; i < sum.n_entries && !err && !ferror(f); i++)
		write_stack(&ds, &sum.entry[i], f);
	display_deinit(&ds);
	snapshot_deinit(&s);
	snapshot_deinit(&sum);
	return err;
}

int export_stacks(struct recording *rec, const struct folded_style *style, const char *path)
{
	return textfile_write(path, stacks_write, rec, style);
}
