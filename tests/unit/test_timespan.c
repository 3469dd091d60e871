#include "base/timespan.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/test.h"

static uint64_t span(const char *s)
{
	uint64_t ns = 0;
	int err = timespan_parse(s, &ns);

	if (err)
		TEST_FAIL("'%s' is refused: %d", s, err);
	return ns;
}

TEST(durations)
{
	CHECK_EQ(span("5"), 5 * NS_PER_S);
	CHECK_EQ(span("0"), 0);
	CHECK_EQ(span("0.5"), NS_PER_S / 2);
	CHECK_EQ(span("500ms"), NS_PER_S / 2);
	CHECK_EQ(span("41.5s"), 41 * NS_PER_S + NS_PER_S / 2);
	CHECK_EQ(span("2m"), 120 * NS_PER_S);
	CHECK_EQ(span("2min"), 120 * NS_PER_S);
	CHECK_EQ(span("1h"), NS_PER_H);
	CHECK_EQ(span("1h30m"), NS_PER_H + 30 * NS_PER_MIN);
	CHECK_EQ(span("0s5m"), 5 * NS_PER_MIN);
	CHECK_EQ(span("1.5d"), 36 * NS_PER_H);
	CHECK_EQ(span("7ns"), 7);
	CHECK_EQ(span("1.9999999999us"), 1999);
	CHECK_EQ(span("18446744073.709551615"), UINT64_MAX);
}

TEST(durations_refused)
{
	static const char *const bad[] = {"",	 "s",	"-1",  "+1",  " 1",  "1 ",    "1x",
					  "1.",	 ".5",	"1.s", "1h5", "5h5", "1.2.3", "0x10",
					  "1e3", "0s5", "1S",  "inf", "nan", "1,5"};
	uint64_t ns = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (timespan_parse(bad[i], &ns) != -EINVAL)
			TEST_FAIL("'%s' is not refused", bad[i]);
	CHECK_EQ(timespan_parse("18446744073.709551616", &ns), -ERANGE);
	CHECK_EQ(timespan_parse("99999999999999999999", &ns), -ERANGE);
	CHECK_EQ(timespan_parse("18446744073s1s", &ns), -ERANGE);
	CHECK_EQ(timespan_parse("300000d", &ns), -ERANGE);
	CHECK_EQ(ns, 77);
}

static struct time_point point(const char *s)
{
	struct time_point p = {0};
	int err = time_point_parse(s, &p);

	if (err)
		TEST_FAIL("'%s' is refused: %d", s, err);
	return p;
}

#define START_S 1795183407 /* 2026-11-20T14:03:27Z, by date(1) */

TEST(absolute_times)
{
	static const char *const same[] = {
	    "2026-11-20T14:03:27Z",
	    "2026-11-20T14:03:27",
	    "2026-11-20 14:03:27z",
	    "2026-11-20T16:03:27+02:00",
	    "2026-11-20T08:33:27-0530",
	    "2026-11-20T15:03:27+01",
	    "1795183407",
	    "1795183407.0",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct time_point p = point(same[i]);

		CHECK_EQ(p.kind, TIME_POINT_UNIX);
		CHECK_EQ(p.ns, START_S * NS_PER_S);
	}
	CHECK_EQ(point("1795183407.25").ns, START_S * NS_PER_S + NS_PER_S / 4);
	CHECK_EQ(point("2026-11-20T14:03:27.25Z").ns, START_S * NS_PER_S + NS_PER_S / 4);
	CHECK_EQ(point("2026-11-20T14:03:60Z").ns, (START_S - 27 + 59) * NS_PER_S);
	CHECK_EQ(point("2026-11-20").ns, (START_S - 14 * 3600 - 3 * 60 - 27) * NS_PER_S);
	CHECK_EQ(point("1970-01-01").ns, 0);
	CHECK_EQ(point("2000-02-29").ns, 951782400 * NS_PER_S);
	CHECK_EQ(point("2554-07-21").ns, 18446659200 * NS_PER_S);
}

TEST(times_refused)
{
	static const char *const bad[] = {
	    "",
	    "14",
	    "14:3",
	    "24:00:00",
	    "14:60",
	    "14:03:61",
	    "14:03:27.",
	    "14:03:27x",
	    "-5s",
	    "2026-13-01",
	    "2026-00-10",
	    "2026-02-29",
	    "2100-02-29",
	    "2026-1-20",
	    "2026-11-20T",
	    "2026-11-20T14:03:27+",
	    "2026-11-20T14:03:27+19:00",
	    "2026-11-20T14:03:27Z ",
	    "2026-11-20x",
	    "12345678-1",
	    "noon",
	    "14:03:27+02:00",
	};
	struct time_point p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!time_point_parse(bad[i], &p))
			TEST_FAIL("'%s' is not refused", bad[i]);
	CHECK_EQ(time_point_parse("41", &p), -ERANGE);
	CHECK_EQ(time_point_parse("1969-12-31", &p), -ERANGE);
	CHECK_EQ(time_point_parse("1970-01-01T00:00:00+01:00", &p), -ERANGE);
	CHECK_EQ(time_point_parse("2554-07-22", &p), -ERANGE);
}

