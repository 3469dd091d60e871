#include "capture/cutter.h"
#include "tests/test.h"

#include <errno.h>

#define SEC 1000000000ull

static struct cutter c;
static struct cutter_snapshot s;
static struct sampler_counters counters[8];

static void start(uint32_t pairs, uint32_t stacks)
{
	struct tally_limits limits = {.pairs = pairs, .stacks = stacks};

	cutter_done(&c, &s);
	cutter_deinit(&c);
	cutter_init(&c, 10 * SEC, SEC, &limits);
	memset(counters, 0, sizeof(counters));
}

/* A sample of a process in a stack of one frame; the program counted it, unless told otherwise. */
static void sample_at(uint64_t t_ns, uint32_t process, uint64_t address)
{
	struct wire_frame frame = {.module = 1, .offset = address};
	struct tally_raw raw = {.process = process, .n_user = 1, .address = &address};
	struct tally_stack stack = {.n_user = 1, .user = &frame};
	bool full;
	struct tally *t = cutter_tally(&c, t_ns, &full);

	if (!t)
		return;
	tally_record(t);
	if (!tally_again(t, &raw, 1))
		tally_add(t, &raw, &stack, 1);
}

static void counted(uint64_t t_ns)
{
	counters[(t_ns - 10 * SEC) / SEC].expected++;
	counters[(t_ns - 10 * SEC) / SEC].submitted++;
}

static void sample(uint64_t t_ns, uint32_t process, uint64_t address)
{
	counted(t_ns);
	sample_at(t_ns, process, address);
}

static bool close_at(uint64_t seen_ns, uint64_t now_ns)
{
	return cutter_close(&c, &counters[c.next], seen_ns, now_ns, false, &s);
}

static bool balanced(void)
{
	struct account a = s.account;

	a.complete = a.taken;
	return account_balanced(&a);
}

TEST(closes_when_time_is_over_and_all_agree)
{
	start(100, 100);
	sample(10 * SEC, 1, 1);
	sample(11 * SEC - 1, 1, 1);
	sample(11 * SEC, 1, 1);
	counters[0].expected += 7;
	counters[0].idle = 4;
	counters[0].filtered = 2;
	counters[0].ring_busy = 1;
	CHECK(!close_at(11 * SEC - 1, 11 * SEC));
	CHECK(close_at(11 * SEC, 11 * SEC));
	CHECK(s.t0_ns == 10 * SEC && s.t1_ns == 11 * SEC);
	CHECK(s.account.expected == 9 && s.account.taken == 2 && s.account.idle == 4);
	CHECK(s.account.filtered == 2 && s.account.lost[LOSS_RING_BUSY] == 1);
	CHECK_EQ(s.account.lost[LOSS_MISSING], 0);
	CHECK(balanced());
	CHECK_EQ(s.tally->n_pairs, 1);
	cutter_done(&c, &s);
	CHECK(!close_at(11 * SEC, 11 * SEC));
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK_EQ(s.account.taken, 1);
	cutter_done(&c, &s);
	/* An interval without samples is a snapshot too. */
	CHECK(close_at(13 * SEC, 13 * SEC));
	CHECK(!s.tally && !s.account.expected && balanced());
}

TEST(waits_for_a_record_that_is_on_its_way)
{
	start(100, 100);
	sample(10 * SEC + 5, 1, 1);
	counted(10 * SEC + 9);
	CHECK(!close_at(11 * SEC, 11 * SEC));
	/* Meanwhile the next interval has begun, and comes first. */
	sample(11 * SEC + 1, 1, 1);
	sample_at(10 * SEC + 9, 1, 1);
	CHECK(close_at(11 * SEC, 11 * SEC + SEC / 2));
	CHECK(s.account.taken == 2 && !s.account.lost[LOSS_MISSING] && balanced());
	cutter_done(&c, &s);
	/* A call under way: expected is counted, what became of it is not yet. */
	counters[1].expected++;
	CHECK(!close_at(12 * SEC, 12 * SEC));
	counters[1].idle++;
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK(s.account.idle == 1 && balanced());
}

