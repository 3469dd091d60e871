#include "export/stacks.h"

#include <stdlib.h>

#include "export/sums.h"

static int by_count(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

static void add_stack(struct strbuf *out, const struct dict *d, const struct entry *e,
		      const struct folded_style *style)
{
	const struct process *p = &d->process[e->process];
	const char *comm = dict_text(d, p->comm);
	bool had_kernel = false, had_user = false;

	for (uint32_t node = e->node; node; node = d->node[node].parent) {
		bool kernel = d->frame[d->node[node].frame].kind == FRAME_KERNEL;

		if (!kernel && had_kernel && !had_user && style->delimited)
			strbuf_adds(out, "    --\n");
		had_kernel |= kernel;
		had_user |= !kernel;
		strbuf_addf(out, "    %s%s\n", dict_frame_name(d, d->node[node].frame),
			    kernel && style->annotate ? "_[k]" : "");
	}
	strbuf_addf(out, "    %-16s %s (%u)\n        %llu\n\n", "-", *comm ? comm : "[unknown]",
		    p->pid, (unsigned long long)e->count);
}

int export_stacks(struct recording *rec, const struct folded_style *style, const char *path)
{
	struct strbuf out = {0};
	struct sums sums = {0};
	int err = sums_add(&sums, rec, 0, rec->n_snapshots);

	if (!err && sums.all.n_entries)
		qsort(sums.all.entry, sums.all.n_entries, sizeof(*sums.all.entry), by_count);
	for (size_t i = 0; !err && i < sums.all.n_entries; i++)
		add_stack(&out, &rec->dict, &sums.all.entry[i], style);
	if (!err)
		err = sums_write(path, &out);
	strbuf_deinit(&out);
	sums_deinit(&sums);
	return err;
}
