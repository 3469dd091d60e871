#include "profile/recording.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"

const char *const series_names[SERIES_MAX] = {"on-cpu", RECORDING_OFF_CPU};

void recording_init(struct recording *rec)
{
	*rec = (struct recording){.meta = {.command_status = -1, .undelivered = -1}};
	rec->meta.host = xstrdup("");
	rec->meta.kernel = xstrdup("");
	rec->meta.arch = xstrdup("");
	rec->meta.version = xstrdup("");
	rec->meta.command = xstrdup("");
	rec->meta.event = xstrdup("");
	rec->meta.filter = xstrdup("");
	rec->meta.unwinder = xstrdup("");
	dict_init(&rec->dict);
}

void recording_meta_deinit(struct recording_meta *meta)
{
	free(meta->host);
	free(meta->kernel);
	free(meta->arch);
	free(meta->version);
	free(meta->command);
	free(meta->event);
	free(meta->filter);
	free(meta->unwinder);
	*meta = (struct recording_meta){0};
}

void recording_deinit(struct recording *rec)
{
	if (!rec)
		return;
	if (rec->close)
		rec->close(rec);
	recording_meta_deinit(&rec->meta);
	dict_deinit(&rec->dict);
	for (size_t i = 0; i < rec->n_marks; i++)
		free(rec->mark[i].text);
	free(rec->mark);
	free(rec->snapshot);
	free(rec->other.event);
	free(rec->other.account);
	*rec = (struct recording){0};
}

void recording_add_mark(struct recording *rec, uint64_t t_ns, const char *text)
{
	struct strbuf clean = {0};
	size_t i = rec->n_marks;

	utf8_add_clean(&clean, text, strlen(text));
	rec->mark = xgrow(rec->mark, &rec->cap_marks, rec->n_marks + 1, sizeof(*rec->mark));
	for (; i && rec->mark[i - 1].t_ns > t_ns; i--)
		rec->mark[i] = rec->mark[i - 1];
	rec->mark[i] = (struct mark){t_ns, xstrdup(strbuf_str(&clean))};
	rec->n_marks++;
	strbuf_deinit(&clean);
}

void recording_add_info(struct recording *rec, const struct snapshot_info *info)
{
	rec->snapshot =
	    xgrow(rec->snapshot, &rec->cap_snapshots, rec->n_snapshots + 1, sizeof(*rec->snapshot));
	rec->snapshot[rec->n_snapshots++] = *info;
	account_add(&rec->total, &info->account);
}

void recording_add_off_cpu(struct recording *rec, const struct account *a)
{
	struct recording_other *o = &rec->other;

	o->account = xgrow(o->account, &o->cap_accounts, o->n_accounts + 1, sizeof(*a));
	o->account[o->n_accounts++] = *a;
	account_add(&o->total, a);
}

struct recording_meta recording_meta_off_cpu(const struct recording_meta *m)
{
	struct recording_meta off = *m;

	off.event = (char *)RECORDING_OFF_CPU;
	off.freq_hz = 0;
	off.period_ns = m->off_cpu_ns;
	off.undelivered = -1;
	return off;
}

#define SWAP(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) old = a;                                                             \
		a = b;                                                                             \
		b = old;                                                                           \
	} while (0)

bool recording_see(struct recording *rec, enum series series)
{
	struct recording_other *o = &rec->other;
	struct recording_meta *m = &rec->meta;

	if (series == recording_series(m))
		return true;
	if (recording_n_series(m) == 1)
		return false;
	if (!o->event) {
		struct recording_meta off = recording_meta_off_cpu(m);

		o->event = xstrdup(off.event);
		o->freq_hz = off.freq_hz;
		o->period_ns = off.period_ns;
		o->undelivered = off.undelivered;
	}
	SWAP(m->event, o->event);
	SWAP(m->freq_hz, o->freq_hz);
	SWAP(m->period_ns, o->period_ns);
	SWAP(m->undelivered, o->undelivered);
	SWAP(rec->total, o->total);
	for (size_t i = 0; i < rec->n_snapshots; i++)
		SWAP(rec->snapshot[i].account, o->account[i]);
	return true;
}

char *recording_format_count(const struct recording_meta *m, uint64_t count,
			     char buf[RECORDING_COUNT_MAX])
{
	__uint128_t us = (__uint128_t)count * m->period_ns / 1000;

	/* A stranger's file may say anything. */
	if (!recording_is_off_cpu(m) || !m->period_ns || us > UINT64_MAX)
		snprintf(buf, RECORDING_COUNT_MAX, "%llu", (unsigned long long)count);
	else
		snprintf(buf, RECORDING_COUNT_MAX, "%llu.%06llu s",
			 (unsigned long long)us / 1000000, (unsigned long long)us % 1000000);
	return buf;
}

static void trim_other(struct recording_other *o, size_t first, size_t end)
{
	o->n_accounts = 0;
	o->total = (struct account){0};
	for (size_t i = first; i < end; i++) {
		o->account[o->n_accounts++] = o->account[i];
		account_add(&o->total, &o->account[i]);
	}
}

void recording_trim(struct recording *rec, uint64_t from_ns, uint64_t to_ns)
{
	struct snapshot_info *all = rec->snapshot;
	size_t n = rec->n_snapshots, first = 0, end;

	while (first < n && all[first].t1_ns <= from_ns)
		first++;
	for (end = first; end < n && all[end].t0_ns < to_ns; end++)
		;
	rec->skipped += first;
	rec->n_snapshots = 0;
	rec->total = (struct account){0};
	for (size_t i = first; i < end; i++) {
		all[rec->n_snapshots++] = all[i];
		account_add(&rec->total, &all[i].account);
	}
	if (recording_n_series(&rec->meta) > 1)
		trim_other(&rec->other, first, end);
}

int recording_load(struct recording *rec, size_t index, struct snapshot *s)
{
	return recording_load_series(rec, index, recording_series(&rec->meta), s);
}

int recording_load_series(struct recording *rec, size_t index, enum series series,
			  struct snapshot *s)
{
	size_t n = recording_n_series(&rec->meta), at = (rec->skipped + index) * n;

	s->n_entries = 0;
	s->info = rec->snapshot[index];
	if (series != recording_series(&rec->meta))
		s->info.account = rec->other.account[index];
	return rec->load(rec, n > 1 ? at + series : at, s);
}
