#include "export/summary_text.h"

#include <stdio.h>
#include <string.h>

#include "base/timespan.h"
#include "base/utf8.h"
#include "profile/kind.h"

#define NAME_COLUMNS 44
/* From here on truncated stacks spoil the picture. */
#define MANY_TRUNCATED_PERCENT 5

static double percent(uint64_t part, uint64_t of)
{
	return of ? 100.0 * (double)part / (double)of : 0;
}

/* Bytes of the first `columns` characters, all taken as one column wide; counts those there are. */
static size_t fit(const char *s, size_t columns, size_t *used_ret)
{
	const char *at = s, *end = s + strlen(s);
	uint32_t c;
	size_t n;

	for (*used_ret = 0; at < end && *used_ret < columns; ++*used_ret)
		at += (n = utf8_decode(at, end, &c)) ? n : 1;
	return at - s;
}

static void add_column(struct strbuf *out, const char *s, size_t columns)
{
	size_t used, len = fit(s, columns, &used);

	if (s[len]) {
		len = fit(s, columns - 1, &used);
		strbuf_add(out, s, len);
		strbuf_adds(out, "…");
		used++;
	} else {
		strbuf_add(out, s, len);
	}
	while (used++ < columns)
		strbuf_addc(out, ' ');
}

static void add_origin(const struct summary *s, struct strbuf *out)
{
	const struct recording_meta *m = &s->rec->meta;
	char start[TIME_ISO_MAX], span[TIMESPAN_MAX], interval[TIMESPAN_MAX];
	int status = summary_command_status(m);

	strbuf_addf(out, "Host       %s", *m->host ? m->host : "not known");
	if (m->online_cpus)
		strbuf_addf(out, ", %u CPU%s", m->online_cpus, m->online_cpus == 1 ? "" : "s");
	if (*m->kernel)
		strbuf_addf(out, ", Linux %s", m->kernel);
	strbuf_addf(out, "%s%s\n", *m->arch ? " " : "", m->arch);
	if (*m->command) {
		strbuf_addf(out, "Command    %s", m->command);
		if (status >= 0)
			strbuf_addf(out, ", ended with status %d", status);
		strbuf_addc(out, '\n');
	}
	strbuf_addf(out, "When       %s, for %s: %zu snapshot%s",
		    s->start_ns ? time_format_iso(start, s->start_ns, 0) : "not known",
		    timespan_format(span, s->end_ns - s->start_ns), s->rec->n_snapshots,
		    s->rec->n_snapshots == 1 ? "" : "s");
	if (m->interval_ns)
		strbuf_addf(out, " of %s", timespan_format(interval, m->interval_ns));
	strbuf_addc(out, '\n');
	if (!m->finished)
		strbuf_adds(out,
			    "           not finished: the recorder was killed, or is at work\n");
}

static void add_method(const struct summary *s, struct strbuf *out)
{
	const struct recording_meta *m = &s->rec->meta;

	if (*m->event) {
		strbuf_addf(out, "Sampled    %s",
			    recording_is_off_cpu(m) ? "all time off the CPU" : m->event);
		if (m->freq_hz)
			strbuf_addf(out, " at %u Hz", m->freq_hz);
		if (*m->filter)
			strbuf_addf(out, ", only %s", m->filter);
		if (*m->unwinder)
			strbuf_addf(out, "; user stacks by %s", m->unwinder);
		strbuf_addc(out, '\n');
	}
	if (!recording_knows_cpus(s->rec) || !s->rec->total.taken)
		return;
	if (recording_is_off_cpu(m)) {
		strbuf_addf(out, "Blocked    %.2f threads on average, %.2f at most\n", s->cpus_mean,
			    s->cpus_peak);
		return;
	}
	strbuf_addf(out, "CPUs %s  %.2f on average, %.2f at most",
		    m->includes_idle ? "seen" : "busy", s->cpus_mean, s->cpus_peak);
	if (m->online_cpus)
		strbuf_addf(out, ", of %u", m->online_cpus);
	strbuf_adds(out, m->includes_idle ? ", with the idle ones\n" : "\n");
}

