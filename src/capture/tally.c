#include "capture/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void tally_init(struct tally *t, const struct tally_limits *limits, uint64_t seed)
{
	*t = (struct tally){.seed = seed, .limits = *limits};
}

static void forget_raw(struct tally *t)
{
	t->n_raw = t->n_raw_bytes = 0;
	index_clear(&t->raw_ix);
}

void tally_clear(struct tally *t)
{
	t->records = t->ended_ns = t->taken = t->filtered = t->lost_pairs = t->lost_stacks = 0;
	t->n_pairs = t->n_stacks = t->n_bytes = 0;
	index_clear(&t->pair_ix);
	index_clear(&t->stack_ix);
	forget_raw(t);
}

void tally_deinit(struct tally *t)
{
	free(t->pair);
	free(t->stack);
	free(t->raw);
	free(t->bytes);
	free(t->raw_bytes);
	index_deinit(&t->pair_ix);
	index_deinit(&t->stack_ix);
	index_deinit(&t->raw_ix);
	*t = (struct tally){0};
}

/* Everything of a raw key but its addresses. */
struct raw_head {
	uint32_t process, generation, flags;
	uint16_t n_kernel, n_user;
};

static struct raw_head head_of(const struct tally_raw *raw)
{
	return (struct raw_head){.process = raw->process,
				 .generation = raw->generation,
				 .flags = raw->flags,
				 .n_kernel = raw->n_kernel,
				 .n_user = raw->n_user};
}

static size_t address_bytes(const struct tally_raw *raw)
{
	return sizeof(uint64_t) * ((size_t)raw->n_kernel + raw->n_user);
}

static uint64_t hash_raw(const struct tally *t, const struct raw_head *h,
			 const struct tally_raw *raw)
{
	return hash_bytes(raw->address, address_bytes(raw), hash_bytes(h, sizeof(*h), t->seed));
}

void tally_record(struct tally *t)
{
	t->records++;
}

void tally_filter(struct tally *t, uint64_t count)
{
	t->filtered += count;
}

bool tally_again(struct tally *t, const struct tally_raw *raw, uint64_t count)
{
	struct raw_head h = head_of(raw);
	size_t size = address_bytes(raw);

	if (raw->copy)
		return false;
	for (uint32_t it = 0, id; index_next(&t->raw_ix, hash_raw(t, &h, raw), &it, &id);) {
		const struct tally_bytes *b = &t->raw[id];
		const uint8_t *p = t->raw_bytes + b->at;

		if (b->size != sizeof(h) + size || memcmp(p, &h, sizeof(h)) ||
		    memcmp(p + sizeof(h), raw->address, size))
			continue;
		t->pair[b->pair].count += count;
		t->taken += count;
		return true;
	}
	return false;
}

static void remember_raw(struct tally *t, const struct tally_raw *raw, uint32_t pair)
{
	struct raw_head h = head_of(raw);
	size_t size = sizeof(h) + address_bytes(raw);

	/* It is a cache: where mappings change all the time, its entries outnumber the pairs. */
	if (t->n_raw >= 2 * (size_t)t->limits.pairs)
		forget_raw(t);
	t->raw_bytes = xgrow(t->raw_bytes, &t->cap_raw_bytes, t->n_raw_bytes + size, 1);
	memcpy(t->raw_bytes + t->n_raw_bytes, &h, sizeof(h));
	memcpy(t->raw_bytes + t->n_raw_bytes + sizeof(h), raw->address, size - sizeof(h));
	t->raw = xgrow(t->raw, &t->cap_raw, t->n_raw + 1, sizeof(*t->raw));
	t->raw[t->n_raw] = (struct tally_bytes){.at = t->n_raw_bytes, .size = size, .pair = pair};
	index_add(&t->raw_ix, hash_raw(t, &h, raw), t->n_raw++);
	t->n_raw_bytes += size;
}

