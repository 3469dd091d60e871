#include "profile/snapshot.h"

#include <stdlib.h>

#include "base/xalloc.h"

const char *const loss_names[LOSSES] = {
    [LOSS_RING_FULL] = "ring_full",	  [LOSS_RING_BUSY] = "ring_busy",
    [LOSS_HASH_STORAGE] = "hash_storage", [LOSS_STACK_STORAGE] = "stack_storage",
    [LOSS_MISSING] = "missing",		  [LOSS_BACKLOG] = "backlog",
};

uint64_t account_lost(const struct account *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSSES; i++)
		sum += a->lost[i];
	return sum;
}

bool account_balanced(const struct account *a)
{
	return a->expected == a->taken + a->idle + a->filtered + account_lost(a) &&
	       a->taken == a->complete + a->truncated + a->kernel_only;
}

void account_add(struct account *sum, const struct account *a)
{
	sum->expected += a->expected;
	sum->taken += a->taken;
	sum->idle += a->idle;
	sum->filtered += a->filtered;
	for (int i = 0; i < LOSSES; i++)
		sum->lost[i] += a->lost[i];
	sum->complete += a->complete;
	sum->truncated += a->truncated;
	sum->kernel_only += a->kernel_only;
}

void snapshot_deinit(struct snapshot *s)
{
	free(s->entry);
	*s = (struct snapshot){0};
}

void snapshot_add(struct snapshot *s, uint32_t process, uint32_t node, uint64_t count)
{
	s->entry = xgrow(s->entry, &s->cap_entries, s->n_entries + 1, sizeof(*s->entry));
	s->entry[s->n_entries++] = (struct entry){.process = process, .node = node, .count = count};
}

static int by_key(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

void snapshot_sort(struct snapshot *s)
{
	size_t n = 0;

	if (!s->n_entries)
		return;
	qsort(s->entry, s->n_entries, sizeof(*s->entry), by_key);
	for (size_t i = 1; i < s->n_entries; i++) {
		if (by_key(&s->entry[n], &s->entry[i]))
			s->entry[++n] = s->entry[i];
		else
			s->entry[n].count += s->entry[i].count;
	}
	s->n_entries = n + 1;
}