TEST(what_never_comes_is_missing)
{
	start(100, 100);
	sample(10 * SEC + 5, 1, 1);
	counted(10 * SEC + 9);
	counted(10 * SEC + 9);
	CHECK(!close_at(12 * SEC, 12 * SEC - 1));
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK(s.account.expected == 3 && s.account.taken == 1);
	CHECK_EQ(s.account.lost[LOSS_MISSING], 2);
	CHECK(balanced());
	cutter_done(&c, &s);
	/* When it comes after all, it is late, and counts nowhere else. */
	sample_at(10 * SEC + 9, 1, 1);
	CHECK_EQ(c.late, 1);
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK_EQ(s.account.taken, 0);
}

TEST(records_without_counters_still_balance)
{
	start(100, 100);
	sample_at(10 * SEC + 5, 1, 1);
	CHECK(!close_at(11 * SEC, 11 * SEC));
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK(s.account.expected == 1 && s.account.taken == 1 && balanced());
}

TEST(the_last_one_is_partial)
{
	start(100, 100);
	sample(10 * SEC + 5, 1, 1);
	sample(11 * SEC + 5, 1, 1);
	cutter_stop(&c, 11 * SEC + SEC / 4);
	CHECK(close_at(UINT64_MAX, 11 * SEC + SEC / 4));
	CHECK_EQ(s.t1_ns, 11 * SEC);
	cutter_done(&c, &s);
	CHECK(cutter_is_open(&c));
	CHECK(close_at(UINT64_MAX, 11 * SEC + SEC / 4));
	CHECK(s.t0_ns == 11 * SEC && s.t1_ns == 11 * SEC + SEC / 4);
	CHECK(s.account.taken == 1);
	cutter_done(&c, &s);
	CHECK(!cutter_is_open(&c));
	CHECK(!close_at(UINT64_MAX, 20 * SEC));
	/* Stopped exactly on a cut: no snapshot of no length. */
	start(100, 100);
	cutter_stop(&c, 11 * SEC);
	CHECK(close_at(UINT64_MAX, 11 * SEC));
	CHECK(!cutter_is_open(&c));
}

TEST(limits_hold_and_are_counted)
{
	start(5, 3);
	for (uint32_t process = 1; process <= 4; process++)
		for (uint64_t stack = 1; stack <= 4; stack++)
			for (int i = 0; i < 3; i++)
				sample(10 * SEC + stack, process, stack);
	CHECK(close_at(11 * SEC, 11 * SEC));
	/* Stack 4 never fits; of the 12 other pairs 5 do. */
	CHECK_EQ(s.account.lost[LOSS_STACK_STORAGE], 4 * 3);
	CHECK_EQ(s.account.lost[LOSS_HASH_STORAGE], 7 * 3);
	CHECK_EQ(s.account.taken, 5 * 3);
	CHECK_EQ(s.tally->n_stacks, 3);
	CHECK_EQ(s.tally->n_pairs, 5);
	CHECK(balanced());
	cutter_done(&c, &s);
	/* And the next one begins empty. */
	sample(11 * SEC, 9, 9);
	CHECK(close_at(12 * SEC, 12 * SEC));
	CHECK(s.account.taken == 1 && s.tally->n_pairs == 1);
}

TEST(too_many_open_intervals)
{
	bool full;

	start(100, 100);
	CHECK(cutter_tally(&c, 10 * SEC, &full) && !full);
	CHECK(cutter_tally(&c, (10 + CUTTER_OPEN_MAX - 1) * SEC, &full) && !full);
	CHECK(!cutter_tally(&c, (10 + CUTTER_OPEN_MAX) * SEC, &full) && full);
	CHECK(cutter_close(&c, &counters[0], 0, 0, true, &s));
	cutter_done(&c, &s);
	CHECK(cutter_tally(&c, (10 + CUTTER_OPEN_MAX) * SEC, &full) && !full);
}

