#include "export/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "export/load.h"
#include "profile/kind.h"

#define UNASKED UINT32_MAX

/* Words */

/* What neither divides words nor is lost at the end of a line. */
static void add_safe(struct strbuf *sb, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		strbuf_addc(sb, name[i] == ';' ? ':' : name[i]);
	if (!n) {
		strbuf_adds(sb, FRAME_UNKNOWN);
	} else if (name[n - 1] == ' ') {
		sb->len--;
		strbuf_adds(sb, "\\x20");
	}
}

static uint32_t take_word(struct lines *l, struct strbuf *sb)
{
	struct dict *d = &l->text;
	uint32_t word = dict_frame(d, dict_string(d, strbuf_str(sb), sb->len), 0, FRAME_USER);

	strbuf_deinit(sb);
	return word;
}

static uint32_t process_word(struct lines *l, uint32_t process)
{
	const struct process *p = &l->rec->dict.process[process];
	struct strbuf sb = {0}, group = {0};
	const char *comm;

	if (l->process_word[process] != UNASKED)
		return l->process_word[process];
	grouping_add_name(&l->rec->dict, p, l->by, &group);
	comm = strbuf_str(&group);
	if (*comm == '#') {
		strbuf_adds(&sb, "\\x23");
		if (comm[1])
			add_safe(&sb, comm + 1);
	} else {
		add_safe(&sb, comm);
	}
	strbuf_deinit(&group);
	return l->process_word[process] = take_word(l, &sb);
}

/* A name that would be taken for another, or for a delimiter, is spoilt on purpose. */
static void add_frame_name(struct strbuf *sb, const char *name)
{
	size_t len;

	if (!strcmp(name, "-") || !strcmp(name, "--")) {
		strbuf_addf(sb, "(%s)", name);
		return;
	}
	add_safe(sb, name);
	len = sb->len;
	kind_of_name(sb->data, &len);
	if (len < sb->len) {
		sb->data[len + 1] = '(';
		sb->data[len + 3] = ')';
	}
}

/*
 * The word of a frame, and what import will take it for: without suffixes only the form of a name
 * tells, and the delimiter must stand where it will stand again.
 */
static const struct lines_frame *find_frame(struct lines *l, uint32_t frame)
{
	const struct dict *d = &l->rec->dict;
	struct lines_frame *f = &l->frame[frame];
	struct strbuf sb = {0};
	enum frame_kind form;
	size_t len;

	if (f->word != UNASKED)
		return f;
	f->kind = d->frame[frame].kind;
	add_frame_name(&sb, dict_frame_name(d, frame));
	len = sb.len;
	form = kind_of_name(sb.data, &len);
	if (!*kind_suffix(f->kind) || (form != FRAME_USER && !l->annotate))
		f->kind = form;
	if (l->annotate)
		strbuf_adds(&sb, kind_suffix(f->kind));
	f->word = take_word(l, &sb);
	return f;
}

/* Lines */

/*
 * How many of the innermost frames, which come first, are kernel code that user code called: from
 * the outermost kernel frame below which no user code runs. 0 where there is no caller.
 */
static size_t kernel_part(struct lines *l, const uint32_t *path, size_t n)
{
	size_t n_kernel = 0;

	for (size_t i = 0; i < n; i++) {
		enum frame_kind kind = find_frame(l, path[i])->kind;

		if (kind == FRAME_USER || kind == FRAME_JIT)
			break;
		if (kind == FRAME_KERNEL)
			n_kernel = i + 1;
	}
	for (size_t i = n_kernel; i < n; i++)
		if (find_frame(l, path[i])->kind != FRAME_MARK)
			return n_kernel;
	return 0;
}

static uint32_t make_line(struct lines *l, uint32_t first, uint32_t node)
{
	const struct dict *d = &l->rec->dict;
	uint32_t path[LINES_MAX_FRAMES], line = first;
	size_t n = 0, n_kernel;

	for (; node; node = d->node[node].parent)
		path[n++] = d->node[node].frame;
	n_kernel = l->delimited ? kernel_part(l, path, n) : 0;
	for (size_t i = n; i-- > 0;) {
		if (i + 1 == n_kernel)
			line = dict_node(&l->text, line, l->delimiter);
		line = dict_node(&l->text, line, find_frame(l, path[i])->word);
	}
	return line;
}