size_t tally_write_stack(const struct tally_stack *s, uint32_t process, uint64_t count,
			 uint8_t *out)
{
	struct wire_stack head = {.process = process,
				  .copy = s->copy,
				  .flags = s->flags,
				  .end = s->end,
				  .state = s->state,
				  .n_kernel = s->n_kernel,
				  .n_user = s->n_user,
				  .count = count};
	size_t kernel = s->n_kernel * sizeof(*s->kernel), user = s->n_user * sizeof(*s->user);

	memcpy(out, &head, sizeof(head));
	if (kernel)
		memcpy(out + sizeof(head), s->kernel, kernel);
	if (user)
		memcpy(out + sizeof(head) + kernel, s->user, user);
	return sizeof(head) + kernel + user;
}

/* The stack's bytes behind those of the stacks, where they stay if it is new. */
static size_t put_stack(struct tally *t, const struct tally_stack *s)
{
	size_t size = sizeof(struct wire_stack) + s->n_kernel * sizeof(*s->kernel) +
		      s->n_user * sizeof(*s->user);

	t->bytes = xgrow(t->bytes, &t->cap_bytes, t->n_bytes + size, 1);
	return tally_write_stack(s, 0, 0, t->bytes + t->n_bytes);
}

/* The stack's id, which is n_stacks where it is new. */
static uint32_t find_stack(const struct tally *t, size_t size, uint64_t hash)
{
	for (uint32_t it = 0, id; index_next(&t->stack_ix, hash, &it, &id);)
		if (t->stack[id].size == size &&
		    !memcmp(t->bytes + t->stack[id].at, t->bytes + t->n_bytes, size))
			return id;
	return t->n_stacks;
}

static uint32_t find_pair(const struct tally *t, uint32_t process, uint32_t stack, uint64_t hash)
{
	for (uint32_t it = 0, id; index_next(&t->pair_ix, hash, &it, &id);)
		if (t->pair[id].process == process && t->pair[id].stack == stack)
			return id;
	return t->n_pairs;
}

void tally_add(struct tally *t, const struct tally_raw *raw, const struct tally_stack *s,
	       uint64_t count)
{
	size_t size = put_stack(t, s);
	uint64_t hash = hash_bytes(t->bytes + t->n_bytes, size, t->seed), pair_hash;
	uint32_t stack = find_stack(t, size, hash), pair;

	pair_hash = hash_u64((uint64_t)raw->process << 32 | stack, t->seed);
	pair = stack < t->n_stacks ? find_pair(t, raw->process, stack, pair_hash) : t->n_pairs;
	if (stack == t->n_stacks && t->n_stacks >= t->limits.stacks) {
		t->lost_stacks += count;
		return;
	}
	if (pair == t->n_pairs && t->n_pairs >= t->limits.pairs) {
		t->lost_pairs += count;
		return;
	}
	if (stack == t->n_stacks) {
		t->stack = xgrow(t->stack, &t->cap_stacks, t->n_stacks + 1, sizeof(*t->stack));
		t->stack[t->n_stacks++] = (struct tally_bytes){.at = t->n_bytes, .size = size};
		t->n_bytes += size;
		index_add(&t->stack_ix, hash, stack);
	}
	if (pair == t->n_pairs) {
		t->pair = xgrow(t->pair, &t->cap_pairs, t->n_pairs + 1, sizeof(*t->pair));
		t->pair[t->n_pairs++] =
		    (struct tally_pair){.process = raw->process, .stack = stack};
		index_add(&t->pair_ix, pair_hash, pair);
	}
	t->pair[pair].count += count;
	t->taken += count;
	if (!raw->copy)
		remember_raw(t, raw, pair);
}

size_t tally_write(const struct tally *t, size_t i, uint8_t *out)
{
	const struct tally_pair *pair = &t->pair[i];
	const struct tally_bytes *b = &t->stack[pair->stack];
	struct wire_stack head;

	memcpy(out, t->bytes + b->at, b->size);
	memcpy(&head, out, sizeof(head));
	head.process = pair->process;
	head.count = pair->count;
	memcpy(out, &head, sizeof(head));
	return b->size;
}
