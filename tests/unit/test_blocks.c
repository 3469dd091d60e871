#include "capture/blocks.h"
#include "tests/test.h"

#define MS 1000000ull
#define T0 (1000 * MS) /* when it starts; an interval has 100 ms */

static struct cutter c;
static struct blocks b;
static uint64_t taken[16], filtered[16], late; /* units, by interval */
static size_t n_calls, n_frames;

static void add(void *unused, const struct block_stack *s, bool is_filtered, uint64_t t_ns,
		uint64_t count)
{
	uint64_t k = (t_ns - T0) / (100 * MS);

	(void)unused;
	n_calls++;
	n_frames = s->stack.n_user;
	late += t_ns < cutter_open_ns(&c);
	if (k < 16)
		(is_filtered || s->filtered ? filtered : taken)[k] += count;
}

static void start(uint64_t min_ns, uint64_t max_ns)
{
	struct tally_limits limits = {.pairs = 10, .stacks = 10};

	blocks_deinit(&b);
	cutter_deinit(&c);
	cutter_init(&c, T0, 100 * MS, &limits);
	c.unit_ns = 1000;
	blocks_init(&b, &c, min_ns, max_ns, add, NULL);
	memset(taken, 0, sizeof(taken));
	memset(filtered, 0, sizeof(filtered));
	n_calls = late = 0;
}

static const struct block_stack stack;

static void close_one(uint64_t seen_ns)
{
	struct sampler_counters none = {0};
	struct cutter_snapshot s;

	blocks_close(&b, seen_ns);
	cutter_close(&c, &none, 0, 0, true, &s);
	cutter_done(&c, &s);
}

static uint64_t sum(const uint64_t *of)
{
	uint64_t n = 0;

	for (int i = 0; i < 16; i++)
		n += of[i];
	return n;
}

TEST(a_block_gives_each_interval_its_part)
{
	start(0, 0);
	blocks_whole(&b, 7, T0 + 50 * MS, T0 + 230 * MS, &stack);
	CHECK(taken[0] == 50000 && taken[1] == 100000 && taken[2] == 30000);
	/* It ends where an interval does. */
	blocks_whole(&b, 8, T0 + 100 * MS, T0 + 200 * MS, &stack);
	CHECK(taken[1] == 200000 && taken[2] == 30000);
	CHECK_EQ(n_calls, 4);
	CHECK_EQ(b.moved_ns, 0);
}

static uint64_t over_ns, n_over;

static void take_over(void *unused, const struct block_stack *s, uint64_t in_ns, uint64_t ns)
{
	(void)unused;
	CHECK(s->pid == 12 && in_ns == T0 + 430 * MS);
	over_ns += ns;
	n_over++;
}

TEST(what_is_over_is_told_once_and_whole)
{
	const struct block_stack s = {.pid = 12};

	start(10 * MS, 0);
	b.over = take_over;
	over_ns = n_over = 0;
	blocks_begin(&b, 7, T0 + 50 * MS, &s);
	close_one(T0 + 150 * MS);
	CHECK_EQ(n_over, 0);
	blocks_end(&b, 7, T0 + 50 * MS, T0 + 430 * MS);
	CHECK(n_over == 1 && over_ns == 380 * MS);
	blocks_whole(&b, 8, T0 + 410 * MS, T0 + 430 * MS, &s);
	CHECK(n_over == 2 && over_ns == 400 * MS);
	blocks_whole(&b, 9, T0 + 425 * MS, T0 + 430 * MS, &s);
	CHECK_EQ(n_over, 2);
}

TEST(it_shows_while_it_lasts)
{
	start(0, 0);
	blocks_begin(&b, 7, T0 + 50 * MS, &stack);
	for (int k = 0; k < 5; k++) {
		close_one(T0 + (k + 1) * 100 * MS);
		CHECK_EQ(taken[k], k ? 100000 : 50000);
	}
	blocks_end(&b, 7, T0 + 50 * MS, T0 + 520 * MS);
	CHECK_EQ(taken[5], 20000);
	/* It is over. */
	close_one(T0 + 600 * MS);
	close_one(T0 + 700 * MS);
	CHECK_EQ(sum(taken), 470000);
	CHECK(!late && !b.moved_ns);
}

TEST(nothing_drifts_below_a_unit)
{
	start(0, 0);
	/* 1000 blocks of 1.6 us, and as many of another thread of 0.4. */
	for (uint64_t i = 0; i < 1000; i++) {
		blocks_whole(&b, 1, T0 + i * 10000, T0 + i * 10000 + 1600, &stack);
		blocks_whole(&b, 2, T0 + i * 10000, T0 + i * 10000 + 400, &stack);
	}
	CHECK_EQ(sum(taken), 2000);
	/* Across the end of an interval. */
	start(0, 0);
	blocks_begin(&b, 1, T0 + 100 * MS - 500, &stack);
	close_one(T0 + 100 * MS);
	CHECK_EQ(sum(taken), 0);
	blocks_end(&b, 1, T0 + 100 * MS - 500, T0 + 100 * MS + 600);
	CHECK_EQ(taken[1], 1);
}

TEST(what_comes_late_goes_to_the_oldest_that_is_open)
{
	start(0, 0);
	close_one(T0 + 100 * MS);
	close_one(T0 + 200 * MS);
	blocks_whole(&b, 7, T0 + 50 * MS, T0 + 230 * MS, &stack);
	CHECK(!late && taken[2] == 180000);
	CHECK_EQ(b.moved_ns, 150 * MS);
	/* All of it. */
	blocks_whole(&b, 8, T0 + 50 * MS, T0 + 60 * MS, &stack);
	CHECK(!late && taken[2] == 190000);
	CHECK_EQ(b.moved_ns, 160 * MS);
}