static uint32_t find_whole_line(struct lines *l, uint32_t first, uint32_t node)
{
	uint64_t h = hash_u64((uint64_t)first << 32 | node, l->text.seed);

	for (uint32_t it = 0, id; index_next(&l->seen_ix, h, &it, &id);)
		if (l->seen[id].first == first && l->seen[id].node == node)
			return l->seen[id].line;
	l->seen = xgrow(l->seen, &l->cap_seen, l->n_seen + 1, sizeof(*l->seen));
	l->seen[l->n_seen] =
	    (struct lines_seen){.first = first, .node = node, .line = make_line(l, first, node)};
	index_add(&l->seen_ix, h, l->n_seen);
	return l->seen[l->n_seen++].line;
}

static uint32_t find_line(struct lines *l, uint32_t process, uint32_t node)
{
	uint32_t first = dict_node(&l->text, 0, process_word(l, process));
	uint32_t line = find_whole_line(l, first, l->cut[node]);

	return l->cut[node] == node ? line : dict_node(&l->text, line, l->truncated);
}

static void add_counts(struct lines *l, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i];
		uint32_t line = find_line(l, e->process, e->node);
		size_t before = l->cap_count;

		if (line >= l->cap_count) {
			l->count = xgrow(l->count, &l->cap_count, line + 1, sizeof(*l->count));
			memset(l->count + before, 0, (l->cap_count - before) * sizeof(*l->count));
		}
		if (!l->count[line] && e->count) {
			l->touched = xgrow(l->touched, &l->cap_touched, l->n_touched + 1,
					   sizeof(*l->touched));
			l->touched[l->n_touched++] = line;
		}
		l->count[line] += e->count;
	}
}

/* Order */

/* A word at the end of a line, or before more of it. */
struct place {
	const char *text;
	uint32_t word;
	bool is_last;
};

static int byte_at(const struct place *p, size_t i)
{
	if (p->text[i])
		return (unsigned char)p->text[i];
	return p->is_last ? 0 : ';';
}

static int by_text(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	size_t i = 0;

	while (a->text[i] && a->text[i] == b->text[i])
		i++;
	return byte_at(a, i) - byte_at(b, i);
}

/* For each word its rank among all, as the last one and before more: rank[2 × word + is_last]. */
static uint32_t *rank_words(const struct dict *d)
{
	struct place *place = xreallocarray(NULL, 2 * d->n_frames, sizeof(*place));
	uint32_t *rank = xreallocarray(NULL, 2 * d->n_frames, sizeof(*rank));

	for (size_t i = 0; i < 2 * d->n_frames; i++)
		place[i] = (struct place){dict_frame_name(d, i / 2), i / 2, i % 2};
	qsort(place, 2 * d->n_frames, sizeof(*place), by_text);
	for (size_t i = 0; i < 2 * d->n_frames; i++)
		rank[2 * place[i].word + place[i].is_last] = i;
	free(place);
	return rank;
}

/* A line, or all lines that begin with it and go on, among those with the same parent. */
struct item {
	uint64_t key;
	uint32_t node;
	bool is_last;
};

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct item *)a)->key, y = ((const struct item *)b)->key;

	return x < y ? -1 : x > y;
}

/*
 * All items by parent, then text. "a" stands before "a!", which stands before "a;…", so a node with
 * a line of its own and others below it has two.
 */
static struct item *sort_items(const struct lines *l, size_t *n_ret)
{
	const struct dict *d = &l->text;
	uint32_t *rank = rank_words(d);
	bool *is_parent = xcalloc(d->n_nodes, sizeof(*is_parent));
	struct item *item = xreallocarray(NULL, 2 * d->n_nodes, sizeof(*item));
	size_t n = 0;

	for (size_t i = 1; i < d->n_nodes; i++)
		is_parent[d->node[i].parent] = true;
	for (uint32_t i = 1; i < d->n_nodes; i++) {
		uint64_t parent = (uint64_t)d->node[i].parent << 32;
		const uint32_t *r = rank + 2 * d->node[i].frame;

		if (is_parent[i])
			item[n++] = (struct item){parent | r[0], i, false};
		if (i < l->cap_count && l->count[i])
			item[n++] = (struct item){parent | r[1], i, true};
	}
	qsort(item, n, sizeof(*item), by_key);
	free(is_parent);
	free(rank);
	*n_ret = n;
	return item;
}

