#include "capture/arena.h"
#include "tests/test.h"

#include <stdbool.h>

#define SEGMENT	     UNWIND_SEGMENT_WORDS
#define SEGMENTS_MAX 3
#define WORDS_MAX    (SEGMENTS_MAX * SEGMENT)
#define LIVE_MAX     256

static struct arena a;
static uint32_t asked, given; /* segments, by grow() */
static uint32_t memory[SEGMENTS_MAX][SEGMENT];
static uint8_t is_taken[WORDS_MAX];
static struct arena_extent live[LIVE_MAX];
static size_t n_live;
static uint64_t seed;

static uint32_t *grow(void *arg, uint32_t index)
{
	asked++;
	if (arg != &a || index != given || index >= SEGMENTS_MAX)
		return NULL;
	return memory[given++];
}

static void start(uint32_t max_segments)
{
	arena_deinit(&a);
	a = (struct arena){.grow = grow, .arg = &a, .max_segments = max_segments};
	asked = given = n_live = 0;
	memset(is_taken, 0, sizeof(is_taken));
	seed = 1;
}

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % n;
}

/* Nothing else has these words, and they lie in one segment that is there. */
static void take(uint32_t at, uint32_t n)
{
	CHECK(at / SEGMENT < given);
	CHECK_EQ((at + n - 1) / SEGMENT, at / SEGMENT);
	CHECK(arena_words(&a, at) == &memory[at / SEGMENT][at % SEGMENT]);
	for (uint32_t i = at; i < at + n; i++) {
		if (is_taken[i])
			TEST_FAIL("word %u was given twice", i);
		is_taken[i] = 1;
	}
}

static void give_back(uint32_t at, uint32_t n)
{
	arena_free(&a, at, n);
	memset(is_taken + at, 0, n);
}

/* The list of what is free is what the model says: the gaps, each as long as can be. */
static void compare(void)
{
	size_t n = 0, used = 0;

	for (uint32_t i = 0, end; i < given * SEGMENT; i = end) {
		for (end = i + 1;
		     end < given * SEGMENT && end % SEGMENT && is_taken[end] == is_taken[i];)
			end++;
		used += is_taken[i] ? end - i : 0;
		if (is_taken[i])
			continue;
		CHECK(n < a.n_free);
		CHECK(a.free[n].at == i && a.free[n].n == end - i);
		n++;
	}
	CHECK_EQ(a.n_free, n);
	CHECK_EQ(a.used_words, used);
	CHECK_EQ(a.n_segments, given);
}

/* Few are large, so that segments fill with holes. */
static uint32_t some_size(void)
{
	return 1 + below(below(4) ? 2000 : below(8) ? 40000 : SEGMENT);
}

static bool has_gap(uint32_t n)
{
	for (size_t i = 0; i < a.n_free; i++)
		if (a.free[i].n >= n)
			return true;
	return given < a.max_segments;
}

static void allocate(void)
{
	uint32_t n = some_size(), at;
	bool fits = has_gap(n);

	if (n_live == LIVE_MAX)
		return;
	at = arena_alloc(&a, n);
	CHECK_EQ(at != ARENA_NONE, fits);
	if (!fits)
		return;
	take(at, n);
	live[n_live++] = (struct arena_extent){at, n};
}

/* All of one, or a part of it at either end, as the caller likes. */
static void release(void)
{
	size_t i = below(n_live);
	struct arena_extent *e = &live[i];
	uint32_t n = below(3) ? e->n : 1 + below(e->n);

	if (below(2)) {
		give_back(e->at, n);
		e->at += n;
	} else {
		give_back(e->at + e->n - n, n);
	}
	e->n -= n;
	if (!e->n)
		*e = live[--n_live];
}

TEST(random_use_is_as_if_painted)
{
	start(SEGMENTS_MAX);
	for (int i = 0; i < 20000; i++) {
		/* Fill and drain by turns. */
		if (!n_live || below(10) < (i / 2000 % 2 ? 4u : 6u))
			allocate();
		else
			release();
		if (i % 50 == 0)
			compare();
	}
	CHECK_EQ(given, SEGMENTS_MAX);
	while (n_live)
		release();
	compare();
	CHECK_EQ(a.used_words, 0);
	CHECK_EQ(a.n_free, SEGMENTS_MAX);
}

TEST(a_segment_is_all_there_is_of_it)
{
	uint32_t at;

	start(2);
	CHECK_EQ(arena_alloc(&a, 0), ARENA_NONE);
	CHECK_EQ(arena_alloc(&a, SEGMENT + 1), ARENA_NONE);
	CHECK_EQ(asked, 0);
	at = arena_alloc(&a, SEGMENT);
	CHECK_EQ(at, 0);
	CHECK_EQ(a.n_free, 0);
	CHECK_EQ(arena_alloc(&a, SEGMENT), SEGMENT);
	CHECK_EQ(arena_alloc(&a, 1), ARENA_NONE);
	/* Neighbours of two segments do not become one. */
	arena_free(&a, at, SEGMENT);
	arena_free(&a, SEGMENT, SEGMENT);
	CHECK_EQ(a.n_free, 2);
	CHECK_EQ(arena_alloc(&a, SEGMENT), 0);
}

TEST(no_more_segments_than_were_allowed)
{
	start(1);
	CHECK_EQ(arena_alloc(&a, SEGMENT / 2 + 1), 0);
	CHECK_EQ(arena_alloc(&a, SEGMENT / 2 + 1), ARENA_NONE);
	CHECK_EQ(asked, 1);
	CHECK_EQ(arena_alloc(&a, SEGMENT / 2 - 1), SEGMENT / 2 + 1);
	start(0);
	CHECK_EQ(arena_alloc(&a, 1), ARENA_NONE);
	CHECK_EQ(asked, 0);
}

TEST(no_memory_is_no_room)
{
	start(UNWIND_SEGMENTS);
	for (uint32_t i = 0; i < SEGMENTS_MAX; i++)
		CHECK_EQ(arena_alloc(&a, SEGMENT), i * SEGMENT);
	CHECK_EQ(arena_alloc(&a, 1), ARENA_NONE);
	CHECK_EQ(a.n_segments, SEGMENTS_MAX);
	CHECK_EQ(a.used_words, WORDS_MAX);
	arena_free(&a, SEGMENT + 5, 1);
	CHECK_EQ(arena_alloc(&a, 1), SEGMENT + 5);
	arena_deinit(&a);
}

TEST_MAIN()
