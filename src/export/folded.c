#include "export/folded.h"

#include <stdlib.h>

#include "base/timespan.h"
#include "base/xalloc.h"
#include "export/lines.h"
#include "export/load.h"
#include "export/textout.h"

/*
 * The line written last, of which the next one repeats most: its nodes, root first, and where each
 * one's word ends.
 */
struct pen {
	const struct lines *lines;
	struct textout *out;
	struct strbuf line;
	size_t n, cap_node, cap_end;
	uint32_t *node;
	size_t *end;
	uint32_t *fresh; /* nodes that the next line does not share, innermost first */
	size_t cap_fresh;
};

static void pen_deinit(struct pen *p)
{
	strbuf_deinit(&p->line);
	free(p->node);
	free(p->end);
	free(p->fresh);
}

static void add_count(struct strbuf *sb, uint64_t count)
{
	char text[24], *at = text + sizeof(text);

	*--at = '\n';
	do
		*--at = '0' + count % 10;
	while (count /= 10);
	*--at = ' ';
	strbuf_add(sb, at, text + sizeof(text) - at);
}

/* Parents have smaller numbers, so the deepest node that both lines share is found by numbers. */
static void set_line(struct pen *p, uint32_t line)
{
	const struct dict *d = &p->lines->text;
	size_t n_fresh = 0;

	for (uint32_t at = line; at; at = d->node[at].parent) {
		while (p->n && p->node[p->n - 1] > at)
			p->n--;
		if (p->n && p->node[p->n - 1] == at)
			break;
		p->fresh = xgrow(p->fresh, &p->cap_fresh, n_fresh + 1, sizeof(*p->fresh));
		p->fresh[n_fresh++] = at;
	}
	if (n_fresh && !d->node[p->fresh[n_fresh - 1]].parent)
		p->n = 0;
	p->line.len = p->n ? p->end[p->n - 1] : 0;
	p->node = xgrow(p->node, &p->cap_node, p->n + n_fresh, sizeof(*p->node));
	p->end = xgrow(p->end, &p->cap_end, p->n + n_fresh, sizeof(*p->end));
	while (n_fresh--) {
		uint32_t at = p->fresh[n_fresh];

		if (p->n)
			strbuf_addc(&p->line, ';');
		strbuf_adds(&p->line, dict_frame_name(d, d->node[at].frame));
		p->node[p->n] = at;
		p->end[p->n++] = p->line.len;
	}
}

static int write_lines(struct pen *p)
{
	const struct lines *l = p->lines;
	int err = 0;

	for (size_t i = 0; !err && i < l->n_touched; i++) {
		set_line(p, l->touched[i]);
		strbuf_add(&p->out->buf, p->line.data, p->line.len);
		add_count(&p->out->buf, l->count[l->touched[i]]);
		err = textout_flow(p->out);
	}
	return err;
}

/* Values hold no blanks. */
static void add_word(struct strbuf *sb, const char *key, const char *value)
{
	if (!*value)
		return;
	strbuf_addf(sb, " %s=", key);
	for (; *value; value++)
		strbuf_addc(sb, *value == ' ' ? '_' : *value);
}

/* A frequency alone would be read as a period, which it is not for every event. */
static void add_meta(struct strbuf *sb, const struct recording_meta *m)
{
	struct strbuf fields = {0};

	add_word(&fields, "host", m->host);
	add_word(&fields, "event", m->event);
	if (m->period_ns && m->freq_hz)
		strbuf_addf(&fields, " freq_hz=%u", m->freq_hz);
	if (m->period_ns)
		strbuf_addf(&fields, " period_ns=%llu", (unsigned long long)m->period_ns);
	if (m->online_cpus)
		strbuf_addf(&fields, " online_cpus=%u", m->online_cpus);
	if (m->utc_offset_s)
		strbuf_addf(&fields, " utc_offset_s=%d", m->utc_offset_s);
	if (fields.len)
		strbuf_addf(sb, "# flamelapse%s\n", strbuf_str(&fields));
	strbuf_deinit(&fields);
}

static void add_time(struct strbuf *sb, const struct snapshot_info *info)
{
	uint64_t dur_ns = info->t1_ns - info->t0_ns;

	strbuf_addf(sb, "# t=%llu.%09llu dur=%llu", (unsigned long long)(info->t0_ns / NS_PER_S),
		    (unsigned long long)(info->t0_ns % NS_PER_S),
		    (unsigned long long)(dur_ns / NS_PER_S));
	if (dur_ns % NS_PER_S)
		strbuf_addf(sb, ".%09llu", (unsigned long long)(dur_ns % NS_PER_S));
	strbuf_addc(sb, '\n');
}

static int write_snapshots(struct pen *p, struct lines *l, struct recording *rec)
{
	struct snapshot s = {0};
	int err = 0;

	add_meta(&p->out->buf, &rec->meta);
	for (size_t i = 0; !err && i < rec->n_snapshots; i++) {
		err = load_snapshot(rec, i, &s);
		if (err)
			break;
		lines_clear(l);
		lines_add(l, &s);
		add_time(&p->out->buf, &s.info);
		err = write_lines(p);
	}
	snapshot_deinit(&s);
	return err;
}

int export_folded(struct recording *rec, const struct folded_style *style, const char *path)
{
	struct lines lines;
	struct textout out;
	struct pen pen = {.lines = &lines, .out = &out};
	int err = lines_init(&lines, rec, style);

	if (!err)
		err = textout_open(&out, path);
	if (!err) {
		err = style->per_snapshot ? write_snapshots(&pen, &lines, rec) : write_lines(&pen);
		err = textout_close(&out, err);
	}
	pen_deinit(&pen);
	lines_deinit(&lines);
	return err;
}