TEST(too_short_and_too_long)
{
	start(10 * MS, 200 * MS);
	blocks_whole(&b, 1, T0, T0 + 10 * MS - 1, &stack);
	CHECK(filtered[0] == 9999 && !sum(taken));
	blocks_whole(&b, 2, T0, T0 + 10 * MS, &stack);
	CHECK_EQ(taken[0], 10000);
	blocks_whole(&b, 3, T0, T0 + 200 * MS, &stack);
	CHECK_EQ(sum(taken), 210000);
	/* Where it ends. */
	blocks_whole(&b, 4, T0, T0 + 201 * MS, &stack);
	CHECK_EQ(filtered[2], 201000);
	CHECK_EQ(blocks_hold_ns(&b), 200 * MS);
}

/* While it is not known whether a block will be long enough, nothing is told of it. */
TEST(what_lasts_is_held_back_until_it_counts)
{
	start(150 * MS, 0);
	blocks_begin(&b, 1, T0 + 50 * MS, &stack);
	blocks_begin(&b, 2, T0 + 50 * MS, &stack);
	blocks_end(&b, 2, T0 + 50 * MS, T0 + 100 * MS);
	CHECK(filtered[1] == 50000 && !sum(taken));
	close_one(T0 + 100 * MS + blocks_hold_ns(&b));
	CHECK_EQ(taken[0], 50000);
	close_one(T0 + 200 * MS + blocks_hold_ns(&b));
	CHECK_EQ(taken[1], 100000);
	CHECK_EQ(b.moved_ns, 0);
	/* One that is closed too early gets nothing, and the next one all. */
	start(150 * MS, 0);
	blocks_begin(&b, 1, T0 + 50 * MS, &stack);
	close_one(T0 + 100 * MS);
	CHECK_EQ(sum(taken), 0);
	close_one(T0 + 200 * MS);
	CHECK_EQ(taken[1], 150000);
	CHECK_EQ(b.moved_ns, 50 * MS);
}

TEST(the_end_of_the_recording_ends_all)
{
	start(30 * MS, 0);
	blocks_begin(&b, 1, T0 + 50 * MS, &stack);
	blocks_begin(&b, 2, T0 + 120 * MS, &stack);
	cutter_stop(&c, T0 + 140 * MS);
	close_one(UINT64_MAX);
	close_one(UINT64_MAX);
	CHECK(taken[0] == 50000 && taken[1] == 40000);
	CHECK_EQ(sum(filtered), 20000);
	CHECK(!cutter_is_open(&c));
}

TEST(an_end_that_fits_no_beginning_is_none)
{
	start(0, 0);
	blocks_begin(&b, 1, T0 + 10 * MS, &stack);
	blocks_end(&b, 1, T0 + 11 * MS, T0 + 12 * MS);
	blocks_end(&b, 2, T0 + 11 * MS, T0 + 12 * MS);
	blocks_end(&b, 1, T0 + 10 * MS, T0 + 9 * MS);
	CHECK_EQ(sum(taken), 0);
	blocks_end(&b, 1, T0 + 10 * MS, T0 + 12 * MS);
	CHECK_EQ(sum(taken), 2000);
	/* A beginning without the end of the one before. */
	blocks_begin(&b, 1, T0 + 20 * MS, &stack);
	blocks_begin(&b, 1, T0 + 30 * MS, &stack);
	CHECK_EQ(b.unended, 1);
	blocks_end(&b, 1, T0 + 30 * MS, T0 + 40 * MS);
	CHECK_EQ(sum(taken), 12000);
}

TEST(a_stack_is_kept_until_its_end)
{
	uint64_t address[3] = {1, 2, 3};
	struct wire_frame frame[2] = {{1, 2}, {1, 3}};
	struct block_stack s = {.raw = {.n_kernel = 1, .n_user = 2, .address = address},
				.stack = {.n_kernel = 1, .n_user = 2, .user = frame}};
	struct sampler_copy *copy = calloc(1, sizeof(*copy) + 100);

	start(0, 0);
	copy->n_bytes = 100;
	s.copy = copy;
	blocks_begin(&b, 1, T0, &s);
	memset(address, 0, sizeof(address));
	memset(frame, 0, sizeof(frame));
	free(copy);
	CHECK(b.thread[0].stack->raw.address[2] == 3 &&
	      b.thread[0].stack->stack.user[1].offset == 3);
	CHECK(b.thread[0].stack->copy->n_bytes == 100 && b.copy_bytes > 100);
	blocks_end(&b, 1, T0, T0 + MS);
	CHECK_EQ(n_frames, 2);
	CHECK_EQ(b.copy_bytes, 0);
}

TEST(threads_that_are_gone_are_forgotten)
{
	start(0, 0);
	for (uint32_t i = 1; i <= 1000; i++)
		blocks_whole(&b, i, T0 + i * MS, T0 + i * MS + 500, &stack);
	blocks_begin(&b, 3, T0 + 4 * MS, &stack);
	blocks_sweep(&b, T0 + 900 * MS);
	CHECK_EQ(b.n_threads, 102);
	/* What was left of it is still there. */
	blocks_whole(&b, 1000, T0 + 1100 * MS, T0 + 1100 * MS + 500, &stack);
	CHECK_EQ(sum(taken), 1);
	blocks_end(&b, 3, T0 + 4 * MS, T0 + 5 * MS);
	CHECK_EQ(sum(taken), 1001);
	blocks_deinit(&b);
	cutter_deinit(&c);
}

TEST_MAIN()
