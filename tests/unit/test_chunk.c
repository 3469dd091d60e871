#include <errno.h>

#include "base/varint.h"
#include "store/chunk.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#include <zstd.h>

static bool same(const struct snapshot *a, const struct snapshot *b)
{
	if (a->n_entries != b->n_entries)
		return false;
	for (size_t i = 0; i < a->n_entries; i++)
		if (a->entry[i].process != b->entry[i].process ||
		    a->entry[i].node != b->entry[i].node || a->entry[i].count != b->entry[i].count)
			return false;
	return true;
}

/* A snapshot of any shape: few or many entries, processes, nodes, small and huge counts. */
static void fill(struct snapshot *s, uint64_t *state, uint32_t n_processes, uint32_t n_nodes)
{
	size_t n = synthetic_random(state) % (UINT64_C(1) << synthetic_random(state) % 12);

	s->n_entries = 0;
	for (size_t i = 0; i < n; i++)
		snapshot_add(s, synthetic_random(state) % n_processes,
			     synthetic_random(state) % n_nodes,
			     1 + (synthetic_random(state) >> (8 + synthetic_random(state) % 56)) /
				     4096);
	snapshot_sort(s);
}

TEST(any_snapshot_comes_back)
{
	struct chunk_coder *c = chunk_coder_create();
	struct chunk_stacks st = {0};
	struct snapshot s = {0}, back = {0};
	uint64_t state = 42;

	for (int i = 0; i < 2000; i++) {
		const void *blob;
		size_t size;

		/* Of all ids too, but rarely: the table of numbers has a place for each node. */
		fill(&s, &state, i % 3 ? UINT32_MAX : 20, i % 100 ? 5000 : 1000000);
		chunk_stacks_number(&st, &s);
		CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), 0);
		CHECK_EQ(chunk_decode(c, &st, blob, size, st.n, UINT32_MAX, &back), 0);
		CHECK(same(&s, &back));
	}
	chunk_coder_destroy(c);
	chunk_stacks_deinit(&st);
	snapshot_deinit(&s);
	snapshot_deinit(&back);
}

TEST(unsorted_or_empty_counts_are_refused)
{
	struct chunk_coder *c = chunk_coder_create();
	struct chunk_stacks st = {0};
	struct snapshot s = {0};
	const void *blob;
	size_t size;

	snapshot_add(&s, 1, 2, 3);
	snapshot_add(&s, 1, 1, 3);
	chunk_stacks_number(&st, &s);
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), -EINVAL);
	snapshot_sort(&s);
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), 0);
	s.entry[1].node = 1;
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), -EINVAL);
	s.entry[1].node = 2;
	s.entry[1].count = 0;
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), -EINVAL);
	chunk_coder_destroy(c);
	chunk_stacks_deinit(&st);
	snapshot_deinit(&s);
}

TEST(ids_beyond_their_tables_are_refused)
{
	struct chunk_coder *c = chunk_coder_create();
	struct chunk_stacks st = {0};
	struct snapshot s = {0};
	const void *blob;
	size_t size;

	snapshot_add(&s, 3, 7, 1);
	snapshot_add(&s, 4, 8, 1);
	chunk_stacks_number(&st, &s);
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), 0);
	CHECK_EQ(chunk_decode(c, &st, blob, size, 2, 5, &s), 0);
	CHECK_EQ(s.n_entries, 2);
	CHECK_EQ(chunk_decode(c, &st, blob, size, 1, 5, &s), -EBADMSG);
	CHECK_EQ(chunk_decode(c, &st, blob, size, 2, 4, &s), -EBADMSG);
	CHECK_EQ(s.n_entries, 0);
	chunk_coder_destroy(c);
	chunk_stacks_deinit(&st);
	snapshot_deinit(&s);
}

/* Numbers as they stand in a chunk, packed and with the right CRC. */
static int decode_numbers(const uint64_t *v, size_t n, struct snapshot *s)
{
	struct chunk_coder *c = chunk_coder_create();
	struct chunk_stacks st = {0};
	uint8_t content[256], blob[512];
	size_t len = 0, size;
	uint32_t crc;
	int err;

	for (size_t i = 0; i < n; i++)
		len += varint_put(content + len, v[i]);
	for (int i = 0; i < 10; i++)
		chunk_stacks_add(&st, 100 + i, i);
	size = ZSTD_compress(blob + 4, sizeof(blob) - 4, content, len, 3);
	crc = chunk_crc(0, blob + 4, size);
	memcpy(blob, &crc, 4);
	err = chunk_decode(c, &st, blob, size + 4, 10, 10, s);
	chunk_coder_destroy(c);
	chunk_stacks_deinit(&st);
	return err;
}

