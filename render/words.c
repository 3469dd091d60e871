#include "render/words.h"

#include <stdio.h>
#include <string.h>

#include "base/timespan.h"

/* Text without times starts at the epoch; nobody recorded anything in that year. */
static bool has_date(const struct scene *s)
{
	return s->rec->snapshot[0].t0_ns >= 366 * NS_PER_DAY;
}

static uint64_t start_ns(const struct scene *s)
{
	return s->rec->snapshot[0].t0_ns;
}

static uint64_t span_ns(const struct scene *s)
{
	return s->rec->snapshot[s->rec->n_snapshots - 1].t1_ns - start_ns(s);
}

static void elapsed(uint64_t ns, char *buf, size_t size)
{
	uint64_t sec = (ns + NS_PER_S / 2) / NS_PER_S;

	if (sec >= 3600)
		snprintf(buf, size, "%llu:%02llu:%02llu", (unsigned long long)(sec / 3600),
			 (unsigned long long)(sec / 60 % 60), (unsigned long long)(sec % 60));
	else
		snprintf(buf, size, "%llu:%02llu", (unsigned long long)(sec / 60),
			 (unsigned long long)(sec % 60));
}

static void span(uint64_t ns, char *buf, size_t size)
{
	unsigned long long ms = (ns + 500000) / 1000000;

	if (ms < 1000)
		snprintf(buf, size, "%llu ms", ms);
	else if (ms < 120000 && ms % 1000)
		snprintf(buf, size, "%llu.%llu s", ms / 1000, ms / 100 % 10);
	else if (ms < 120000)
		snprintf(buf, size, "%llu s", ms / 1000);
	else
		elapsed(ns, buf, size);
}

void words_load(const struct scene *s, uint64_t value, char *buf, size_t size)
{
	unsigned long long hundredths =
	    s->one == 1 ? value * 100 : (value + s->one / 200) / (s->one / 100);

	if (s->one == 1 || value >= 100 * s->one)
		words_count(value / s->one, buf, size);
	else if (hundredths < 100)
		snprintf(buf, size, "0.%02llu", hundredths);
	else
		snprintf(buf, size, "%llu.%llu", (hundredths + 5) / 100,
			 (hundredths + 5) / 10 % 10);
}

/* A round number without needless zeros: "2", "0.5". */
static void plain(const struct scene *s, uint64_t value, char *buf, size_t size)
{
	uint64_t thousandths = s->one == 1 ? 0 : value / (s->one / 1000);

	if (s->one == 1)
		words_count(value, buf, size);
	else if (thousandths % 1000 == 0)
		words_count(thousandths / 1000, buf, size);
	else if (thousandths % 100 == 0)
		snprintf(buf, size, "%llu.%llu", (unsigned long long)(thousandths / 1000),
			 (unsigned long long)(thousandths / 100 % 10));
	else
		snprintf(buf, size, "%llu.%02llu", (unsigned long long)(thousandths / 1000),
			 (unsigned long long)(thousandths / 10 % 100));
}

void words_count(uint64_t n, char *buf, size_t size)
{
	char digits[24], out[32];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	snprintf(buf, size, "%s", out);
}

/* Three digits at least, none of them false. */
static void seconds(uint64_t ns, char *buf, size_t size)
{
	unsigned long long ms = ns / NS_PER_MS;

	if (ms < 1000)
		snprintf(buf, size, "%llu ms", ms);
	else if (ms < 10000)
		snprintf(buf, size, "%llu.%02llu s", ms / 1000, ms / 10 % 100);
	else if (ms < 100000)
		snprintf(buf, size, "%llu.%llu s", ms / 1000, ms / 100 % 10);
	else {
		words_count(ms / 1000, buf, size);
		snprintf(buf + strlen(buf), size - strlen(buf), " s");
	}
}

void words_taken(const struct scene *s, uint64_t count, char *buf, size_t size)
{
	char number[32];

	if (s->is_off_cpu) {
		seconds(count * s->rec->meta.period_ns, number, sizeof(number));
		snprintf(buf, size, "%s blocked", number);
	} else {
		words_count(count, number, sizeof(number));
		snprintf(buf, size, "%s samples", number);
	}
}