/* A stack whose user part is still to be unwound: who knows what comes out. */
TEST(a_copied_stack_is_like_no_other)
{
	struct tally_limits limits = {.pairs = 100, .stacks = 100};
	uint64_t address = 0x1000, copied = 0, plain = 0;
	struct wire_frame frame = {.module = 1, .offset = 0x10};
	struct tally_raw raw = {.process = 1, .n_user = 1, .address = &address};
	struct tally_stack stack = {.n_user = 1, .user = &frame, .end = UNWIND_HARD_RULE};
	struct wire_stack_view v;
	uint8_t out[TALLY_STACK_MAX];
	struct tally t;

	tally_init(&t, &limits, 1);
	for (uint32_t i = 0; i < 12; i++) {
		raw.copy = stack.copy = i % 3 ? 0 : 1 + i;
		/* Only those without are found again. */
		tally_record(&t);
		CHECK_EQ(tally_again(&t, &raw, 1), !raw.copy && i > 1);
		if (raw.copy || i == 1)
			tally_add(&t, &raw, &stack, 1);
	}
	CHECK_EQ(t.taken, 12);
	CHECK_EQ(t.records, 12);
	CHECK_EQ(t.n_pairs, 4 + 1);
	for (size_t i = 0; i < t.n_pairs; i++) {
		size_t at = 0;

		CHECK_EQ(wire_next_stack(out, tally_write(&t, i, out), &at, &v), 1);
		CHECK_EQ(v.head.end, UNWIND_HARD_RULE);
		if (v.head.copy) {
			CHECK_EQ(v.head.count, 1);
			CHECK(!(copied & 1u << v.head.copy));
			copied |= 1u << v.head.copy;
		} else {
			plain += v.head.count;
		}
	}
	CHECK_EQ(copied, 1u << 1 | 1u << 4 | 1u << 7 | 1u << 10);
	CHECK_EQ(plain, 8);
	tally_deinit(&t);
}

TEST(copied_stacks_have_bounds_too)
{
	struct wire_frame frame = {.module = 1, .offset = 0x10};
	uint64_t address = 0x1000;
	struct tally_raw raw = {.process = 1, .n_user = 1, .address = &address};
	struct tally_stack stack = {.n_user = 1, .user = &frame};
	struct tally *t;
	bool full;

	start(100, 3);
	for (uint32_t i = 1; i <= 8; i++) {
		counted(10 * SEC);
		t = cutter_tally(&c, 10 * SEC, &full);
		CHECK(t);
		raw.copy = stack.copy = i;
		tally_record(t);
		CHECK(!tally_again(t, &raw, 1));
		tally_add(t, &raw, &stack, 1);
	}
	CHECK(close_at(11 * SEC, 11 * SEC));
	CHECK_EQ(s.account.taken, 3);
	CHECK_EQ(s.account.lost[LOSS_STACK_STORAGE], 5);
	CHECK(balanced());
}

/* How the unwinding ended is a part of the stack. */
TEST(ends_are_told_apart)
{
	struct tally_limits limits = {.pairs = 100, .stacks = 100};
	struct wire_frame frame = {.module = 1, .offset = 0x10};
	uint64_t address = 0x1000;
	struct tally_raw raw = {.process = 1, .n_user = 1, .address = &address};
	struct tally_stack stack = {.n_user = 1, .user = &frame, .end = UNWIND_COMPLETE};
	struct tally t;

	tally_init(&t, &limits, 1);
	raw.flags = UNWIND_COMPLETE << SAMPLER_END_SHIFT;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	raw.flags = UNWIND_NO_TABLE << SAMPLER_END_SHIFT;
	stack.end = UNWIND_NO_TABLE;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	CHECK(tally_again(&t, &raw, 1));
	CHECK_EQ(t.n_stacks, 2);
	CHECK(t.pair[0].count == 1 && t.pair[1].count == 2);
	tally_deinit(&t);
}

