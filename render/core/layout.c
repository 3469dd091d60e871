#include "render/core/layout.h"

#include <string.h>

void layout_totals(const struct tree *t, const uint64_t *self, uint64_t *total)
{
	if (total != self)
		memcpy(total, self, t->n * sizeof(*total));
	for (uint32_t i = t->n; i-- > 1;)
		total[t->parent[i]] += total[i];
}

/* What is hidden stands, added up, on the box of its innermost shown caller. */
static void collect_small(const struct tree *t, const uint64_t *total, uint64_t *small,
			  uint64_t *n_small)
{
	for (uint32_t k = 0; k < t->n_laid; k++) {
		uint32_t i = t->laid[k], head = t->head[t->parent[i]];

		if (t->shown[i]) {
			small[i] = n_small[i] = 0;
		} else if (total[i]) {
			small[head] += total[i];
			n_small[head]++;
		}
	}
}

uint32_t layout_boxes(const struct tree *t, const uint64_t *total, uint64_t full, int width_px,
		      uint64_t *scratch, struct box *box)
{
	uint64_t *small = scratch, *n_small = small + t->cap, *start = n_small + t->cap;
	uint32_t n = 0;

	collect_small(t, total, small, n_small);
	start[0] = 0;
	for (uint32_t k = 0; k < t->n_laid; k++) {
		uint32_t i = t->laid[k];
		uint64_t at;
		int x0, x1;

		if (!t->shown[i] || !total[i])
			continue;
		at = start[i];
		x0 = tree_px(at, full, width_px);
		x1 = tree_px(at + total[i], full, width_px);
		if (x1 > x0)
			box[n++] = (struct box){.node = i,
						.x0_px = x0,
						.x1_px = x1,
						.row = t->row[i],
						.kind = t->kind[i],
						.value = total[i]};
		for (uint32_t c = t->first[i]; c < t->first[i + 1]; c++) {
			start[t->child[c]] = at;
			at += total[t->child[c]];
		}
		x0 = tree_px(at, full, width_px);
		x1 = tree_px(at + small[i], full, width_px);
		if (x1 > x0)
			box[n++] = (struct box){.node = i,
						.x0_px = x0,
						.x1_px = x1,
						.row = t->row[i] + 1,
						.kind = BOX_SMALL,
						.value = small[i],
						.n_small = n_small[i]};
	}
	return n;
}

/* The names that share a box, outermost first. */
static size_t list_chain(const struct tree *t, uint32_t head, const char **chain)
{
	size_t n = 0;

	for (uint32_t i = t->tail[head];; i = t->parent[i]) {
		chain[n++] = t->name[i];
		if (i == head)
			break;
	}
	for (size_t i = 0; i < n / 2; i++) {
		const char *swap = chain[i];

		chain[i] = chain[n - 1 - i];
		chain[n - 1 - i] = swap;
	}
	if (t->skips[head])
		chain[n++] = "···";
	return n;
}

size_t layout_label(const struct tree *t, uint32_t head, const struct advances *adv, int size_px,
		    int room_px, const char **scratch, char *buf)
{
	/* The dots of a file name do not divide a path. */
	if (t->kind[head] >= FRAME_KINDS || t->kind[head] == FRAME_UNNAMED)
		return label_cut(adv, size_px, room_px, t->name[head], buf);
	return label_fit_chain(adv, size_px, room_px, scratch, list_chain(t, head, scratch), buf);
}
