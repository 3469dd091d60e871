#ifndef BASE_TIMESPAN_H
#define BASE_TIMESPAN_H

#include <stdint.h>

/*
 * Durations and times as people write them, and back. Nothing here looks at the clock, the locale
 * or TZ: a day is 86,400 s of UTC in the proleptic Gregorian calendar, as unix time counts it.
 */
#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MIN (60 * NS_PER_S)
#define NS_PER_H   (3600 * NS_PER_S)
#define NS_PER_DAY (86400 * NS_PER_S)

/*
 * "500ms", "41.5s", "2m", "1h", "1h30m", or bare seconds "5", "0.5"; also us, ns and d. Digits
 * beyond the nanosecond are cut. 0; -EINVAL for anything else (a sign, junk, no number); -ERANGE
 * where 64 bits of nanoseconds do not suffice.
 */
int timespan_parse(const char *s, uint64_t *ns_ret);

/*
 * A moment in a recording, which cannot be resolved before the recording is open:
 *
 *	time_point_parse("14:03:27", &point);
 *	... open the recording ...
 *	t_ns = time_point_resolve(&point, start_ns, end_ns);
 */
enum time_point_kind {
	TIME_POINT_NONE, /* not given */
	TIME_POINT_UNIX, /* ns since 1970 */
	TIME_POINT_FROM_START,
	TIME_POINT_OF_DAY, /* ns since midnight UTC, on the recording's own date */
};

struct time_point {
	enum time_point_kind kind;
	uint64_t ns;
};

/*
 * "14:03:27" or "14:03" (UTC, with or without a fraction); ISO 8601, "2026-11-20T14:03:27Z", with
 * a space for the T, with "+02:00" or without a zone (then UTC), or the date alone; unix seconds,
 * "1763647407.25" (a bare number, at least 100000000); or, with a unit, from the recording's start:
 * "41.5s", "2m". 0; -EINVAL for anything else; -ERANGE for what lies before 1970 or after 2554, and
 * for a bare number that is too small to be unix time.
 */
int time_point_parse(const char *s, struct time_point *point_ret);

/*
 * The unix time in ns; 0 for TIME_POINT_NONE. A time of day is taken on the first date on which it
 * lies within the recording [start_ns, end_ns], else on the one that is nearest to it. What does
 * not fit is cut to UINT64_MAX.
 */
uint64_t time_point_resolve(const struct time_point *point, uint64_t start_ns, uint64_t end_ns);

/*
 * How far east of Greenwich a zone is at a moment: of "UTC", "+02:00", or a name of the system's
 * time zone database, "Europe/Berlin". 0; -EINVAL for anything else. Not while other threads run.
 */
int zone_offset(const char *zone, uint64_t unix_ns, int *offset_s_ret);

/*
 * Formatting, always in UTC shifted by offset_s (0, or the host's zone east of Greenwich, ±18 h).
 * The buffers are filled whatever the value; each returns its buffer.
 */
#define TIME_ISO_MAX   40
#define TIME_CLOCK_MAX 16
#define TIMESPAN_MAX   32

/* "2026-11-20T14:03:27Z", or with "+02:00"; three digits of a fraction if it is not zero. */
char *time_format_iso(char buf[TIME_ISO_MAX], uint64_t unix_ns, int offset_s);
/* "14:03:27". */
char *time_format_clock(char buf[TIME_CLOCK_MAX], uint64_t unix_ns, int offset_s);
/* "UTC", or "+02:00". */
char *time_format_zone(char buf[TIME_CLOCK_MAX], int offset_s);
/* "2026-11-20". */
char *time_format_date(char buf[TIME_CLOCK_MAX], uint64_t unix_ns, int offset_s);
/* "500 ms", "41.5 s", "2 min", "2 min 30 s", "1 h 5 min": at most two units. */
char *timespan_format(char buf[TIMESPAN_MAX], uint64_t ns);

#endif
