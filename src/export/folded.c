#include "export/folded.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "export/sums.h"

#define NS_PER_S 1000000000ull

struct line {
	size_t at; /* of the stack in the text, NUL-terminated */
	uint64_t count;
};

struct lines {
	struct strbuf text;
	struct line *line;
	size_t n, cap;
	uint32_t *path; /* nodes of a stack, innermost first */
	size_t cap_path;
};

static void add_name(struct strbuf *sb, const char *name)
{
	size_t at = sb->len;

	strbuf_adds(sb, name);
	for (char *p = sb->data + at; (p = strchr(p, ';')); p++)
		*p = ':';
	/* What ends in a blank would lend it to the count. */
	if (sb->len > at && sb->data[sb->len - 1] == ' ')
		sb->data[sb->len - 1] = '_';
}

static const char *suffix(enum frame_kind kind)
{
	return kind == FRAME_KERNEL    ? "_[k]"
	       : kind == FRAME_JIT     ? "_[j]"
	       : kind == FRAME_INLINED ? "_[i]"
				       : "";
}

static void add_process(struct strbuf *sb, const struct dict *d, uint32_t process)
{
	const char *comm = dict_text(d, d->process[process].comm);

	/* A line that begins so is a comment. */
	if (*comm == '#')
		strbuf_addc(sb, '_');
	add_name(sb, *comm ? comm : "[unknown]");
}

static void add_line(struct lines *l, const struct dict *d, const struct entry *e,
		     const struct folded_style *style)
{
	bool has_user = false, kernel = false;
	size_t n = 0;

	for (uint32_t node = e->node; node; node = d->node[node].parent) {
		l->path = xgrow(l->path, &l->cap_path, n + 1, sizeof(*l->path));
		l->path[n++] = d->node[node].frame;
	}
	l->line = xgrow(l->line, &l->cap, l->n + 1, sizeof(*l->line));
	l->line[l->n++] = (struct line){.at = l->text.len, .count = e->count};
	add_process(&l->text, d, e->process);
	while (n--) {
		enum frame_kind kind = d->frame[l->path[n]].kind;

		if (kind == FRAME_KERNEL && !kernel && has_user && style->delimited)
			strbuf_adds(&l->text, ";-");
		kernel |= kind == FRAME_KERNEL;
		has_user |= kind != FRAME_KERNEL;
		strbuf_addc(&l->text, ';');
		add_name(&l->text, dict_frame_name(d, l->path[n]));
		if (style->annotate)
			strbuf_adds(&l->text, suffix(kind));
	}
	strbuf_addc(&l->text, '\0');
}

static int by_text(const void *pa, const void *pb, void *arg)
{
	const struct line *a = pa, *b = pb;
	const char *text = arg;

	return strcmp(text + a->at, text + b->at);
}

static void write_lines(struct lines *l, struct strbuf *out)
{
	if (l->n)
		qsort_r(l->line, l->n, sizeof(*l->line), by_text, l->text.data);
	for (size_t i = 0; i < l->n;) {
		const char *stack = l->text.data + l->line[i].at;
		uint64_t count = 0;

		for (; i < l->n && !strcmp(l->text.data + l->line[i].at, stack); i++)
			count += l->line[i].count;
		strbuf_addf(out, "%s %llu\n", stack, (unsigned long long)count);
	}
	l->n = 0;
	strbuf_clear(&l->text);
}

static int add_block(struct recording *rec, const struct folded_style *style, size_t first,
		     size_t end, struct sums *sums, struct lines *l, struct strbuf *out)
{
	int err = sums_add(sums, rec, first, end);

	for (size_t i = 0; !err && i < sums->all.n_entries; i++)
		add_line(l, &rec->dict, &sums->all.entry[i], style);
	write_lines(l, out);
	return err;
}

/* What import/folded.h needs to know CPUs again. */
static void add_header(const struct recording_meta *m, struct strbuf *out)
{
	strbuf_adds(out, "# flamelapse");
	if (*m->host && !strchr(m->host, ' '))
		strbuf_addf(out, " host=%s", m->host);
	if (*m->event && !strchr(m->event, ' '))
		strbuf_addf(out, " event=%s", m->event);
	if (m->freq_hz)
		strbuf_addf(out, " freq_hz=%u", m->freq_hz);
	if (m->period_ns)
		strbuf_addf(out, " period_ns=%llu", (unsigned long long)m->period_ns);
	if (m->online_cpus)
		strbuf_addf(out, " online_cpus=%u", m->online_cpus);
	strbuf_addc(out, '\n');
}

static void add_time(const struct snapshot_info *info, struct strbuf *out)
{
	uint64_t dur = info->t1_ns - info->t0_ns;

	strbuf_addf(out, "# t=%llu.%09llu dur=%llu.%09llu\n",
		    (unsigned long long)(info->t0_ns / NS_PER_S),
		    (unsigned long long)(info->t0_ns % NS_PER_S),
		    (unsigned long long)(dur / NS_PER_S), (unsigned long long)(dur % NS_PER_S));
}

int export_folded(struct recording *rec, const struct folded_style *style, const char *path)
{
	struct strbuf out = {0};
	struct lines l = {0};
	struct sums sums = {0};
	int err = 0;

	if (style->per_snapshot)
		add_header(&rec->meta, &out);
	for (size_t i = 0; style->per_snapshot && !err && i < rec->n_snapshots; i++) {
		add_time(&rec->snapshot[i], &out);
		err = add_block(rec, style, i, i + 1, &sums, &l, &out);
	}
	if (!style->per_snapshot)
		err = add_block(rec, style, 0, rec->n_snapshots, &sums, &l, &out);
	if (!err)
		err = sums_write(path, &out);
	strbuf_deinit(&out);
	strbuf_deinit(&l.text);
	free(l.line);
	free(l.path);
	sums_deinit(&sums);
	return err;
}