void words_percent(uint64_t part, uint64_t whole, char *buf, size_t size)
{
	uint64_t tenths = whole ? (part * 1000 + whole / 2) / whole : 0;

	if (part && !tenths)
		snprintf(buf, size, "< 0.1 %%");
	else if (!part || tenths >= 100)
		snprintf(buf, size, "%llu %%", (unsigned long long)(tenths + 5) / 10);
	else
		snprintf(buf, size, "%llu.%llu %%", (unsigned long long)tenths / 10,
			 (unsigned long long)tenths % 10);
}

void words_title(const struct scene *s, char *buf, size_t size)
{
	const struct recording_meta *meta = &s->rec->meta;
	const char *host = s->opt.no_host ? "" : meta->host;

	if (s->opt.title)
		snprintf(buf, size, "%s", s->opt.title);
	else if (*host && *meta->command)
		snprintf(buf, size, "%s: %s", host, meta->command);
	else if (*host || *meta->command)
		snprintf(buf, size, "%s%s", host, meta->command);
	else
		snprintf(buf, size, "flame graph over time");
}

/* "all 8 CPUs · 99 Hz · by unwind tables" */
static void sampled(const struct scene *s, char *what, size_t size)
{
	const struct recording_meta *meta = &s->rec->meta;

	*what = '\0';
	if (*meta->filter)
		snprintf(what, size, "%.60s · ", meta->filter);
	else if (meta->follows_command)
		snprintf(what, size, "with its descendants · ");
	else if (s->is_off_cpu)
		snprintf(what, size, "all processes · ");
	else if (meta->online_cpus)
		snprintf(what, size, "all %u CPUs · ", meta->online_cpus);
	if (s->is_off_cpu)
		snprintf(what + strlen(what), size - strlen(what), "off the CPU · ");
	else if (recording_n_series(meta) > 1)
		snprintf(what + strlen(what), size - strlen(what), "on the CPU · ");
	if (meta->freq_hz)
		snprintf(what + strlen(what), size - strlen(what), "%u Hz · ", meta->freq_hz);
	if (*meta->unwinder)
		snprintf(what + strlen(what), size - strlen(what), "by %s · ", meta->unwinder);
}

void words_subtitle(const struct scene *s, char *buf, size_t size)
{
	const struct recording_meta *meta = &s->rec->meta;
	uint64_t shows = s->timeline.window * (meta->interval_ns ? meta->interval_ns
								 : s->rec->snapshot[0].t1_ns -
								       s->rec->snapshot[0].t0_ns);
	char window[32], what[128];

	if (s->opt.subtitle)
		snprintf(what, sizeof(what), "%.110s · ", s->opt.subtitle);
	else
		sampled(s, what, sizeof(what));
	span(shows, window, sizeof(window));
	snprintf(buf, size, "%simage shows %s", what,
		 s->timeline.mode == MODE_CUMULATIVE ? "all since the start" : window);
}

void words_clock(const struct scene *s, uint64_t time_ns, char *buf, size_t size)
{
	char t[TIME_CLOCK_MAX], zone[TIME_CLOCK_MAX];

	if (has_date(s)) {
		snprintf(buf, size, "%s %s", time_format_clock(t, time_ns, s->opt.utc_offset_s),
			 time_format_zone(zone, s->opt.utc_offset_s));
	} else {
		elapsed(time_ns - start_ns(s), buf, size);
	}
}

void words_date(const struct scene *s, uint64_t time_ns, char *buf, size_t size)
{
	char t[TIME_CLOCK_MAX], day[32] = "", now[32], whole[32], speed[32];
	double x = s->timeline.speed;

	if (has_date(s))
		snprintf(day, sizeof(day), "%s · ",
			 time_format_date(t, time_ns, s->opt.utc_offset_s));
	elapsed(time_ns - start_ns(s), now, sizeof(now));
	elapsed(span_ns(s), whole, sizeof(whole));
	if (x >= 9.95)
		snprintf(speed, sizeof(speed), "%.0f", x);
	else
		snprintf(speed, sizeof(speed), "%.1f", x);
	snprintf(buf, size, "%s%s of %s · %s × speed", day, now, whole, speed);
}