static void add_account(const struct summary *s, struct strbuf *out)
{
	const struct recording_meta *m = &s->rec->meta;
	const struct account *a = &s->rec->total;
	char n[RECORDING_COUNT_MAX];
	const char *between = " (", *what = recording_is_off_cpu(m) ? "Blocked time" : "Samples";
	int digits = (int)strlen(recording_format_count(m, a->expected, n));

	strbuf_addf(out, "\n%-12s %*s taken\n", what, digits,
		    recording_format_count(m, a->taken, n));
	if (!recording_is_off_cpu(m))
		strbuf_addf(out, "           + %*s idle\n", digits,
			    recording_format_count(m, a->idle, n));
	strbuf_addf(out, "           + %*s filtered out\n", digits,
		    recording_format_count(m, a->filtered, n));
	strbuf_addf(out, "           + %*s lost", digits,
		    recording_format_count(m, account_lost(a), n));
	for (int i = 0; i < LOSSES; i++) {
		if (!a->lost[i])
			continue;
		strbuf_addf(out, "%s%s %s", between, loss_names[i],
			    recording_format_count(m, a->lost[i], n));
		between = ", ";
	}
	strbuf_addf(out, "%s\n           = %*s expected", *between == ',' ? ")" : "", digits,
		    recording_format_count(m, a->expected, n));
	if (m->undelivered > 0)
		strbuf_addf(out, "; the kernel did not deliver %lld more",
			    (long long)m->undelivered);
	strbuf_addc(out, '\n');
}

static void add_stacks(const struct summary *s, struct strbuf *out)
{
	const struct account *a = &s->rec->total;
	double truncated = percent(a->truncated, a->taken);

	if (!a->taken)
		return;
	strbuf_addf(out, "\nStacks     %.1f %% complete, %.1f %% truncated",
		    percent(a->complete, a->taken), truncated);
	if (a->kernel_only)
		strbuf_addf(out, ", %.1f %% kernel only", percent(a->kernel_only, a->taken));
	strbuf_addf(out, " (%zu distinct)\n", s->distinct);
	for (size_t i = 0; i < s->n_truncated; i++) {
		size_t len;
		const char *why =
		    kind_truncated_why(dict_frame_name(&s->rec->dict, s->truncated[i].frame), &len);

		strbuf_addf(out, "Truncated  %.1f %%: %.*s\n",
			    percent(s->truncated[i].total, a->taken), (int)len, why);
	}
	if (truncated >= MANY_TRUNCATED_PERCENT && !strcmp(s->rec->meta.unwinder, "frame pointers"))
		strbuf_adds(
		    out, "           Truncated stacks lack callers: build programs and libraries "
			 "with\n           -fno-omit-frame-pointer to see them\n");
	if (s->unknown_frames)
		strbuf_addf(out, "Unnamed    %zu function%s, running in %.1f %% of samples\n",
			    s->unknown_frames, s->unknown_frames == 1 ? "" : "s",
			    percent(s->unknown_self, a->taken));
}

/* The last part of its path; imported text knows no modules. */
static const char *module_name(const struct dict *d, const struct frame *f)
{
	const char *path = dict_text(d, d->module[f->module].path);
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_top(const struct summary *s, struct strbuf *out)
{
	const struct dict *d = &s->rec->dict;
	uint64_t taken = s->rec->total.taken;

	if (!s->n_top)
		return;
	strbuf_adds(out, "\n   self    total  function\n");
	for (size_t i = 0; i < s->n_top; i++) {
		const struct summary_row *row = &s->top[i];

		strbuf_addf(out, "%5.1f %%  %5.1f %%  ", percent(row->self, taken),
			    percent(row->total, taken));
		add_column(out, dict_frame_name(d, row->frame), NAME_COLUMNS);
		strbuf_addf(out, "  %s", module_name(d, &d->frame[row->frame]));
		while (out->data[out->len - 1] == ' ')
			out->data[--out->len] = '\0';
		strbuf_addc(out, '\n');
	}
}

static void add_series(const struct summary *s, struct strbuf *out)
{
	const struct recording_meta *m = &s->rec->meta;

	if (recording_n_series(m) > 1)
		strbuf_addf(out, "\nSeries     %s, of %s and %s\n",
			    series_names[recording_series(m)], series_names[0], series_names[1]);
	add_method(s, out);
	add_account(s, out);
	add_stacks(s, out);
	add_top(s, out);
}

void summary_add_text(const struct summary *s, struct strbuf *out)
{
	add_origin(s, out);
	add_series(s, out);
}

void summary_add_text_series(const struct summary *s, struct strbuf *out)
{
	add_series(s, out);
}
