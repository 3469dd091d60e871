#include "capture/blocks.h"

#include <stdlib.h>

#include "base/xalloc.h"

/* Copied stacks that wait with their blocks; beyond it, blocks go without. */
#define COPY_BYTES_MAX (16u << 20)
/* As many intervals may be held open, of the CUTTER_OPEN_MAX there are. */
#define HOLD_INTERVALS 200

void blocks_init(struct blocks *b, const struct cutter *cutter, uint64_t min_ns, uint64_t max_ns,
		 blocks_fn *fn, void *arg)
{
	*b = (struct blocks){
	    .cutter = cutter, .min_ns = min_ns, .max_ns = max_ns, .fn = fn, .arg = arg};
}

/* --- stacks --- */

static size_t copy_size(const struct sampler_copy *c)
{
	return c ? sizeof(*c) + c->n_bytes : 0;
}

/* In one piece of memory, but for the copied stack. */
static struct block_stack *keep_stack(struct blocks *b, const struct block_stack *s)
{
	size_t addresses = (size_t)s->raw.n_kernel + s->raw.n_user;
	struct block_stack *k = xmalloc(sizeof(*k) + addresses * sizeof(uint64_t) +
					s->stack.n_user * sizeof(struct wire_frame));
	uint64_t *address = (uint64_t *)(k + 1);
	struct wire_frame *frame = (struct wire_frame *)(address + addresses);

	*k = *s;
	if (addresses)
		memcpy(address, s->raw.address, addresses * sizeof(*address));
	if (s->stack.n_user)
		memcpy(frame, s->stack.user, s->stack.n_user * sizeof(*frame));
	k->raw.address = k->stack.kernel = address;
	k->stack.user = frame;
	k->copy = NULL;
	if (s->copy && b->copy_bytes + copy_size(s->copy) <= COPY_BYTES_MAX) {
		k->copy = xmemdup(s->copy, copy_size(s->copy));
		b->copy_bytes += copy_size(s->copy);
	}
	return k;
}

static void free_stack(struct blocks *b, struct block_stack *s)
{
	if (!s)
		return;
	b->copy_bytes -= copy_size(s->copy);
	free((void *)s->copy);
	free(s);
}

void blocks_deinit(struct blocks *b)
{
	for (size_t i = 0; i < b->n_threads; i++)
		free_stack(b, b->thread[i].stack);
	free(b->thread);
	index_deinit(&b->ix);
	*b = (struct blocks){0};
}

/* --- threads --- */

/* Ids are the kernel's, and nobody can choose them. */
static uint64_t hash_id(uint32_t id)
{
	return hash_u64(id, 0);
}

static size_t find_thread(struct blocks *b, uint32_t id)
{
	for (uint32_t it = 0, i; index_next(&b->ix, hash_id(id), &it, &i);)
		if (b->thread[i].id == id)
			return i;
	b->thread = xgrow(b->thread, &b->cap_threads, b->n_threads + 1, sizeof(*b->thread));
	b->thread[b->n_threads] = (struct block_thread){.id = id};
	index_add(&b->ix, hash_id(id), b->n_threads);
	return b->n_threads++;
}

void blocks_sweep(struct blocks *b, uint64_t before_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n_threads; i++)
		if (b->thread[i].stack || b->thread[i].touched_ns >= before_ns)
			b->thread[kept++] = b->thread[i];
	if (kept == b->n_threads)
		return;
	b->n_threads = kept;
	index_clear(&b->ix);
	for (size_t i = 0; i < kept; i++)
		index_add(&b->ix, hash_id(b->thread[i].id), i);
}

/* --- time --- */

/* Tells of time that belongs to the interval at t_ns. */
static void tell(struct blocks *b, size_t i, const struct block_stack *s, bool filtered,
		 uint64_t t_ns, uint64_t ns)
{
	uint64_t sum = b->thread[i].left_ns + ns, unit = b->cutter->unit_ns;

	b->thread[i].left_ns = sum % unit;
	if (sum >= unit)
		b->fn(b->arg, s, filtered, t_ns, sum / unit);
}

