#include "capture/rulebook.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void rulebook_init(struct rulebook *b, struct unwind_rule *memory)
{
	*b = (struct rulebook){.rule = memory, .n = 1, .hand = 1, .seed = hash_seed()};
	b->users = xcalloc(UNWIND_RULES_MAX, sizeof(*b->users));
}

void rulebook_deinit(struct rulebook *b)
{
	free(b->users);
	index_deinit(&b->ix);
}

static uint64_t hash_rule(const struct rulebook *b, const struct unwind_rule *rule)
{
	return hash_bytes(rule, sizeof(*rule), b->seed);
}

/* What a place held before is found by nobody, but takes room in the index. */
static void tidy(struct rulebook *b)
{
	if (b->ix.n < 2 * UNWIND_RULES_MAX)
		return;
	index_clear(&b->ix);
	for (uint32_t i = 1; i < b->n; i++)
		index_add(&b->ix, hash_rule(b, &b->rule[i]), i);
}

/* A place that nobody uses; 0: there is none. */
static uint32_t find_place(struct rulebook *b)
{
	if (b->n < UNWIND_RULES_MAX)
		return b->n++;
	if (b->n_used == UNWIND_RULES_MAX - 1)
		return 0;
	while (b->users[b->hand])
		b->hand = b->hand + 1 < UNWIND_RULES_MAX ? b->hand + 1 : 1;
	return b->hand;
}

static uint32_t use(struct rulebook *b, uint32_t number)
{
	b->n_used += !b->users[number]++;
	return number;
}

uint32_t rulebook_take(struct rulebook *b, const struct unwind_rule *rule)
{
	uint64_t hash = hash_rule(b, rule);
	uint32_t number;

	for (uint32_t it = 0, id; index_next(&b->ix, hash, &it, &id);)
		if (!memcmp(&b->rule[id], rule, sizeof(*rule)))
			return use(b, id);
	number = find_place(b);
	if (!number)
		return 0;
	b->rule[number] = *rule;
	tidy(b);
	index_add(&b->ix, hash, number);
	return use(b, number);
}

void rulebook_release(struct rulebook *b, const uint32_t *number, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (number[i])
			b->n_used -= !--b->users[number[i]];
}
