#include "render/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "render/changes.h"
#include "render/core/labels.h"

#define FRACTION_BITS 20
/* Each snapshot is looked at six times. So many leaves of all are 64 MB; the rest is read again. */
#define KEPT_MAX (4u << 20)

struct scene_impl {
	struct dict names;		 /* only its strings: normalised names */
	uint32_t *name;			 /* of each tree node, in names */
	uint32_t *of_process, *of_frame; /* tree node, normalised name; + 1, 0: not yet */
	size_t cap_process, cap_frame;
	struct index child_ix, path_ix;
	struct path {
		uint32_t process_node, node, tree_node;
	} * path;
	size_t n_paths, cap_paths;
	struct snapshot snapshot; /* the one loaded last */
	struct leaves now;	  /* its leaves in the tree */
	struct leaves *kept;	  /* those of each snapshot that was looked at, up to KEPT_MAX */
	size_t n_kept;
	/* The window that `count` holds. */
	uint32_t first, end;
	uint64_t *count;
	struct account account;
	uint64_t unnamed;
};

static void tree_reserve(struct scene *s)
{
	struct tree *t = &s->tree;
	struct scene_impl *m = s->impl;
	uint32_t cap = t->cap + t->cap / 2 + 1024;

	if (t->n < t->cap)
		return;
	t->parent = xreallocarray(t->parent, cap, sizeof(*t->parent));
	t->name = xreallocarray(t->name, cap, sizeof(*t->name));
	t->kind = xreallocarray(t->kind, cap, sizeof(*t->kind));
	t->total = xreallocarray(t->total, cap, sizeof(*t->total));
	t->peak = xreallocarray(t->peak, cap, sizeof(*t->peak));
	m->name = xreallocarray(m->name, cap, sizeof(*m->name));
	m->count = xreallocarray(m->count, cap, sizeof(*m->count));
	t->cap = cap;
}

static uint32_t tree_add(struct scene *s, uint32_t parent, uint32_t name, enum box_kind kind)
{
	struct tree *t = &s->tree;

	tree_reserve(s);
	t->parent[t->n] = parent;
	t->kind[t->n] = kind;
	t->total[t->n] = t->peak[t->n] = 0;
	s->impl->name[t->n] = name;
	s->impl->count[t->n] = 0;
	return t->n++;
}

static uint32_t tree_child(struct scene *s, uint32_t parent, uint32_t name, enum box_kind kind)
{
	struct scene_impl *m = s->impl;
	uint64_t h = hash_u64((uint64_t)parent << 32 | name, kind);
	uint32_t node;

	for (uint32_t it = 0, id; index_next(&m->child_ix, h, &it, &id);)
		if (s->tree.parent[id] == parent && m->name[id] == name && s->tree.kind[id] == kind)
			return id;
	node = tree_add(s, parent, name, kind);
	index_add(&m->child_ix, h, node);
	return node;
}

static uint32_t normal_name(struct scene *s, const char *name)
{
	size_t len = strlen(name);
	char *buf = xmalloc(len + 16);
	size_t n = label_normalise(name, len, buf);
	uint32_t id = dict_string(&s->impl->names, buf, n);

	free(buf);
	return id;
}

static uint32_t *slot(uint32_t **array, size_t *cap, size_t i)
{
	size_t old = *cap;

	*array = xgrow(*array, cap, i + 1, sizeof(**array));
	memset(*array + old, 0, (*cap - old) * sizeof(**array));
	return &(*array)[i];
}

/* Kernel threads are one of many, such as "kworker/3:1-events": their numbers become N. */
static uint32_t group_name(struct scene *s, const struct process *p)
{
	struct strbuf sb = {0};
	uint32_t name;

	if (s->opt.by == BY_PROCESS && p->is_kernel) {
		grouping_add_without_numbers(&sb, dict_text(&s->rec->dict, p->comm));
		name = dict_string(&s->impl->names, strbuf_str(&sb), sb.len);
	} else {
		grouping_add_name(&s->rec->dict, p, s->opt.by, &sb);
		name = s->opt.by == BY_PROCESS
			   ? normal_name(s, sb.len ? sb.data : "[unknown]")
			   : dict_string(&s->impl->names, strbuf_str(&sb), sb.len);
	}
	strbuf_deinit(&sb);
	return name;
}

