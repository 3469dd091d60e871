#include "export/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/utf8.h"
#include "base/xalloc.h"

static const char *const kind_names[FRAME_KINDS] = {
    [FRAME_USER] = "user",	 [FRAME_KERNEL] = "kernel",   [FRAME_JIT] = "jit",
    [FRAME_INLINED] = "inlined", [FRAME_UNNAMED] = "unnamed", [FRAME_MARK] = "mark",
};

/* The counts of all snapshots by stack, whoever ran it. */
static int add_up(struct recording *rec, struct snapshot *all_ret)
{
	uint64_t *count = xcalloc(rec->dict.n_nodes, sizeof(*count));
	struct snapshot s = {0};
	int err = 0;

	for (size_t i = 0; i < rec->n_snapshots && !err; i++) {
		err = recording_load(rec, i, &s);
		for (size_t k = 0; k < s.n_entries && !err; k++)
			count[s.entry[k].node] += s.entry[k].count;
	}
	for (size_t i = 0; i < rec->dict.n_nodes && !err; i++)
		if (count[i])
			snapshot_add(all_ret, 0, i, count[i]);
	snapshot_deinit(&s);
	free(count);
	return err;
}

int summary_compute(struct summary *sum, struct recording *rec)
{
	struct functions functions = {0};
	struct snapshot all = {0};
	int err = add_up(rec, &all);

	*sum = (struct summary){.rec = rec, .distinct_stacks = all.n_entries};
	if (rec->n_snapshots) {
		sum->start_ns = rec->snapshot[0].t0_ns;
		sum->end_ns = rec->snapshot[rec->n_snapshots - 1].t1_ns;
	}
	functions_add(&functions, &rec->dict, all.entry, all.n_entries);
	sum->n_top = functions_best(&functions, sum->top, SUMMARY_TOP);
	for (size_t i = 0; i < functions.n; i++) {
		const struct function *f = &functions.function[i];

		sum->functions += rec->dict.frame[f->frame].kind != FRAME_MARK;
		if (rec->dict.frame[f->frame].kind != FRAME_UNNAMED)
			continue;
		sum->unknown_functions++;
		sum->unknown_self += f->self;
	}
	functions_deinit(&functions);
	snapshot_deinit(&all);
	return err;
}

static bool has_status(const struct summary *sum, int *status_ret)
{
	int wait_status = sum->rec->meta.command_status;

	*status_ret =
	    WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
	return wait_status != -1;
}

