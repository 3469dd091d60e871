#include "export/stacks.h"

#include <stdlib.h>

#include "export/lines.h"
#include "export/textout.h"

static int by_count(const void *pa, const void *pb, void *arg)
{
	const struct lines *l = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	if (l->count[a] != l->count[b])
		return l->count[a] < l->count[b] ? -1 : 1;
	return l->rank[a] < l->rank[b] ? -1 : l->rank[a] > l->rank[b];
}

static void add_stack(struct strbuf *sb, const struct lines *l, uint32_t line)
{
	const struct dict *d = &l->text;
	uint32_t at = line;

	for (; d->node[at].parent; at = d->node[at].parent) {
		uint32_t word = d->node[at].frame;

		strbuf_adds(sb, "    ");
		strbuf_adds(sb, word == l->delimiter ? "--" : dict_frame_name(d, word));
		strbuf_addc(sb, '\n');
	}
	strbuf_addf(sb, "    %-16s %s\n        %llu\n\n", "-",
		    dict_frame_name(d, d->node[at].frame), (unsigned long long)l->count[line]);
}

int export_stacks(struct recording *rec, const struct folded_style *style, const char *path)
{
	struct folded_style own = *style;
	struct lines lines;
	struct textout out;
	int err;

	/* profile(8) tells processes apart here. */
	if (own.by == BY_PROCESS)
		own.by = BY_PID;
	err = lines_init(&lines, rec, &own);

	if (!err)
		err = textout_open(&out, path);
	if (!err) {
		if (lines.n_touched)
			qsort_r(lines.touched, lines.n_touched, sizeof(*lines.touched), by_count,
				&lines);
		for (size_t i = 0; !err && i < lines.n_touched; i++) {
			add_stack(&out.buf, &lines, lines.touched[i]);
			err = textout_flow(&out);
		}
		err = textout_close(&out, err);
	}
	lines_deinit(&lines);
	return err;
}