static uint32_t process_node(struct scene *s, uint32_t process)
{
	struct scene_impl *m = s->impl;
	uint32_t *at = slot(&m->of_process, &m->cap_process, process);

	if (!*at)
		*at = tree_child(s, 0, group_name(s, &s->rec->dict.process[process]), BOX_PROCESS) +
		      1;
	return *at - 1;
}

static uint32_t frame_name(struct scene *s, uint32_t frame)
{
	struct scene_impl *m = s->impl;
	uint32_t *at = slot(&m->of_frame, &m->cap_frame, frame);

	if (!*at)
		*at = normal_name(s, dict_frame_name(&s->rec->dict, frame)) + 1;
	return *at - 1;
}

static bool find_path(struct scene_impl *m, uint32_t process_node, uint32_t node, uint64_t h,
		      uint32_t *tree_node_ret)
{
	for (uint32_t it = 0, id; index_next(&m->path_ix, h, &it, &id);) {
		const struct path *p = &m->path[id];

		if (p->process_node == process_node && p->node == node) {
			*tree_node_ret = p->tree_node;
			return true;
		}
	}
	return false;
}

/* The tree node of a stack: climbs to the first known caller, then adds what is missing. */
static uint32_t stack_node(struct scene *s, uint32_t process, uint32_t node)
{
	struct scene_impl *m = s->impl;
	const struct dict *d = &s->rec->dict;
	uint32_t top = process_node(s, process), at = top, missing[64];

	for (;;) {
		uint32_t n = 0, walk = node;

		for (; walk; walk = d->node[walk].parent) {
			if (find_path(m, top, walk, hash_u64((uint64_t)top << 32 | walk, 1), &at))
				break;
			missing[n++ % 64] = walk;
		}
		if (!walk)
			at = top;
		if (!n)
			return at;
		/* Deeper than the array: the outermost 64 first, then climb again. */
		for (uint32_t k = n < 64 ? n : 64; k--; n--) {
			uint32_t id = missing[(n - 1) % 64], frame = d->node[id].frame;

			at = tree_child(s, at, frame_name(s, frame), d->frame[frame].kind);
			m->path = xgrow(m->path, &m->cap_paths, m->n_paths + 1, sizeof(*m->path));
			m->path[m->n_paths] = (struct path){top, id, at};
			index_add(&m->path_ix, hash_u64((uint64_t)top << 32 | id, 1), m->n_paths++);
		}
	}
}

static void copy_leaves(struct leaves *to, const struct leaves *from)
{
	to->leaf = xgrow(to->leaf, &to->cap, from->n, sizeof(*to->leaf));
	memcpy(to->leaf, from->leaf, from->n * sizeof(*to->leaf));
	to->n = from->n;
}

static void keep(struct scene_impl *m, uint32_t i)
{
	if (m->n_kept + m->now.n > KEPT_MAX || !m->now.n)
		return;
	m->n_kept += m->now.n;
	copy_leaves(&m->kept[i], &m->now);
}

static int load(struct scene *s, uint32_t i)
{
	struct scene_impl *m = s->impl;
	int err;

	if (m->kept[i].n) {
		copy_leaves(&m->now, &m->kept[i]);
		return 0;
	}
	err = recording_load(s->rec, i, &m->snapshot);
	m->now.n = 0;
	for (size_t e = 0; !err && e < m->snapshot.n_entries; e++) {
		const struct entry *en = &m->snapshot.entry[e];

		m->now.leaf = xgrow(m->now.leaf, &m->now.cap, m->now.n + 1, sizeof(*m->now.leaf));
		m->now.leaf[m->now.n++] =
		    (struct leaf){stack_node(s, en->process, en->node), en->count};
	}
	if (!err)
		keep(m, i);
	return err;
}

static void window_add(struct scene *s, const struct leaves *l)
{
	for (size_t i = 0; i < l->n; i++) {
		s->impl->count[l->leaf[i].node] += l->leaf[i].count;
		if (s->tree.kind[l->leaf[i].node] == FRAME_UNNAMED)
			s->impl->unnamed += l->leaf[i].count;
	}
}