/* Counters are ns then, and what a block gave to snapshots stands beside what none of them got. */
TEST(off_cpu_time_is_counted_in_units)
{
	uint64_t address = 1;
	struct tally_raw raw = {.process = 1, .n_kernel = 1, .address = &address};
	struct tally_stack stack = {.n_kernel = 1, .kernel = &address};
	struct tally *t;
	bool full;

	start(100, 100);
	c.unit_ns = 1000;
	t = cutter_tally(&c, 10 * SEC, &full);
	tally_record(t);
	t->ended_ns = 5000;
	tally_add(t, &raw, &stack, 700);
	tally_filter(t, 30);
	counters[0] = (struct sampler_counters){.expected = 9300,
						.filtered = 1700,
						.ring_full = 2600,
						.submitted = 1};
	CHECK(close_at(11 * SEC, 11 * SEC));
	CHECK(s.account.taken == 700 && s.account.filtered == 31);
	CHECK_EQ(s.account.lost[LOSS_RING_FULL], 2);
	CHECK(s.account.expected == 733 && balanced());
	cutter_done(&c, &s);
	/* What was left of a unit; and 3100 ns that are to come yet. */
	counters[1] = (struct sampler_counters){.expected = 3800,
						.filtered = 300,
						.ring_full = 400,
						.submitted = 1};
	CHECK(!close_at(12 * SEC, 12 * SEC));
	CHECK(close_at(12 * SEC, 13 * SEC));
	CHECK(s.account.filtered == 1 && s.account.lost[LOSS_RING_FULL] == 1);
	CHECK_EQ(s.account.lost[LOSS_MISSING], 3);
	CHECK(s.account.expected == 5 && balanced());
}

/* One stack reached by two raw keys, as after a new mapping, or in two runs of a program. */
TEST(stacks_are_told_apart_by_what_they_mean)
{
	struct tally_limits limits = {.pairs = 100, .stacks = 100};
	uint64_t a[2] = {0xffffffff81000000, 0x1000}, b[2] = {0xffffffff81000000, 0x2000};
	struct wire_frame frame = {.module = 1, .offset = 0x10};
	struct tally_raw raw = {.process = 1, .n_kernel = 1, .n_user = 1, .address = a};
	struct tally_stack stack = {.n_kernel = 1, .n_user = 1, .kernel = a, .user = &frame};
	struct wire_stack_view v;
	uint8_t out[TALLY_STACK_MAX];
	struct tally t;
	size_t at = 0;

	tally_init(&t, &limits, 1);
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	CHECK(tally_again(&t, &raw, 1));
	raw.generation = 2;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	raw.address = b;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	CHECK_EQ(t.n_pairs, 1);
	CHECK_EQ(t.pair[0].count, 4);
	raw.process = 2;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	CHECK_EQ(t.n_pairs, 2);
	CHECK_EQ(t.n_stacks, 1);
	stack.flags = WIRE_STACK_BROKEN;
	raw.flags = 1;
	CHECK(!tally_again(&t, &raw, 1));
	tally_add(&t, &raw, &stack, 1);
	CHECK_EQ(t.n_stacks, 2);
	CHECK_EQ(t.taken, 6);

	CHECK_EQ(wire_next_stack(out, tally_write(&t, 0, out), &at, &v), 1);
	CHECK(v.head.process == 1 && v.head.count == 4 && v.head.n_kernel == 1);
	CHECK(wire_kernel_address(&v, 0) == a[0] && wire_user_frame(&v, 0).offset == 0x10);
	CHECK_EQ(wire_next_stack(out, tally_write(&t, 0, out), &at, &v), 0);
	at = 0;
	CHECK_EQ(wire_next_stack(out, tally_write(&t, 0, out) - 1, &at, &v), -EPROTO);
	tally_deinit(&t);
	cutter_done(&c, &s);
	cutter_deinit(&c);
}

TEST_MAIN()
