#include "render/core/tree.h"

#include <string.h>

#define FOLD_PERCENT 98

int tree_px(uint64_t value, uint64_t full, int width_px)
{
	if (value >= full)
		return width_px;
	if (full < UINT64_C(1) << 48)
		return (int)((value * (unsigned)width_px + full) / (2 * full)) * 2;
	return (int)(((__uint128_t)value * width_px + full) / (2 * (__uint128_t)full)) * 2;
}

static bool is_frame(const struct tree *t, uint32_t i)
{
	return t->kind[i] < FRAME_KINDS;
}

static bool folds(const struct tree *t, uint32_t i)
{
	uint32_t p = t->parent[i];

	return i && t->shown[i] && is_frame(t, i) && is_frame(t, p) && t->kind[i] == t->kind[p] &&
	       t->kind[i] != FRAME_MARK && t->total[i] >= t->total[p] / 100 * FOLD_PERCENT &&
	       t->total[i] * 100 >= t->total[p] * FOLD_PERCENT;
}

/* Two children of one parent cannot both have 98 % of it, but for a total of 0. */
static void fold_chains(struct tree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		t->head[i] = i;
		t->tail[i] = i;
		t->skips[i] = false;
	}
	for (uint32_t i = 1; i < t->n; i++) {
		uint32_t h = t->head[t->parent[i]];

		if (t->no_fold || !folds(t, i) || t->tail[h] != t->parent[i])
			continue;
		t->head[i] = h;
		t->tail[h] = i;
	}
}

static void set_rows(struct tree *t)
{
	t->n_rows = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t below = i ? t->head[t->parent[i]] : 0;

		if (!t->shown[i])
			continue;
		t->row[i] = i ? t->row[below] + (t->head[i] == i) : 0;
		if (t->head[i] != i)
			t->row[i] = t->row[t->head[i]];
		if (t->row[i] >= t->n_rows)
			t->n_rows = t->row[i] + 1;
	}
}

/* Rows that the subtree of each node takes, its own among them. */
static void measure(const struct tree *t, uint32_t *height)
{
	memset(height, 0, t->n * sizeof(*height));
	for (uint32_t i = t->n; i-- > 1;) {
		uint32_t p = t->parent[i];

		if (!t->shown[i])
			continue;
		height[i] += t->head[i] == i;
		if (height[i] > height[p])
			height[p] = height[i];
	}
}

/* Where a path is too deep, its frames nearest to the root move into the box below them. */
static void fold_depth(struct tree *t, uint32_t max_rows, uint32_t *height)
{
	measure(t, height);
	for (uint32_t i = 1; i < t->n; i++) {
		uint32_t p = t->parent[i], h = t->head[p];

		if (!t->shown[i])
			continue;
		if (t->head[i] != i) {
			t->head[i] = t->head[t->head[i]];
		} else if (is_frame(t, i) && is_frame(t, p) && height[i] > 1 &&
			   t->row[h] + 1u + height[i] > max_rows) {
			t->head[i] = h;
			t->skips[h] = true;
		}
		t->row[i] = t->row[t->head[i]];
		if (t->head[i] == i)
			t->row[i] = t->row[h] + 1;
	}
}

static bool before(const struct tree *t, uint32_t a, uint32_t b)
{
	int order = strcmp(t->name[a], t->name[b]);

	if (t->order == ORDER_WEIGHT && t->total[a] != t->total[b])
		return t->total[a] > t->total[b];
	if (order)
		return order < 0;
	return t->kind[a] != t->kind[b] ? t->kind[a] < t->kind[b] : a < b;
}

static void sift(const struct tree *t, uint32_t *v, uint32_t at, uint32_t n)
{
	for (uint32_t c; (c = 2 * at + 1) < n; at = c) {
		uint32_t moved = v[at];

		if (c + 1 < n && before(t, v[c], v[c + 1]))
			c++;
		if (!before(t, moved, v[c]))
			return;
		v[at] = v[c];
		v[c] = moved;
	}
}

static void sort_by_name(const struct tree *t, uint32_t *v, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(t, v, i, n);
	while (n > 1) {
		uint32_t last = v[--n];

		v[n] = v[0];
		v[0] = last;
		sift(t, v, 0, n);
	}
}

static void list_children(struct tree *t, uint32_t *fill)
{
	memset(t->first, 0, (t->n + 1) * sizeof(*t->first));
	for (uint32_t i = 1; i < t->n; i++)
		if (t->shown[i] && t->head[i] == i)
			t->first[t->head[t->parent[i]] + 1]++;
	for (uint32_t i = 0; i < t->n; i++) {
		t->first[i + 1] += t->first[i];
		fill[i] = t->first[i];
	}
	for (uint32_t i = 1; i < t->n; i++)
		if (t->shown[i] && t->head[i] == i)
			t->child[fill[t->head[t->parent[i]]]++] = i;
	for (uint32_t i = 0; i < t->n; i++)
		sort_by_name(t, t->child + t->first[i], t->first[i + 1] - t->first[i]);
}

/* Of the recording of tests/bench that is a tenth. */
static void list_laid(struct tree *t)
{
	t->n_laid = 0;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->shown[i] ? t->head[i] == i : t->shown[t->parent[i]])
			t->laid[t->n_laid++] = i;
}

void tree_arrange(struct tree *t, uint64_t full, int width_px, int max_rows, uint32_t *scratch)
{
	for (uint32_t i = 0; i < t->n; i++)
		t->shown[i] = !i || tree_px(t->peak[i], full, width_px) >= TREE_MIN_PX;
	fold_chains(t);
	set_rows(t);
	if (t->n_rows > max_rows) {
		fold_depth(t, max_rows, scratch);
		set_rows(t);
	}
	list_children(t, scratch);
	list_laid(t);
}
