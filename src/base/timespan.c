#include "base/timespan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
    {"ns", 1},	     {"us", NS_PER_US}, {"ms", NS_PER_MS}, {"s", NS_PER_S},	{"m", NS_PER_MIN},
    {"h", NS_PER_H}, {"d", NS_PER_DAY}, {"sec", NS_PER_S}, {"min", NS_PER_MIN},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads "12.75" as 12.75 × unit_ns; the fraction needs digits on both sides of its point. Returns
 * the end of it, or NULL with *err_ret.
 */
static const char *scan_number(const char *s, uint64_t *whole_ret, uint64_t *nano_ret, int *err_ret)
{
	uint64_t whole = 0, nano = 0, place = NS_PER_S / 10;

	*err_ret = -EINVAL;
	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *s - '0', &whole)) {
			*err_ret = -ERANGE;
			return NULL;
		}
	if (*s == '.') {
		if (!is_digit(*++s))
			return NULL;
		for (; is_digit(*s); s++, place /= 10)
			nano += place * (*s - '0');
	}
	*whole_ret = whole;
	*nano_ret = nano;
	return s;
}

/* whole.nano × unit, rounded down. */
static int scale(uint64_t whole, uint64_t nano, uint64_t unit_ns, uint64_t *ns_ret)
{
	uint64_t part = (uint64_t)((__uint128_t)nano * unit_ns / NS_PER_S);

	if (__builtin_mul_overflow(whole, unit_ns, ns_ret) ||
	    __builtin_add_overflow(*ns_ret, part, ns_ret))
		return -ERANGE;
	return 0;
}

static uint64_t unit_find(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, s, len))
			return units[i].ns;
	return 0;
}

int timespan_parse(const char *s, uint64_t *ns_ret)
{
	uint64_t sum = 0, whole, nano, unit_ns, ns;
	bool first = true;
	int err;

	do {
		const char *unit = scan_number(s, &whole, &nano, &err);

		if (!unit)
			return err;
		for (s = unit; *s && !is_digit(*s); s++)
			;
		if (s > unit)
			unit_ns = unit_find(unit, s - unit);
		else
			unit_ns = first ? NS_PER_S : 0;
		if (!unit_ns)
			return -EINVAL;
		err = scale(whole, nano, unit_ns, &ns);
		if (err || __builtin_add_overflow(sum, ns, &sum))
			return -ERANGE;
		first = false;
	} while (*s);
	*ns_ret = sum;
	return 0;
}

/* Days since 1970-01-01 and back. Counted from 1 March, so that the leap day ends its year. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year_ret, int *month_ret, int *day_ret)
{
	int64_t d = days + 719468, era = (d >= 0 ? d : d - 146096) / 146097;
	int64_t of_era = d - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day_ret = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month_ret = (int)(m < 10 ? m + 3 : m - 9);
	*year_ret = year + era * 400 + (*month_ret <= 2);
}

static int days_of_month(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly n digits; NULL where they are not there. */
static const char *scan_digits(const char *s, int n, int *ret)
{
	for (*ret = 0; n; n--, s++) {
		if (!is_digit(*s))
			return NULL;
		*ret = *ret * 10 + (*s - '0');
	}
	return s;
}

/* "14:03", "14:03:27", "14:03:27.25"; a leap second is the last one of its minute. */
static const char *scan_clock(const char *s, uint64_t *ns_ret)
{
	int hour, minute, second = 0;
	uint64_t whole, nano = 0;
	const char *end;
	int err;

	s = scan_digits(s, 2, &hour);
	if (!s || *s++ != ':' || !(s = scan_digits(s, 2, &minute)))
		return NULL;
	if (*s == ':') {
		end = scan_digits(s + 1, 2, &second);
		if (!end)
			return NULL;
		s = *end == '.' ? scan_number(s + 1, &whole, &nano, &err) : end;
		if (!s)
			return NULL;
	}
	if (hour > 23 || minute > 59 || second > 60)
		return NULL;
	second = second == 60 ? 59 : second;
	*ns_ret = (uint64_t)(hour * 3600 + minute * 60 + second) * NS_PER_S + nano;
	return s;
}