TEST(relative_times)
{
	uint64_t start = START_S * NS_PER_S, end = start + 20 * NS_PER_S;
	struct time_point p = point("41.5s");

	CHECK_EQ(p.kind, TIME_POINT_FROM_START);
	CHECK_EQ(time_point_resolve(&p, start, end), start + 41 * NS_PER_S + NS_PER_S / 2);
	CHECK_EQ(time_point_resolve(&p, UINT64_MAX - 5, UINT64_MAX), UINT64_MAX);
	p = point("14:03:30");
	CHECK_EQ(time_point_resolve(&p, start, end), start + 3 * NS_PER_S);
	/* Shortly before the start is before it, not a day later. */
	p = point("14:03");
	CHECK_EQ(time_point_resolve(&p, start, end), start - 27 * NS_PER_S);
	p = point("14:10");
	CHECK_EQ(time_point_resolve(&p, start, end), start + (6 * 60 + 33) * NS_PER_S);
	p = (struct time_point){0};
	CHECK_EQ(time_point_resolve(&p, start, end), 0);
}

TEST(times_across_midnight)
{
	uint64_t start = 1795219200 * NS_PER_S - 10 * NS_PER_S, end = start + 60 * NS_PER_S;
	struct time_point p = point("00:00:05");

	CHECK_EQ(time_point_resolve(&p, start, end), start + 15 * NS_PER_S);
	p = point("23:59:55");
	CHECK_EQ(time_point_resolve(&p, start, end), start + 5 * NS_PER_S);
	p = point("23:59:40");
	CHECK_EQ(time_point_resolve(&p, start, end), start - 10 * NS_PER_S);
	/* Nothing before 1970, and nothing wraps. */
	p = point("23:00");
	CHECK_EQ(time_point_resolve(&p, 5 * NS_PER_S, 6 * NS_PER_S), 0);
	CHECK(time_point_resolve(&p, UINT64_MAX - 5, UINT64_MAX) > UINT64_MAX / 2);
}

TEST(formats)
{
	uint64_t t = START_S * NS_PER_S;
	char buf[TIME_ISO_MAX];

	CHECK_STR(time_format_iso(buf, t, 0), "2026-11-20T14:03:27Z");
	CHECK_STR(time_format_iso(buf, t + 7 * NS_PER_MS, 7200), "2026-11-20T16:03:27.007+02:00");
	CHECK_STR(time_format_iso(buf, 0, -19800), "1969-12-31T18:30:00-05:30");
	CHECK_STR(time_format_iso(buf, UINT64_MAX, 0), "2554-07-21T23:34:33.709Z");
	CHECK_STR(time_format_clock(buf, t, 0), "14:03:27");
	CHECK_STR(time_format_clock(buf, t, 36000), "00:03:27");
	CHECK_STR(time_format_date(buf, t, 36000), "2026-11-21");
}

TEST(format_spans)
{
	char buf[TIMESPAN_MAX];

	CHECK_STR(timespan_format(buf, 0), "0 s");
	CHECK_STR(timespan_format(buf, 500 * NS_PER_MS), "500 ms");
	CHECK_STR(timespan_format(buf, 1), "0.001 us");
	CHECK_STR(timespan_format(buf, 41 * NS_PER_S + NS_PER_S / 2), "41.5 s");
	CHECK_STR(timespan_format(buf, 10 * NS_PER_S), "10 s");
	CHECK_STR(timespan_format(buf, NS_PER_S + 50 * NS_PER_MS), "1.05 s");
	CHECK_STR(timespan_format(buf, 2 * NS_PER_MIN), "2 min");
	CHECK_STR(timespan_format(buf, 150 * NS_PER_S), "2 min 30 s");
	CHECK_STR(timespan_format(buf, NS_PER_H + 5 * NS_PER_MIN + NS_PER_S), "1 h 5 min");
	CHECK_STR(timespan_format(buf, UINT64_MAX), "213503 d 23 h");
}

/* Every day of 1970–2554 agrees with the C library's arithmetic. */
TEST(every_day)
{
	for (uint64_t day = 0; day < 213503; day += 1) {
		time_t t = (time_t)(day * 86400 + 43200);
		char buf[TIME_ISO_MAX], want[64];
		struct time_point p;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		CHECK_STR(time_format_iso(buf, (uint64_t)t * NS_PER_S, 0), want);
		CHECK_EQ(time_point_parse(buf, &p), 0);
		CHECK_EQ(p.ns, (uint64_t)t * NS_PER_S);
	}
}

TEST(zones_are_told_by_their_offset)
{
	int offset_s;
	char buf[TIME_CLOCK_MAX];

	CHECK_EQ(zone_offset("UTC", 0, &offset_s), 0);
	CHECK_EQ(offset_s, 0);
	CHECK_EQ(zone_offset("-03:30", 0, &offset_s), 0);
	CHECK_EQ(offset_s, -12600);
	CHECK_STR(time_format_zone(buf, offset_s), "-03:30");
	CHECK_STR(time_format_zone(buf, 0), "UTC");
	CHECK_EQ(zone_offset("+19:00", 0, &offset_s), -EINVAL);
	CHECK_EQ(zone_offset("+02:00x", 0, &offset_s), -EINVAL);
	CHECK_EQ(zone_offset("", 0, &offset_s), -EINVAL);
	CHECK_EQ(zone_offset("../../etc/passwd", 0, &offset_s), -EINVAL);
	CHECK_EQ(zone_offset("/etc/localtime", 0, &offset_s), -EINVAL);
	CHECK_EQ(zone_offset("Nowhere/Town", 0, &offset_s), -EINVAL);
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK))
		return;
	setenv("TZ", "Asia/Kathmandu", 1);
	CHECK_EQ(zone_offset("Europe/Berlin", 1763647360000000000, &offset_s), 0);
	CHECK_EQ(offset_s, 3600);
	CHECK_EQ(zone_offset("Europe/Berlin", 1752000000000000000, &offset_s), 0);
	CHECK_EQ(offset_s, 7200);
	CHECK_STR(getenv("TZ"), "Asia/Kathmandu");
}

TEST_MAIN()
