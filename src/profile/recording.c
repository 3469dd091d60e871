#include "profile/recording.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"

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
}

int recording_load(struct recording *rec, size_t index, struct snapshot *s)
{
	s->n_entries = 0;
	s->info = rec->snapshot[index];
	return rec->load(rec, rec->skipped + index, s);
}