static void window_subtract(struct scene *s, const struct leaves *l)
{
	for (size_t i = 0; i < l->n; i++) {
		s->impl->count[l->leaf[i].node] -= l->leaf[i].count;
		if (s->tree.kind[l->leaf[i].node] == FRAME_UNNAMED)
			s->impl->unnamed -= l->leaf[i].count;
	}
}

static uint64_t duration(const struct scene *s, uint32_t first, uint32_t end)
{
	uint64_t sum = 0;

	for (uint32_t i = first; i < end; i++)
		sum += s->rec->snapshot[i].t1_ns - s->rec->snapshot[i].t0_ns;
	return sum ? sum : 1;
}

static uint64_t interval(const struct scene *s)
{
	const struct snapshot_info *info = s->rec->snapshot;

	if (s->rec->meta.interval_ns)
		return s->rec->meta.interval_ns;
	return info->t1_ns > info->t0_ns ? info->t1_ns - info->t0_ns : 1;
}

/*
 * What one sample of a window is worth, with FRACTION_BITS behind the point. It fits where a sample
 * stands for at most a thousand times the window, which no recording goes beyond.
 */
static uint64_t worth(const struct scene *s, uint64_t duration_ns, uint64_t samples)
{
	__uint128_t one = (__uint128_t)s->one << FRACTION_BITS, w;

	if (s->opt.scale == SCALE_SHARE)
		return (uint64_t)(one / (samples ? samples : 1));
	w = one * (s->knows_cpus ? s->rec->meta.period_ns : interval(s)) / duration_ns;
	return w > one * 1000 ? (uint64_t)(one * 1000) : (uint64_t)w;
}

static uint64_t value(uint64_t count, uint64_t worth)
{
	return (uint64_t)((__uint128_t)count * worth >> FRACTION_BITS);
}

static void note_peaks(struct scene *s, uint64_t *total, uint32_t first, uint32_t end,
		       uint64_t samples)
{
	uint64_t w = worth(s, duration(s, first, end), samples);

	for (uint32_t i = 0; i < s->tree.n; i++)
		total[i] = s->impl->count[i] ? value(s->impl->count[i], w) : 0;
	layout_totals(&s->tree, total, total);
	for (uint32_t i = 0; i < s->tree.n; i++)
		if (total[i] > s->tree.peak[i])
			s->tree.peak[i] = total[i];
}

static void note_strip(struct scene *s, uint32_t i)
{
	const struct snapshot_info *info = &s->rec->snapshot[i];
	uint64_t count[BOX_KINDS] = {0}, w = worth(s, duration(s, i, i + 1), info->account.taken);

	for (size_t l = 0; l < s->impl->now.n; l++) {
		uint32_t node = s->impl->now.leaf[l].node;

		s->tree.total[node] += s->impl->now.leaf[l].count;
		count[s->tree.kind[node]] += s->impl->now.leaf[l].count;
	}
	for (int k = 0; k < BOX_KINDS; k++)
		s->strip[(size_t)i * BOX_KINDS + k] = value(count[k], w);
}

/* A mark inside a snapshot lies at the nearer of its ends. */
static void place_marks(struct scene *s)
{
	const struct recording *rec = s->rec;
	uint32_t at = 0;

	s->mark_at = xcalloc(rec->n_marks + 1, sizeof(*s->mark_at));
	for (size_t i = 0; i < rec->n_marks; i++) {
		for (; at < rec->n_snapshots; at++) {
			const struct snapshot_info *info = &rec->snapshot[at];

			if (rec->mark[i].t_ns < info->t0_ns + (info->t1_ns - info->t0_ns) / 2)
				break;
		}
		s->mark_at[i] = at;
	}
	s->timeline.cut = s->mark_at;
	s->timeline.n_cuts = (uint32_t)rec->n_marks;
}

static int forget(struct scene *s, uint32_t i, uint64_t *samples)
{
	int err = load(s, i);

	if (err)
		return err;
	window_subtract(s, &s->impl->now);
	*samples -= s->rec->snapshot[i].account.taken;
	return 0;
}