/* Tells of [from, to) interval by interval, from the oldest that is open. */
static void spread(struct blocks *b, size_t i, const struct block_stack *s, uint64_t from,
		   uint64_t to)
{
	const struct cutter *c = b->cutter;
	uint64_t open = cutter_open_ns(c), at = from < open ? open : from;

	if (from < open)
		b->moved_ns += (to < open ? to : open) - from;
	while (from < to) {
		uint64_t k = (at - c->start_ns) / c->interval_ns + 1;
		uint64_t end = c->start_ns + k * c->interval_ns;

		if (end > to)
			end = to;
		tell(b, i, s, false, at, end - from);
		from = at = end;
	}
}

static bool is_filtered(const struct blocks *b, uint64_t ns)
{
	return ns < b->min_ns || (b->max_ns && ns > b->max_ns);
}

static void finish(struct blocks *b, size_t i, const struct block_stack *s, uint64_t out_ns,
		   uint64_t from_ns, uint64_t in_ns)
{
	uint64_t open = cutter_open_ns(b->cutter);

	if (is_filtered(b, in_ns - out_ns)) {
		tell(b, i, s, true, in_ns < open ? open : in_ns, in_ns - from_ns);
		return;
	}
	spread(b, i, s, from_ns, in_ns);
	if (b->over)
		b->over(b->arg, s, in_ns, in_ns - out_ns);
}

void blocks_begin(struct blocks *b, uint32_t thread, uint64_t out_ns, const struct block_stack *s)
{
	size_t i = find_thread(b, thread);
	struct block_thread *t = &b->thread[i];

	if (t->stack) {
		b->unended++;
		free_stack(b, t->stack);
	}
	t->stack = keep_stack(b, s);
	t->out_ns = t->from_ns = t->touched_ns = out_ns;
}

void blocks_end(struct blocks *b, uint32_t thread, uint64_t out_ns, uint64_t in_ns)
{
	size_t i = find_thread(b, thread);
	struct block_thread *t = &b->thread[i];
	struct block_stack *s = t->stack;

	t->touched_ns = in_ns;
	if (!s || t->out_ns != out_ns || in_ns < out_ns)
		return;
	t->stack = NULL;
	if (in_ns > t->from_ns)
		finish(b, i, s, out_ns, t->from_ns, in_ns);
	free_stack(b, s);
}

void blocks_whole(struct blocks *b, uint32_t thread, uint64_t out_ns, uint64_t in_ns,
		  const struct block_stack *s)
{
	size_t i = find_thread(b, thread);

	b->thread[i].touched_ns = in_ns;
	if (in_ns > out_ns)
		finish(b, i, s, out_ns, out_ns, in_ns);
}

void blocks_close(struct blocks *b, uint64_t seen_ns)
{
	uint64_t end = cutter_open_end_ns(b->cutter);
	bool last = end == b->cutter->stop_ns;

	if (seen_ns < end)
		seen_ns = end;
	if (seen_ns > b->cutter->stop_ns)
		seen_ns = b->cutter->stop_ns;
	for (size_t i = 0; i < b->n_threads; i++) {
		struct block_thread *t = &b->thread[i];
		uint64_t from = t->from_ns;

		if (!t->stack || from >= end)
			continue;
		/* Whether it counts is not known yet; when the recording ends, it never will be. */
		if (!last && (b->max_ns || is_filtered(b, seen_ns - t->out_ns)))
			continue;
		t->from_ns = end;
		if (is_filtered(b, end - t->out_ns) && last)
			tell(b, i, t->stack, true, cutter_open_ns(b->cutter), end - from);
		else
			spread(b, i, t->stack, from, end);
	}
}

uint64_t blocks_hold_ns(const struct blocks *b)
{
	uint64_t hold = b->max_ns > b->min_ns ? b->max_ns : b->min_ns;
	uint64_t most = HOLD_INTERVALS * b->cutter->interval_ns;

	return hold < most ? hold : most;
}