#define DECODE(...)                                                                                \
	decode_numbers((const uint64_t[]){__VA_ARGS__},                                            \
		       sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), &s)

TEST(content_is_checked)
{
	struct snapshot s = {0};

	/* two entries: stacks 3 and 4, own process, then one above the one before; counts 5, 6 */
	CHECK_EQ(DECODE(2, 3, 1, 0, 1 + 2, 5, 6), 0);
	CHECK(s.entry[0].process == 3 && s.entry[0].node == 103 && s.entry[0].count == 5);
	CHECK(s.entry[1].process == 4 && s.entry[1].node == 104 && s.entry[1].count == 6);
	CHECK_EQ(DECODE(0), 0);
	CHECK_EQ(DECODE(2, 3, 0, 0, 1 + 2, 5, 6), 0);	     /* one stack of two processes */
	CHECK_EQ(DECODE(2, 3, 0, 0, 0, 5, 6), -EBADMSG);     /* of one process twice */
	CHECK_EQ(DECODE(2, 3, 0, 0, 1 + 1, 5, 6), -EBADMSG); /* processes falling */
	CHECK_EQ(DECODE(2, 3, 7, 0, 0, 5, 6), -EBADMSG);     /* stack 10 */
	CHECK_EQ(DECODE(1, 0, 1 + 1, 5), -EBADMSG);	     /* process -1 */
	CHECK_EQ(DECODE(1, 0, 1 + 20, 5), -EBADMSG);	     /* process 10 */
	CHECK_EQ(DECODE(1, 0, UINT64_MAX, 5), -EBADMSG);     /* process beyond 64 bits */
	CHECK_EQ(DECODE(2, UINT64_MAX, 2, 0, 0, 1, 1), -EBADMSG);
	CHECK_EQ(DECODE(2, 3, 1, 0, 0, 5, 0), -EBADMSG);    /* a count of 0 */
	CHECK_EQ(DECODE(2, 3, 1, 0, 0, 5), -EBADMSG);	    /* one missing */
	CHECK_EQ(DECODE(2, 3, 1, 0, 0, 5, 6, 7), -EBADMSG); /* one too many */
	CHECK_EQ(DECODE(UINT64_MAX, 3, 1, 0, 0, 5, 6), -EBADMSG);
	CHECK_EQ(DECODE(2, 3, 1, 0, 0, UINT64_MAX, 1), -EBADMSG); /* the sum overflows */
	snapshot_deinit(&s);
}

TEST(every_flipped_bit_is_noticed)
{
	struct chunk_coder *c = chunk_coder_create();
	struct chunk_stacks st = {0};
	struct snapshot s = {0}, back = {0};
	uint64_t state = 7;
	const void *blob;
	uint8_t *copy;
	size_t size;

	while (s.n_entries < 50)
		fill(&s, &state, 10, 1000);
	chunk_stacks_number(&st, &s);
	CHECK_EQ(chunk_encode(c, &st, &s, &blob, &size), 0);
	copy = xmemdup(blob, size);
	for (size_t bit = 0; bit < size * 8; bit++) {
		copy[bit / 8] ^= 1 << bit % 8;
		CHECK_EQ(chunk_decode(c, &st, copy, size, st.n, 10, &back), -EBADMSG);
		copy[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t n = 0; n < size; n++)
		CHECK_EQ(chunk_decode(c, &st, copy, n, st.n, 10, &back), -EBADMSG);
	CHECK_EQ(chunk_decode(c, &st, copy, size, st.n, 10, &back), 0);
	CHECK(same(&s, &back));
	free(copy);
	chunk_coder_destroy(c);
	chunk_stacks_deinit(&st);
	snapshot_deinit(&s);
	snapshot_deinit(&back);
}

TEST(a_bomb_does_not_go_off)
{
	struct chunk_coder *c = chunk_coder_create();
	struct snapshot s = {0};
	size_t n = CHUNK_MAX_BYTES + 1, cap = ZSTD_compressBound(n), size;
	uint8_t *zeros = xcalloc(1, n), *blob = xmalloc(cap + 4);
	uint32_t crc;

	size = ZSTD_compress(blob + 4, cap, zeros, n, 1);
	crc = chunk_crc(0, blob + 4, size);
	memcpy(blob, &crc, 4);
	CHECK(size < 100000);
	CHECK_EQ(chunk_decode(c, &(struct chunk_stacks){0}, blob, size + 4, 0, 0, &s), -EBADMSG);
	free(zeros);
	free(blob);
	chunk_coder_destroy(c);
	snapshot_deinit(&s);
}

TEST_MAIN()
