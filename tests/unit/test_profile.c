#include "profile/dict.h"
#include "profile/recording.h"
#include "profile/snapshot.h"
#include "tests/test.h"

TEST(dict_interns_once)
{
	struct dict d;
	uint32_t name, a, b;

	dict_init(&d);
	name = dict_string(&d, "main", 4);
	CHECK_EQ(dict_string(&d, "main()", 4), name);
	CHECK(dict_string(&d, "mai", 3) != name);
	CHECK_STR(dict_text(&d, name), "main");
	CHECK_STR(dict_text(&d, 0), "");
	a = dict_frame(&d, name, 0, FRAME_USER);
	CHECK(dict_frame(&d, name, 0, FRAME_KERNEL) != a);
	CHECK_EQ(dict_frame(&d, name, 0, FRAME_USER), a);
	b = dict_node(&d, 0, a);
	CHECK(b > 0 && dict_node(&d, b, a) > b);
	CHECK_EQ(dict_node(&d, 0, a), b);
	dict_deinit(&d);
}

TEST(modules_differ_by_build_id)
{
	struct dict d;
	uint32_t path, a;

	dict_init(&d);
	path = dict_string(&d, "/bin/x", 6);
	a = dict_module(&d, path, (const uint8_t *)"abcd", 4);
	CHECK_EQ(dict_module(&d, path, (const uint8_t *)"abcd", 4), a);
	CHECK(dict_module(&d, path, (const uint8_t *)"abce", 4) != a);
	CHECK(dict_module(&d, path, NULL, 0) != a);
	dict_deinit(&d);
}

TEST(snapshot_sorts_and_adds_up)
{
	struct snapshot s = {0};

	snapshot_sort(&s);
	snapshot_add(&s, 2, 1, 5);
	snapshot_add(&s, 1, 9, 1);
	snapshot_add(&s, 2, 1, 7);
	snapshot_add(&s, 1, 3, 2);
	snapshot_sort(&s);
	CHECK_EQ(s.n_entries, 3);
	CHECK(s.entry[0].process == 1 && s.entry[0].node == 3 && s.entry[0].count == 2);
	CHECK(s.entry[2].process == 2 && s.entry[2].node == 1 && s.entry[2].count == 12);
	snapshot_deinit(&s);
}

TEST(account_identity)
{
	struct account a = {.expected = 10,
			    .taken = 5,
			    .idle = 2,
			    .filtered = 1,
			    .complete = 3,
			    .truncated = 1,
			    .kernel_only = 1};

	CHECK(!account_balanced(&a));
	a.lost[LOSS_MISSING] = 2;
	CHECK(account_balanced(&a));
	a.complete++;
	CHECK(!account_balanced(&a));
	for (int i = 0; i < LOSSES; i++)
		CHECK(loss_names[i]);
}

static int load_index(struct recording *rec, size_t index, struct snapshot *s)
{
	(void)rec;
	snapshot_add(s, 0, 0, index);
	return 0;
}

TEST(trim_keeps_what_overlaps)
{
	struct recording rec;
	struct snapshot s = {0};

	recording_init(&rec);
	rec.load = load_index;
	for (uint64_t i = 0; i < 10; i++)
		recording_add_info(&rec, &(struct snapshot_info){.t0_ns = i * 10,
								 .t1_ns = i * 10 + 10,
								 .account.taken = i});
	recording_trim(&rec, 20, 51);
	CHECK_EQ(rec.n_snapshots, 4);
	CHECK_EQ(rec.total.taken, 2 + 3 + 4 + 5);
	CHECK_EQ(recording_load(&rec, 1, &s), 0);
	CHECK(s.entry[0].count == 3 && s.info.t0_ns == 30);
	recording_trim(&rec, 30, 1000);
	CHECK_EQ(rec.n_snapshots, 3);
	CHECK_EQ(recording_load(&rec, 0, &s), 0);
	CHECK_EQ(s.entry[0].count, 3);
	recording_trim(&rec, 900, 1000);
	CHECK_EQ(rec.n_snapshots, 0);
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

TEST_MAIN()