static void add_utc(struct strbuf *sb, uint64_t ns, const char *between, bool with_ns)
{
	time_t s = ns / 1000000000;
	struct tm tm;

	gmtime_r(&s, &tm);
	strbuf_addf(sb, "%04d-%02d-%02d%s%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, between, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (with_ns)
		strbuf_addf(sb, ".%09" PRIu64 "Z", ns % 1000000000);
}

/* Seconds to the nanosecond, without zeros at the end. */
static void add_seconds(struct strbuf *sb, uint64_t ns)
{
	strbuf_addf(sb, "%" PRIu64, ns / 1000000000);
	if (ns % 1000000000 == 0)
		return;
	strbuf_addf(sb, ".%09" PRIu64, ns % 1000000000);
	while (sb->data[sb->len - 1] == '0')
		sb->data[--sb->len] = '\0';
}

static void json_key(struct strbuf *sb, const char *key)
{
	strbuf_addf(sb, ",\n  \"%s\": ", key);
}

static void json_text(struct strbuf *sb, const char *key, const char *value)
{
	json_key(sb, key);
	if (*value)
		strbuf_add_json(sb, value);
	else
		strbuf_adds(sb, "null");
}

/* null where it is not known. */
static void json_number(struct strbuf *sb, const char *key, uint64_t value, bool known)
{
	json_key(sb, key);
	if (known)
		strbuf_addf(sb, "%" PRIu64, value);
	else
		strbuf_adds(sb, "null");
}

static void json_seconds(struct strbuf *sb, const char *key, uint64_t ns, bool known)
{
	json_key(sb, key);
	if (known)
		add_seconds(sb, ns);
	else
		strbuf_adds(sb, "null");
}

static void json_samples(struct strbuf *sb, const struct recording *rec)
{
	const struct account *a = &rec->total;

	json_key(sb, "samples");
	strbuf_addf(sb,
		    "{\"expected\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"idle\": %" PRIu64
		    ", \"filtered\": %" PRIu64 ",\n    \"lost\": {",
		    a->expected, a->taken, a->idle, a->filtered);
	for (int i = 0; i < LOSSES; i++)
		strbuf_addf(sb, "%s\"%s\": %" PRIu64, i ? ", " : "", loss_names[i], a->lost[i]);
	strbuf_adds(sb, "}, \"undelivered\": ");
	if (rec->meta.undelivered >= 0)
		strbuf_addf(sb, "%" PRId64 "}", rec->meta.undelivered);
	else
		strbuf_adds(sb, "null}");
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void json_top(struct strbuf *sb, const struct summary *sum)
{
	const struct dict *d = &sum->rec->dict;

	json_key(sb, "top");
	strbuf_addc(sb, '[');
	for (size_t i = 0; i < sum->n_top; i++) {
		const struct function *f = &sum->top[i];
		const struct frame *frame = &d->frame[f->frame];

		strbuf_adds(sb, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
		strbuf_add_json(sb, dict_frame_name(d, f->frame));
		strbuf_adds(sb, ", \"module\": ");
		if (frame->module)
			strbuf_add_json(sb, dict_text(d, d->module[frame->module].path));
		else
			strbuf_adds(sb, "null");
		strbuf_addf(sb,
			    ", \"kind\": \"%s\", \"self\": %" PRIu64 ", \"total\": %" PRIu64
			    ", \"share\": %.6f}",
			    kind_names[frame->kind], f->self, f->total,
			    share(f->self, sum->rec->total.taken));
	}
	strbuf_adds(sb, sum->n_top ? "\n  ]" : "]");
}

void summary_add_json(const struct summary *sum, struct strbuf *sb)
{
	const struct recording *rec = sum->rec;
	const struct recording_meta *meta = &rec->meta;
	const struct account *a = &rec->total;
	bool some = rec->n_snapshots, ended;
	int status;

	strbuf_adds(sb, "{\n  \"host\": ");
	if (*meta->host)
		strbuf_add_json(sb, meta->host);
	else
		strbuf_adds(sb, "null");
	json_text(sb, "command", meta->command);
	ended = has_status(sum, &status);
	json_number(sb, "command_status", status, ended);
	json_key(sb, "start");
	if (some) {
		strbuf_addc(sb, '"');
		add_utc(sb, sum->start_ns, "T", true);
		strbuf_addc(sb, '"');
	} else {
		strbuf_adds(sb, "null");
	}
	json_number(sb, "start_ns", sum->start_ns, some);
	json_seconds(sb, "duration_s", sum->end_ns - sum->start_ns, true);
	json_seconds(sb, "interval_s", meta->interval_ns, meta->interval_ns);
	json_number(sb, "snapshots", rec->n_snapshots, true);
	json_text(sb, "event", meta->event);
	json_number(sb, "freq_hz", meta->freq_hz, meta->freq_hz);
	json_number(sb, "online_cpus", meta->online_cpus, meta->online_cpus);
	json_key(sb, "finished");
	strbuf_adds(sb, meta->finished ? "true" : "false");
	json_samples(sb, rec);
	json_key(sb, "stacks");
	strbuf_addf(sb,
		    "{\"distinct\": %" PRIu64 ", \"complete\": %" PRIu64 ", \"truncated\": %" PRIu64
		    ", \"kernel_only\": %" PRIu64 "}",
		    sum->distinct_stacks, a->complete, a->truncated, a->kernel_only);
	json_number(sb, "unknown_frames", sum->unknown_functions, true);
	json_top(sb, sum);
	strbuf_adds(sb, "\n}\n");
}

#define NUMBER_MAX 32

/* "1,234,567" */
static const char *grouped(char buf[NUMBER_MAX], uint64_t v)
{
	char *p = buf + NUMBER_MAX - 1;

	*p = '\0';
	for (int digits = 0; v || !digits; digits++, v /= 10) {
		if (digits && digits % 3 == 0)
			*--p = ',';
		*--p = '0' + v % 10;
	}
	return p;
}

static void text_head(struct strbuf *sb, const char *key)
{
	strbuf_addf(sb, "%-12s ", key);
}

/* Adds ", 12 idle" or "12 idle", with its part of the whole where that is asked for. */
static void text_part(struct strbuf *sb, const char *between, uint64_t n, const char *what,
		      uint64_t whole)
{
	char buf[NUMBER_MAX];

	strbuf_addf(sb, "%s%s %s", between, grouped(buf, n), what);
	if (whole)
		strbuf_addf(sb, " (%.*f %%)", n && share(n, whole) < 0.001 ? 3 : 1,
			    100 * share(n, whole));
}

static void text_time(const struct summary *sum, const char *name, struct strbuf *sb)
{
	const struct recording *rec = sum->rec;
	const struct recording_meta *meta = &rec->meta;
	char buf[NUMBER_MAX];

	text_head(sb, "recording");
	utf8_add_clean(sb, name, strlen(name));
	if (!meta->finished && *meta->event)
		strbuf_adds(sb, "   NOT FINISHED: still being written, or its recorder was killed");
	strbuf_addc(sb, '\n');
	if (*meta->host) {
		text_head(sb, "host");
		strbuf_addf(sb, "%s%s%s%s%s", meta->host, *meta->kernel ? ", Linux " : "",
			    meta->kernel, *meta->arch ? ", " : "", meta->arch);
		if (meta->online_cpus)
			strbuf_addf(sb, ", %s CPU%s", grouped(buf, meta->online_cpus),
				    meta->online_cpus == 1 ? "" : "s");
		strbuf_addc(sb, '\n');
	}
	text_head(sb, "time");
	if (rec->n_snapshots) {
		add_utc(sb, sum->start_ns, " ", false);
		strbuf_adds(sb, " UTC, ");
		strbuf_addf(sb, "%.1f s", (sum->end_ns - sum->start_ns) / 1e9);
		text_part(sb, " in ", rec->n_snapshots, "snapshot", 0);
		strbuf_adds(sb, rec->n_snapshots == 1 ? "\n" : "s\n");
	} else {
		strbuf_adds(sb, "no snapshot was finished\n");
	}
}

static void text_setup(const struct summary *sum, struct strbuf *sb)
{
	const struct recording_meta *meta = &sum->rec->meta;
	char buf[NUMBER_MAX];
	int status;

	if (*meta->event) {
		text_head(sb, "event");
		strbuf_adds(sb, meta->event);
		if (meta->freq_hz)
			strbuf_addf(sb, " at %s Hz", grouped(buf, meta->freq_hz));
		else if (meta->period_ns)
			strbuf_addf(sb, " every %s ns", grouped(buf, meta->period_ns));
		if (*meta->filter)
			strbuf_addf(sb, ", only %s", meta->filter);
		strbuf_addc(sb, '\n');
	}
	if (*meta->command) {
		text_head(sb, "command");
		strbuf_adds(sb, meta->command);
		if (has_status(sum, &status))
			strbuf_addf(sb,
				    WIFSIGNALED(meta->command_status) ? ", ended by signal %d"
								      : ", exit status %d",
				    status - (WIFSIGNALED(meta->command_status) ? 128 : 0));
		strbuf_addc(sb, '\n');
	}
}

static void text_samples(const struct summary *sum, struct strbuf *sb)
{
	const struct account *a = &sum->rec->total;
	const char *between = "";
	char buf[NUMBER_MAX];

	text_head(sb, "samples");
	strbuf_addf(sb, "%s expected", grouped(buf, a->expected));
	text_part(sb, " = ", a->taken, "taken", 0);
	text_part(sb, " + ", a->idle, "idle", 0);
	text_part(sb, " + ", a->filtered, "filtered", 0);
	text_part(sb, " + ", account_lost(a), "lost\n", 0);
	if (account_lost(a)) {
		text_head(sb, "LOST");
		for (int i = 0; i < LOSSES; i++) {
			if (!a->lost[i])
				continue;
			text_part(sb, between, a->lost[i], loss_names[i], a->expected);
			between = ", ";
		}
		strbuf_addc(sb, '\n');
	}
	text_head(sb, "undelivered");
	if (sum->rec->meta.undelivered < 0)
		strbuf_adds(sb, "not known\n");
	else
		strbuf_addf(sb, "%s by the kernel, beside the expected ones\n",
			    grouped(buf, sum->rec->meta.undelivered));
}

static void text_stacks(const struct summary *sum, struct strbuf *sb)
{
	const struct account *a = &sum->rec->total;
	uint64_t taken = a->taken;
	char buf[NUMBER_MAX];

	text_head(sb, "stacks");
	text_part(sb, "", sum->distinct_stacks, "distinct", 0);
	text_part(sb, "; samples: ", a->complete, "complete", taken);
	text_part(sb, ", ", a->kernel_only, "kernel only", taken);
	text_part(sb, ", ", a->truncated, a->truncated ? "TRUNCATED" : "truncated", taken);
	strbuf_addc(sb, '\n');
	text_head(sb, "functions");
	strbuf_adds(sb, grouped(buf, sum->functions));
	text_part(sb, ", of which ", sum->unknown_functions, "without a name took", 0);
	text_part(sb, " ", sum->unknown_self, "samples", taken);
	strbuf_addc(sb, '\n');
}

static void text_top(const struct summary *sum, struct strbuf *sb)
{
	const struct dict *d = &sum->rec->dict;
	char self[NUMBER_MAX], total[NUMBER_MAX];

	if (!sum->n_top)
		return;
	strbuf_addf(sb, "\n%12s %12s %7s  %-7s  %s\n", "self", "total", "share", "kind",
		    "function");
	for (size_t i = 0; i < sum->n_top; i++) {
		const struct function *f = &sum->top[i];
		const struct frame *frame = &d->frame[f->frame];
		const char *path = dict_text(d, d->module[frame->module].path);
		const char *slash = strrchr(path, '/');

		strbuf_addf(sb, "%12s %12s %5.1f %%  %-7s  %s", grouped(self, f->self),
			    grouped(total, f->total), 100 * share(f->self, sum->rec->total.taken),
			    kind_names[frame->kind], dict_frame_name(d, f->frame));
		if (*path)
			strbuf_addf(sb, "  [%s]", slash && slash[1] ? slash + 1 : path);
		strbuf_addc(sb, '\n');
	}
}

void summary_add_text(const struct summary *sum, const char *name, struct strbuf *sb)
{
	text_time(sum, name, sb);
	text_setup(sum, sb);
	text_samples(sum, sb);
	text_stacks(sum, sb);
	text_top(sum, sb);
}