/* Sets rank[] by a walk from the root, and puts touched[] in that order. */
static void set_ranks(struct lines *l)
{
	size_t n, n_nodes = l->text.n_nodes, depth = 0, n_ranked = 0;
	struct item *item = sort_items(l, &n);
	size_t *first = xcalloc(n_nodes, sizeof(*first)), *at = NULL, cap_at = 0;

	for (size_t i = n; i-- > 0;)
		first[item[i].key >> 32] = i;
	l->rank = xcalloc(n_nodes, sizeof(*l->rank));
	at = xgrow(at, &cap_at, 1, sizeof(*at));
	at[0] = 0;
	for (uint32_t parent = 0;;) {
		const struct item *it = &item[at[depth]];

		if (at[depth] == n || it->key >> 32 != parent) {
			if (!depth--)
				break;
			parent = l->text.node[parent].parent;
			continue;
		}
		at[depth]++;
		if (it->is_last) {
			l->touched[n_ranked] = it->node;
			l->rank[it->node] = n_ranked++;
			continue;
		}
		parent = it->node;
		at = xgrow(at, &cap_at, ++depth + 1, sizeof(*at));
		at[depth] = first[parent];
	}
	free(at);
	free(first);
	free(item);
}

static int by_rank(const void *a, const void *b, void *arg)
{
	const uint32_t *rank = arg;
	uint32_t x = rank[*(const uint32_t *)a], y = rank[*(const uint32_t *)b];

	return x < y ? -1 : x > y;
}

void lines_add(struct lines *l, const struct snapshot *s)
{
	add_counts(l, s);
	if (l->n_touched)
		qsort_r(l->touched, l->n_touched, sizeof(*l->touched), by_rank, l->rank);
}

void lines_clear(struct lines *l)
{
	for (size_t i = 0; i < l->n_touched; i++)
		l->count[l->touched[i]] = 0;
	l->n_touched = 0;
}

/* The whole */

static uint32_t fixed_word(struct lines *l, const char *text)
{
	struct strbuf sb = {0};

	strbuf_adds(&sb, text);
	return take_word(l, &sb);
}

static void prepare(struct lines *l)
{
	const struct dict *d = &l->rec->dict;

	dict_init(&l->text);
	l->delimiter = fixed_word(l, "-");
	l->truncated = fixed_word(l, FRAME_TRUNCATED);
	l->process_word = xreallocarray(NULL, d->n_processes, sizeof(*l->process_word));
	for (size_t i = 0; i < d->n_processes; i++)
		l->process_word[i] = UNASKED;
	l->frame = xreallocarray(NULL, d->n_frames + 1, sizeof(*l->frame));
	for (size_t i = 0; i < d->n_frames; i++)
		l->frame[i].word = UNASKED;
	l->depth = xcalloc(d->n_nodes, sizeof(*l->depth));
	l->cut = xcalloc(d->n_nodes, sizeof(*l->cut));
	for (size_t i = 1; i < d->n_nodes; i++) {
		l->depth[i] = l->depth[d->node[i].parent] + 1;
		l->cut[i] = l->depth[i] > LINES_MAX_FRAMES ? l->cut[d->node[i].parent] : i;
	}
}

int lines_init(struct lines *l, struct recording *rec, const struct folded_style *style)
{
	struct snapshot s = {0};
	int err = 0;

	*l = (struct lines){.rec = rec,
			    .annotate = style->annotate,
			    .delimited = style->delimited,
			    .by = style->by};
	prepare(l);
	for (size_t i = 0; !err && i < rec->n_snapshots; i++) {
		err = load_snapshot(rec, i, &s);
		if (!err)
			add_counts(l, &s);
	}
	snapshot_deinit(&s);
	if (!err)
		set_ranks(l);
	return err;
}

void lines_deinit(struct lines *l)
{
	dict_deinit(&l->text);
	free(l->process_word);
	free(l->frame);
	free(l->depth);
	free(l->cut);
	free(l->seen);
	index_deinit(&l->seen_ix);
	free(l->count);
	free(l->rank);
	free(l->touched);
	*l = (struct lines){0};
}