/* Every window there is, in order. */
static int first_pass(struct scene *s)
{
	struct scene_impl *m = s->impl;
	uint64_t *total = NULL, samples = 0;
	uint32_t oldest = 0; /* in the window so far */
	size_t cap = 0;
	int err = 0;

	for (uint32_t i = 0; i < s->timeline.n_snapshots && !err; i++) {
		uint32_t first, end;

		timeline_window(&s->timeline, i, &first, &end);
		while (oldest < first && !err)
			err = forget(s, oldest++, &samples);
		err = err ? err : load(s, i);
		if (err)
			break;
		samples += s->rec->snapshot[i].account.taken;
		window_add(s, &m->now);
		note_strip(s, i);
		if (cap < s->tree.cap) {
			cap = s->tree.cap;
			total = xreallocarray(total, cap, sizeof(*total));
		}
		note_peaks(s, total, first, end, samples);
	}
	free(total);
	memset(m->count, 0, s->tree.n * sizeof(*m->count));
	m->unnamed = 0;
	return err;
}

uint64_t scene_limit(const struct scene *s)
{
	return s->knows_cpus && !s->is_off_cpu ? (uint64_t)s->rec->meta.online_cpus * s->one : 0;
}

static uint64_t full_width(const struct scene *s)
{
	static const uint64_t round_numbers[] = {1, 2, 5};
	uint64_t online = scene_limit(s);
	uint64_t need = s->busiest + s->busiest / 10, full = 0;

	if (s->opt.scale == SCALE_SHARE)
		return s->one;
	if (s->opt.scale == SCALE_PEAK || (s->opt.scale == SCALE_CPU && !online))
		return s->busiest;
	if (s->opt.scale == SCALE_CPU)
		return online > s->busiest ? online : s->busiest;
	for (uint64_t ten = s->one; !full; ten *= 10)
		for (int i = 0; i < 3 && !full; i++)
			if (round_numbers[i] * ten >= need || ten > UINT64_MAX / 100)
				full = round_numbers[i] * ten;
	if (online && online < full)
		full = online > s->busiest ? online : s->busiest;
	return full;
}

static void allocate_arrangement(struct tree *t)
{
	t->shown = xcalloc(t->cap, sizeof(*t->shown));
	t->skips = xcalloc(t->cap, sizeof(*t->skips));
	t->head = xcalloc(t->cap, sizeof(*t->head));
	t->tail = xcalloc(t->cap, sizeof(*t->tail));
	t->row = xcalloc(t->cap, sizeof(*t->row));
	t->child = xcalloc(t->cap, sizeof(*t->child));
	t->first = xcalloc((size_t)t->cap + 1, sizeof(*t->first));
	t->laid = xcalloc(t->cap, sizeof(*t->laid));
}

/* Most nodes only call others. The totals are still without the callees here. */
static void list_leaves(struct scene *s)
{
	s->leaf = xcalloc(s->tree.n, sizeof(*s->leaf));
	for (uint32_t i = 0; i < s->tree.n; i++)
		if (s->tree.total[i])
			s->leaf[s->n_leaves++] = i;
}

static void arrange(struct scene *s, int flame_width_px, int max_rows)
{
	struct tree *t = &s->tree;
	uint32_t *scratch = xcalloc(t->cap, sizeof(*scratch));

	for (uint32_t i = 0; i < t->n; i++) {
		t->name[i] = dict_text(&s->impl->names, s->impl->name[i]);
		s->has_kind[t->kind[i]] |= t->total[i] > 0;
	}
	list_leaves(s);
	layout_totals(t, t->total, t->total);
	s->busiest = t->peak[0];
	s->full = full_width(s);
	allocate_arrangement(t);
	tree_arrange(t, s->full, flame_width_px, max_rows, scratch);
	for (uint32_t i = 0; i < t->n; i++)
		s->has_kind[t->kind[i]] |= t->shown[i];
	free(scratch);
}

static uint64_t value_of_one(const struct recording *rec)
{
	for (size_t i = 0; i < rec->n_snapshots; i++)
		if (rec->snapshot[i].account.taken > COUNT_MAX)
			return 1;
	return VALUE_ONE;
}