void words_root(const struct scene *s, uint64_t value, char *buf, size_t size)
{
	char v[32], full[32];

	if (s->opt.scale == SCALE_SHARE) {
		snprintf(buf, size, "all · each image is 100 %%");
	} else if (s->is_off_cpu) {
		words_load(s, value, v, sizeof(v));
		snprintf(buf, size, "all · %s threads blocked", v);
	} else if (s->knows_cpus) {
		words_load(s, value, v, sizeof(v));
		plain(s, (uint64_t)s->rec->meta.online_cpus * s->one, full, sizeof(full));
		if (s->rec->meta.online_cpus)
			snprintf(buf, size, "all · %s of %s CPUs", v, full);
		else
			snprintf(buf, size, "all · %s CPUs", v);
	} else {
		words_load(s, value, v, sizeof(v));
		snprintf(buf, size, "all · %s samples per interval", v);
	}
}

void words_tick(const struct scene *s, uint64_t time_ns, char *buf, size_t size)
{
	char t[TIME_CLOCK_MAX];

	if (has_date(s))
		snprintf(buf, size, "%s", time_format_clock(t, time_ns, s->opt.utc_offset_s));
	else
		elapsed(time_ns - start_ns(s), buf, size);
}

void words_ruler(const struct scene *s, uint64_t value, bool last, char *buf, size_t size)
{
	uint64_t online = scene_limit(s);
	char v[32], all[32];

	if (s->opt.scale == SCALE_SHARE) {
		snprintf(buf, size, "%llu %%", (unsigned long long)(value / (s->one / 100)));
		return;
	}
	if (!last) {
		plain(s, value, buf, size);
		return;
	}
	if (s->one > 1 && value % (s->one / 100))
		words_load(s, value, v, sizeof(v));
	else
		plain(s, value, v, sizeof(v));
	plain(s, online, all, sizeof(all));
	if (online && value != online)
		snprintf(buf, size, "full width = %s of %s CPUs", v, all);
	else
		snprintf(buf, size, "%s %s", v, words_unit(s));
}

const char *words_unit(const struct scene *s)
{
	return s->is_off_cpu ? "threads" : s->knows_cpus ? "CPUs" : "samples per interval";
}

uint64_t words_ruler_step(const struct scene *s)
{
	uint64_t full = s->full;

	for (uint64_t ten = s->one == 1 ? 1 : s->one / 100;; ten *= 10) {
		if (full / (ten * 1) <= 5)
			return ten;
		if (full / (ten * 2) <= 5)
			return ten * 2;
		if (full / (ten * 5) <= 5)
			return ten * 5;
	}
}

uint64_t words_time_step(uint64_t span_time_ns, int most)
{
	static const uint32_t steps_s[] = {1,	 2,    5,     10,    15,    20,	  30,
					   60,	 120,  300,   600,   900,   1200, 1800,
					   3600, 7200, 10800, 21600, 43200, 86400};

	for (size_t i = 0; i < sizeof(steps_s) / sizeof(*steps_s); i++)
		if (span_time_ns / (steps_s[i] * NS_PER_S) < (uint64_t)most)
			return steps_s[i] * NS_PER_S;
	return (span_time_ns / NS_PER_DAY / most + 1) * NS_PER_DAY;
}

uint64_t words_first_tick(const struct scene *s, uint64_t from_ns, uint64_t step_ns)
{
	int64_t east = has_date(s) ? s->opt.utc_offset_s * (int64_t)NS_PER_S : 0;
	uint64_t local = from_ns + (uint64_t)east;

	return (local + step_ns - 1) / step_ns * step_ns - (uint64_t)east;
}