/* "", "Z", "+02:00", "-0530", "+02". */
static const char *scan_zone(const char *s, int *offset_s_ret)
{
	int hours, minutes = 0;
	bool west = *s == '-';

	*offset_s_ret = 0;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return s;
	s = scan_digits(s + 1, 2, &hours);
	if (!s)
		return NULL;
	if (*s == ':')
		s++;
	if (*s && !(s = scan_digits(s, 2, &minutes)))
		return NULL;
	if (hours > 18 || minutes > 59)
		return NULL;
	*offset_s_ret = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return s;
}

static int iso_parse(const char *s, uint64_t *ns_ret)
{
	int year, month, day, offset_s = 0;
	uint64_t of_day = 0;
	int64_t second;

	s = scan_digits(s, 4, &year);
	if (!s || *s++ != '-' || !(s = scan_digits(s, 2, &month)) || *s++ != '-' ||
	    !(s = scan_digits(s, 2, &day)))
		return -EINVAL;
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
		return -EINVAL;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s = scan_clock(s + 1, &of_day);
		if (!s || !(s = scan_zone(s, &offset_s)))
			return -EINVAL;
	}
	if (*s)
		return -EINVAL;
	second =
	    days_from_civil(year, month, day) * 86400 + (int64_t)(of_day / NS_PER_S) - offset_s;
	if (second < 0)
		return -ERANGE;
	return scale((uint64_t)second, of_day % NS_PER_S, NS_PER_S, ns_ret);
}