int scene_create(struct recording *rec, const struct render_options *opt, int flame_width_px,
		 int max_rows, struct scene **scene_ret)
{
	struct scene *s;
	int err;

	if (!rec->n_snapshots || !rec->total.taken)
		return -ENODATA;
	s = xcalloc(1, sizeof(*s));
	s->impl = xcalloc(1, sizeof(*s->impl));
	s->rec = rec;
	s->opt = *opt;
	s->tree.order = opt->order;
	s->tree.no_fold = opt->no_fold;
	s->knows_cpus = recording_knows_cpus(rec);
	s->is_off_cpu = s->knows_cpus && recording_is_off_cpu(&rec->meta);
	s->one = s->knows_cpus || opt->scale == SCALE_SHARE ? VALUE_ONE : value_of_one(rec);
	dict_init(&s->impl->names);
	tree_add(s, 0, dict_string(&s->impl->names, "all", 3), BOX_ROOT);
	timeline_plan(&s->timeline, rec->n_snapshots, interval(s), duration(s, 0, rec->n_snapshots),
		      opt);
	place_marks(s);
	s->strip = xcalloc(rec->n_snapshots, BOX_KINDS * sizeof(*s->strip));
	s->impl->kept = xcalloc(rec->n_snapshots, sizeof(*s->impl->kept));
	err = first_pass(s);
	if (err) {
		scene_destroy(s);
		return err;
	}
	arrange(s, flame_width_px, max_rows);
	s->changes = xcalloc(1, sizeof(*s->changes));
	err = changes_find(s->changes, s);
	if (err) {
		scene_destroy(s);
		return err;
	}
	*scene_ret = s;
	return 0;
}

void scene_destroy(struct scene *s)
{
	struct scene_impl *m;

	if (!s)
		return;
	m = s->impl;
	dict_deinit(&m->names);
	free(m->name);
	free(m->of_process);
	free(m->of_frame);
	index_deinit(&m->child_ix);
	index_deinit(&m->path_ix);
	free(m->path);
	snapshot_deinit(&m->snapshot);
	free(m->now.leaf);
	for (uint32_t i = 0; m->kept && i < s->timeline.n_snapshots; i++)
		free(m->kept[i].leaf);
	free(m->kept);
	free(m->count);
	free(m);
	free(s->tree.parent);
	free(s->tree.name);
	free(s->tree.kind);
	free(s->tree.total);
	free(s->tree.peak);
	free(s->tree.shown);
	free(s->tree.skips);
	free(s->tree.head);
	free(s->tree.tail);
	free(s->tree.row);
	free(s->tree.child);
	free(s->tree.first);
	free(s->tree.laid);
	free(s->strip);
	free(s->mark_at);
	if (s->changes)
		changes_deinit(s->changes);
	free(s->changes);
	free(s->leaf);
	free(s);
}

static int move_window(struct scene *s, uint32_t first, uint32_t end)
{
	struct scene_impl *m = s->impl;
	int err = 0;

	if (first < m->first || end < m->end || first > m->end) {
		memset(m->count, 0, s->tree.n * sizeof(*m->count));
		m->unnamed = 0;
		m->first = m->end = first;
	}
	for (; m->first < first && !err; m->first++) {
		err = load(s, m->first);
		if (!err)
			window_subtract(s, &m->now);
	}
	for (; m->end < end && !err; m->end++) {
		err = load(s, m->end);
		if (!err)
			window_add(s, &m->now);
	}
	return err;
}

int scene_state(struct scene *s, uint32_t last, struct state *st)
{
	uint64_t w;
	int err;

	timeline_window(&s->timeline, last, &st->first, &st->end);
	err = move_window(s, st->first, st->end);
	if (err)
		return err;
	st->t0_ns = s->rec->snapshot[st->first].t0_ns;
	st->t1_ns = s->rec->snapshot[st->end - 1].t1_ns;
	st->unnamed = s->impl->unnamed;
	st->account = (struct account){0};
	for (uint32_t i = st->first; i < st->end; i++)
		account_add(&st->account, &s->rec->snapshot[i].account);
	w = worth(s, duration(s, st->first, st->end), st->account.taken);
	for (uint32_t k = 0; k < s->n_leaves; k++)
		st->self[s->leaf[k]] = value(s->impl->count[s->leaf[k]], w);
	return 0;
}

int scene_leaves(struct scene *s, uint32_t i, const struct leaves **leaves_ret)
{
	*leaves_ret = &s->impl->now;
	return load(s, i);
}

uint64_t scene_worth(const struct scene *s, uint32_t first, uint32_t end, uint64_t samples)
{
	return worth(s, duration(s, first, end), samples);
}

uint64_t scene_value(uint64_t count, uint64_t worth)
{
	return value(count, worth);
}
