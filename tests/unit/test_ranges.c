#include "symbols/ranges.h"
#include "tests/test.h"

static int value_at(const struct ranges *rs, uint64_t addr)
{
	const struct range *r = ranges_find(rs, addr);

	return r ? (int)r->value : -1;
}

TEST(a_later_range_overrides)
{
	struct range in[] = {{0, 100, 1}, {10, 20, 2}, {15, 40, 3}, {90, 120, 4}, {95, 95, 5}};
	struct ranges rs = {0};

	CHECK_EQ(value_at(&rs, 5), -1);
	ranges_add(&rs, in, 5);
	CHECK_EQ(value_at(&rs, 0), 1);
	CHECK_EQ(value_at(&rs, 10), 2);
	CHECK_EQ(value_at(&rs, 15), 3);
	CHECK_EQ(value_at(&rs, 39), 3);
	CHECK_EQ(value_at(&rs, 40), 1);
	CHECK_EQ(value_at(&rs, 95), 4);
	CHECK_EQ(value_at(&rs, 119), 4);
	CHECK_EQ(value_at(&rs, 120), -1);
	ranges_add(&rs, &(struct range){5, 200, 6}, 1);
	CHECK_EQ(value_at(&rs, 4), 1);
	CHECK_EQ(value_at(&rs, 5), 6);
	CHECK_EQ(value_at(&rs, 199), 6);
	CHECK_EQ(value_at(&rs, 200), -1);
	ranges_deinit(&rs);
}

TEST(the_ends_of_the_address_space)
{
	struct range in[] = {{UINT64_MAX - 1, UINT64_MAX, 1}, {0, 1, 2}, {7, 3, 3}};
	struct ranges rs = {0};

	ranges_add(&rs, in, 3);
	CHECK_EQ(rs.n, 2);
	CHECK_EQ(value_at(&rs, 0), 2);
	CHECK_EQ(value_at(&rs, UINT64_MAX - 1), 1);
	CHECK_EQ(value_at(&rs, UINT64_MAX), -1);
	CHECK_EQ(value_at(&rs, 5), -1);
	ranges_deinit(&rs);
}

/* Against an array that holds the last value painted onto each address. */
TEST(same_as_painting)
{
	uint32_t seed = 1;

	for (int round = 0; round < 3000; round++) {
		struct ranges rs = {0};
		struct range in[24];
		int paint[64];

		memset(paint, -1, sizeof(paint));
		for (uint32_t v = 0; v < 3; v++) {
			size_t n = (seed = seed * 1664525 + 1013904223) >> 24 & 15;

			for (size_t i = 0; i < n; i++) {
				uint32_t a = (seed = seed * 1664525 + 1013904223) >> 26;
				uint32_t len = (seed = seed * 1664525 + 1013904223) >> 28;

				in[i] = (struct range){a, a + len, v * 100 + i};
				for (uint32_t x = a; x < a + len && x < 64; x++)
					paint[x] = in[i].value;
			}
			ranges_add(&rs, in, n);
			for (size_t i = 1; i < rs.n; i++)
				CHECK(rs.r[i].start >= rs.r[i - 1].end);
		}
		for (int x = 0; x < 64; x++)
			CHECK_EQ(value_at(&rs, x), paint[x]);
		ranges_deinit(&rs);
	}
}

TEST_MAIN()
