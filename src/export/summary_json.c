#include "export/summary_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/timespan.h"
#include "base/xalloc.h"
#include "profile/kind.h"

static const char *const kind_names[FRAME_KINDS] = {
    [FRAME_USER] = "user",	 [FRAME_KERNEL] = "kernel",   [FRAME_JIT] = "jit",
    [FRAME_INLINED] = "inlined", [FRAME_UNNAMED] = "unnamed", [FRAME_MARK] = "mark",
};

static void add_string(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, ",\n  \"%s\": ", name);
	if (*value)
		strbuf_add_json(out, value);
	else
		strbuf_adds(out, "null");
}

static void add_number(struct strbuf *out, const char *name, bool known, uint64_t value)
{
	strbuf_addf(out, ",\n  \"%s\": ", name);
	if (known)
		strbuf_addf(out, "%llu", (unsigned long long)value);
	else
		strbuf_adds(out, "null");
}

/* By integers, so that no digit is lost. */
static void add_seconds(struct strbuf *out, const char *name, bool known, uint64_t ns)
{
	char fraction[16];
	size_t n = 9;

	add_number(out, name, known, ns / NS_PER_S);
	if (!known || !(ns % NS_PER_S))
		return;
	snprintf(fraction, sizeof(fraction), "%09llu", (unsigned long long)(ns % NS_PER_S));
	while (fraction[n - 1] == '0')
		n--;
	strbuf_addf(out, ".%.*s", (int)n, fraction);
}

static void add_event(const struct recording_meta *m, struct strbuf *out)
{
	add_string(out, "event", m->event);
	add_string(out, "unit", recording_is_off_cpu(m) ? "us" : "sample");
	add_number(out, "freq_hz", m->freq_hz, m->freq_hz);
}

static void add_host(const struct summary *s, struct strbuf *out)
{
	const struct recording_meta *m = &s->rec->meta;
	int status = summary_command_status(m);
	char start[TIME_ISO_MAX] = "";

	if (s->start_ns)
		time_format_iso(start, s->start_ns, 0);
	add_string(out, "host", m->host);
	add_string(out, "command", m->command);
	add_number(out, "command_status", status >= 0, (uint64_t)status);
	add_string(out, "start", start);
	add_seconds(out, "duration_s", true, s->end_ns - s->start_ns);
	add_number(out, "snapshots", true, s->rec->n_snapshots);
	strbuf_addf(out, ",\n  \"finished\": %s", m->finished ? "true" : "false");
	if (recording_n_series(m) > 1)
		strbuf_addf(out, ",\n  \"series\": [\"%s\", \"%s\"]", series_names[0],
			    series_names[1]);
	else
		strbuf_addf(out, ",\n  \"series\": [\"%s\"]", series_names[recording_series(m)]);
	add_event(m, out);
	add_seconds(out, "interval_s", m->interval_ns, m->interval_ns);
	add_string(out, "unwinder", m->unwinder);
	add_string(out, "filter", m->filter);
	add_number(out, "online_cpus", m->online_cpus, m->online_cpus);
	add_string(out, "kernel", m->kernel);
	add_string(out, "arch", m->arch);
}

static void add_why(const struct summary *s, const struct summary_row *row, const char *before,
		    struct strbuf *out)
{
	size_t len;
	const char *why = kind_truncated_why(dict_frame_name(&s->rec->dict, row->frame), &len);
	char *word = xstrndup(why, len);

	strbuf_adds(out, before);
	strbuf_add_json(out, word);
	strbuf_addf(out, ": %llu", (unsigned long long)row->total);
	free(word);
}

static void add_samples(const struct summary *s, struct strbuf *out)
{
	const struct account *a = &s->rec->total;

	strbuf_addf(out,
		    ",\n  \"samples\": {\"expected\": %llu, \"taken\": %llu, \"idle\": %llu, "
		    "\"filtered\": %llu, \"lost\": {",
		    (unsigned long long)a->expected, (unsigned long long)a->taken,
		    (unsigned long long)a->idle, (unsigned long long)a->filtered);
	for (int i = 0; i < LOSSES; i++)
		strbuf_addf(out, "%s\"%s\": %llu", i ? ", " : "", loss_names[i],
			    (unsigned long long)a->lost[i]);
	strbuf_adds(out, "}, \"undelivered\": ");
	if (s->rec->meta.undelivered >= 0)
		strbuf_addf(out, "%lld}", (long long)s->rec->meta.undelivered);
	else
		strbuf_adds(out, "null}");
	strbuf_addf(out,
		    ",\n  \"stacks\": {\"distinct\": %zu, \"complete\": %llu, \"truncated\": %llu, "
		    "\"kernel_only\": %llu, \"truncated_by\": {",
		    s->distinct, (unsigned long long)a->complete, (unsigned long long)a->truncated,
		    (unsigned long long)a->kernel_only);
	for (size_t i = 0; i < s->n_truncated; i++)
		add_why(s, &s->truncated[i], i ? ", " : "", out);
	strbuf_adds(out, "}}");
	add_number(out, "unknown_frames", true, s->unknown_frames);
}

static void add_top(const struct summary *s, struct strbuf *out)
{
	const struct dict *d = &s->rec->dict;

	strbuf_adds(out, ",\n  \"top\": [");
	for (size_t i = 0; i < s->n_top; i++) {
		const struct summary_row *row = &s->top[i];
		const struct frame *f = &d->frame[row->frame];
		const char *module = dict_text(d, d->module[f->module].path);

		strbuf_adds(out, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
		strbuf_add_json(out, dict_text(d, f->name));
		strbuf_adds(out, ", \"module\": ");
		if (*module)
			strbuf_add_json(out, module);
		else
			strbuf_adds(out, "null");
		strbuf_addf(
		    out,
		    ", \"kind\": \"%s\", \"self\": %llu, \"total\": %llu, \"self_share\": %.6f}",
		    kind_names[f->kind], (unsigned long long)row->self,
		    (unsigned long long)row->total,
		    (double)row->self / (double)s->rec->total.taken);
	}
	strbuf_adds(out, s->n_top ? "\n  ]" : "]");
}

void summary_add_json(const struct summary *s, struct strbuf *out)
{
	size_t start = out->len;

	add_host(s, out);
	add_samples(s, out);
	add_top(s, out);
	strbuf_adds(out, "\n}\n");
	/* Each member begins with a comma; the first one's place is that of the brace. */
	out->data[start] = '{';
}

void summary_add_json_series(const struct summary *s, struct strbuf *out)
{
	static const char end[] = "\n}\n";
	struct strbuf own = {0};

	add_event(&s->rec->meta, &own);
	add_samples(s, &own);
	add_top(s, &own);
	own.data[0] = '{';
	out->len -= strlen(end);
	strbuf_addf(out, ",\n  \"off_cpu\": %s}%s", own.data, end);
	strbuf_deinit(&own);
}
