#include "export/folded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "export/textfile.h"

/* Lines of one block: counts by process name (a string of the display) and displayed node. */
struct block {
	struct display ds;
	uint32_t *root; /* process → string of its name, plus 1 */
	struct snapshot sum;
	size_t sorted; /* entries at the last sort */
	struct strbuf text;
	size_t *line; /* where each begins in text */
	size_t cap_lines;
};

static uint32_t root_of(struct block *b, uint32_t process)
{
	const struct dict *d = b->ds.from;
	const char *comm = dict_text(d, d->process[process].comm);

	if (!b->root[process]) {
		struct strbuf sb = {0};

		strbuf_adds(&sb, *comm == '#' ? "\\x23" : "");
		strbuf_adds(&sb, comm + (*comm == '#'));
		b->root[process] = 1 + display_text(&b->ds, strbuf_str(&sb));
		strbuf_deinit(&sb);
	}
	return b->root[process] - 1;
}

/* Sums are kept small by sorting whenever they have doubled. */
static void block_add(struct block *b, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_entries; i++)
		snapshot_add(&b->sum, root_of(b, s->entry[i].process),
			     display_node(&b->ds, s->entry[i].node), s->entry[i].count);
	if (b->sum.n_entries > 2 * b->sorted + 4096) {
		snapshot_sort(&b->sum);
		b->sorted = b->sum.n_entries;
	}
}

static void add_stack(struct block *b, const struct entry *e)
{
	uint32_t names[256], *name = names, *more = NULL;
	size_t depth = 0, n = 0;

	for (uint32_t up = e->node; up; up = b->ds.dict.node[up].parent)
		depth++;
	if (depth > ARRAY_SIZE(names))
		name = more = xmalloc(depth * sizeof(*more));
	for (uint32_t up = e->node; up; up = b->ds.dict.node[up].parent)
		name[n++] = up;
	strbuf_adds(&b->text, dict_text(&b->ds.dict, e->process));
	while (n) {
		strbuf_addc(&b->text, ';');
		strbuf_adds(&b->text, display_name(&b->ds, name[--n]));
	}
	free(more);
}

static int by_bytes(const void *a, const void *b, void *text)
{
	return strcmp((const char *)text + *(const size_t *)a,
		      (const char *)text + *(const size_t *)b);
}

/* strcmp() compares bytes as unsigned, and no byte of a line is below the blank. */
static void block_write(struct block *b, FILE *f)
{
	size_t n;

	snapshot_sort(&b->sum);
	n = b->sum.n_entries;
	strbuf_clear(&b->text);
	b->line = xgrow(b->line, &b->cap_lines, n, sizeof(*b->line));
	for (size_t i = 0; i < n; i++) {
		b->line[i] = b->text.len;
		add_stack(b, &b->sum.entry[i]);
		strbuf_addf(&b->text, " %" PRIu64, b->sum.entry[i].count);
		strbuf_addc(&b->text, '\0');
	}
	if (n)
		qsort_r(b->line, n, sizeof(*b->line), by_bytes, b->text.data);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s\n", b->text.data + b->line[i]);
	b->sum.n_entries = b->sorted = 0;
}

static void write_text_field(FILE *f, const char *key, const char *value)
{
	if (*value && !strpbrk(value, " \t"))
		fprintf(f, " %s=%s", key, value);
}

static void write_number_field(FILE *f, const char *key, int64_t value)
{
	if (value)
		fprintf(f, " %s=%" PRId64, key, value);
}

static void write_head(const struct recording_meta *meta, FILE *f)
{
	fprintf(f, "# flamelapse");
	write_text_field(f, "host", meta->host);
	write_text_field(f, "event", meta->event);
	write_number_field(f, "freq_hz", meta->freq_hz);
	write_number_field(f, "period_ns", meta->period_ns);
	write_number_field(f, "online_cpus", meta->online_cpus);
	write_number_field(f, "utc_offset_s", meta->utc_offset_s);
	fputc('\n', f);
}

static void write_time(const struct snapshot_info *s, FILE *f)
{
	uint64_t dur_ns = s->t1_ns - s->t0_ns, part = dur_ns % 1000000000;
	int digits = 9;

	fprintf(f, "# t=%" PRIu64 ".%09" PRIu64 " dur=%" PRIu64, s->t0_ns / 1000000000,
		s->t0_ns % 1000000000, dur_ns / 1000000000);
	for (; part && part % 10 == 0; digits--)
		part /= 10;
	if (part)
		fprintf(f, ".%0*" PRIu64, digits, part);
	fputc('\n', f);
}

int folded_write(struct recording *rec, const struct folded_style *style, FILE *f)
{
	struct block b = {.root = xcalloc(rec->dict.n_processes, sizeof(*b.root))};
	struct snapshot s = {0};
	int err = 0;

	display_init(&b.ds, &rec->dict, style, "-");
	if (style->per_snapshot)
		write_head(&rec->meta, f);
	for (size_t i = 0; i < rec->n_snapshots && !err && !ferror(f); i++) {
		err = recording_load(rec, i, &s);
		if (err)
			break;
		block_add(&b, &s);
		if (style->per_snapshot) {
			write_time(&s.info, f);
			block_write(&b, f);
		}
	}
	if (!err && !style->per_snapshot)
		block_write(&b, f);
	snapshot_deinit(&s);
	snapshot_deinit(&b.sum);
	strbuf_deinit(&b.text);
	display_deinit(&b.ds);
	free(b.line);
	free(b.root);
	return err;
}

int export_folded(struct recording *rec, const struct folded_style *style, const char *path)
{
	return textfile_write(path, folded_write, rec, style);
}