int time_point_parse(const char *s, struct time_point *point_ret)
{
	struct time_point point = {.kind = TIME_POINT_UNIX};
	uint64_t whole, nano;
	const char *end;
	int err;

	if (strlen(s) > 4 && s[4] == '-') {
		err = iso_parse(s, &point.ns);
	} else if (strchr(s, ':')) {
		point.kind = TIME_POINT_OF_DAY;
		end = scan_clock(s, &point.ns);
		err = end && (!*end || (*end == 'Z' && !end[1])) ? 0 : -EINVAL;
	} else {
		end = scan_number(s, &whole, &nano, &err);
		if (end && *end) {
			point.kind = TIME_POINT_FROM_START;
			err = timespan_parse(s, &point.ns);
		} else if (end) {
			err = whole < 100000000 ? -ERANGE : scale(whole, nano, NS_PER_S, &point.ns);
		}
	}
	if (!err)
		*point_ret = point;
	return err;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t time_point_resolve(const struct time_point *point, uint64_t start_ns, uint64_t end_ns)
{
	uint64_t midnight = start_ns - start_ns % NS_PER_DAY, before, at;

	switch (point->kind) {
	case TIME_POINT_UNIX:
		return point->ns;
	case TIME_POINT_FROM_START:
		return add_capped(start_ns, point->ns);
	case TIME_POINT_OF_DAY:
		break;
	default:
		return 0;
	}
	/* `at` is the first one from the start on, `before` the last one ahead of it. */
	at = add_capped(midnight, point->ns);
	before = at;
	if (at < start_ns)
		at = add_capped(at, NS_PER_DAY);
	else
		before = midnight >= NS_PER_DAY ? at - NS_PER_DAY : 0;
	return at <= end_ns || at - end_ns <= start_ns - before ? at : before;
}

struct civil {
	int64_t year;
	int month, day, second; /* second of the day */
	unsigned ms;
};

static struct civil civil_at(uint64_t unix_ns, int offset_s)
{
	int64_t second = (int64_t)(unix_ns / NS_PER_S) + offset_s;
	int64_t of_day = second % 86400;
	struct civil c = {.ms = unix_ns % NS_PER_S / NS_PER_MS};

	if (of_day < 0)
		of_day += 86400;
	c.second = (int)of_day;
	civil_from_days((second - of_day) / 86400, &c.year, &c.month, &c.day);
	return c;
}

char *time_format_iso(char buf[TIME_ISO_MAX], uint64_t unix_ns, int offset_s)
{
	struct civil c = civil_at(unix_ns, offset_s);
	char fraction[16] = "", zone[12] = "Z";
	unsigned east = offset_s < 0 ? -(unsigned)offset_s : (unsigned)offset_s;

	if (c.ms)
		snprintf(fraction, sizeof(fraction), ".%03u", c.ms);
	if (offset_s)
		snprintf(zone, sizeof(zone), "%c%02u:%02u", offset_s < 0 ? '-' : '+',
			 east / 3600 % 100, east / 60 % 60);
	snprintf(buf, TIME_ISO_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", (int)c.year, c.month,
		 c.day, c.second / 3600, c.second / 60 % 60, c.second % 60, fraction, zone);
	return buf;
}

char *time_format_zone(char buf[TIME_CLOCK_MAX], int offset_s)
{
	unsigned minutes = (offset_s < 0 ? -(unsigned)offset_s : (unsigned)offset_s) / 60;

	if (minutes)
		snprintf(buf, TIME_CLOCK_MAX, "%c%02u:%02u", offset_s < 0 ? '-' : '+',
			 minutes / 60 % 100, minutes % 60);
	else
		snprintf(buf, TIME_CLOCK_MAX, "UTC");
	return buf;
}

char *time_format_clock(char buf[TIME_CLOCK_MAX], uint64_t unix_ns, int offset_s)
{
	struct civil c = civil_at(unix_ns, offset_s);

	snprintf(buf, TIME_CLOCK_MAX, "%02d:%02d:%02d", c.second / 3600, c.second / 60 % 60,
		 c.second % 60);
	return buf;
}

char *time_format_date(char buf[TIME_CLOCK_MAX], uint64_t unix_ns, int offset_s)
{
	struct civil c = civil_at(unix_ns, offset_s);

	snprintf(buf, TIME_CLOCK_MAX, "%04d-%02d-%02d", (int)c.year, c.month, c.day);
	return buf;
}

/* "41.5 s": at most three digits behind the point, and no zeros at the end. Rounded. */
static void format_decimal(char buf[TIMESPAN_MAX], uint64_t ns, uint64_t unit_ns, const char *unit)
{
	uint64_t thousandths = (ns + unit_ns / 2000) / (unit_ns / 1000);
	int digits = 3;

	unsigned fraction = thousandths % 1000;
	for (; digits && fraction % 10 == 0; digits--)
		fraction /= 10;
	if (digits)
		snprintf(buf, TIMESPAN_MAX, "%llu.%0*u %s", (unsigned long long)thousandths / 1000,
			 digits, fraction, unit);
	else
		snprintf(buf, TIMESPAN_MAX, "%llu %s", (unsigned long long)thousandths / 1000,
			 unit);
}

char *timespan_format(char buf[TIMESPAN_MAX], uint64_t ns)
{
	static const struct {
		uint64_t ns, part_ns;
		const char *name, *part;
	} pairs[] = {
	    {NS_PER_DAY, NS_PER_H, "d", "h"},
	    {NS_PER_H, NS_PER_MIN, "h", "min"},
	    {NS_PER_MIN, NS_PER_S, "min", "s"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		unsigned long long n, part;

		if (ns < pairs[i].ns)
			continue;
		n = ns / pairs[i].ns;
		part = ns % pairs[i].ns / pairs[i].part_ns;
		if (part)
			snprintf(buf, TIMESPAN_MAX, "%llu %s %llu %s", n, pairs[i].name, part,
				 pairs[i].part);
		else
			snprintf(buf, TIMESPAN_MAX, "%llu %s", n, pairs[i].name);
		return buf;
	}
	if (ns >= NS_PER_S || !ns)
		format_decimal(buf, ns, NS_PER_S, "s");
	else if (ns >= NS_PER_MS)
		format_decimal(buf, ns, NS_PER_MS, "ms");
	else
		format_decimal(buf, ns, NS_PER_US, "us");
	return buf;
}

/* The C library takes a zone that it does not know for UTC, and says nothing. */
static bool zone_is_known(const char *zone)
{
	char path[256];

	if (!*zone || *zone == '/' || strstr(zone, ".."))
		return false;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
	return !access(path, R_OK);
}

int zone_offset(const char *zone, uint64_t unix_ns, int *offset_s_ret)
{
	time_t t = (time_t)(unix_ns / NS_PER_S);
	const char *end, *before = getenv("TZ");
	char *kept;
	struct tm tm;

	*offset_s_ret = 0;
	if (!strcmp(zone, "UTC"))
		return 0;
	if (*zone == '+' || *zone == '-') {
		end = scan_zone(zone, offset_s_ret);
		return end && !*end ? 0 : -EINVAL;
	}
	if (!zone_is_known(zone))
		return -EINVAL;
	kept = before ? strdup(before) : NULL;
	setenv("TZ", zone, 1);
	tzset();
	localtime_r(&t, &tm);
	*offset_s_ret = (int)tm.tm_gmtoff;
	if (kept)
		setenv("TZ", kept, 1);
	else
		unsetenv("TZ");
	tzset();
	free(kept);
	return 0;
}
