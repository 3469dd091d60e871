/*
 * Any bytes as folded text: no crash, and what is accepted is a sound recording. Run it with
 * -close_fd_mask=2, since the words for bad lines cost more than all the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "import/folded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(int claim)
{
	if (!claim)
		abort();
}

static void check_dict(const struct dict *d)
{
	for (size_t i = 0; i < d->n_strings; i++)
		for (const char *p = dict_text(d, i), *end = p + strlen(p); p < end;) {
			uint32_t c;
			size_t n = utf8_decode(p, end, &c);

			insist(n && c >= 0x20 && c != 0x7f);
			p += n;
		}
	for (size_t i = 1; i < d->n_nodes; i++)
		insist(d->node[i].parent < i && d->node[i].frame < d->n_frames);
	for (size_t i = 0; i < d->n_frames; i++)
		insist(d->frame[i].name < d->n_strings && d->frame[i].kind < FRAME_KINDS);
}

static void check_snapshot(struct recording *rec, size_t i, struct snapshot *s)
{
	uint64_t sum = 0;

	insist(!recording_load(rec, i, s));
	insist(account_balanced(&s->info.account));
	insist(s->info.t0_ns < s->info.t1_ns);
	insist(!i || rec->snapshot[i - 1].t1_ns <= s->info.t0_ns);
	for (size_t e = 0; e < s->n_entries; e++) {
		const struct entry *at = &s->entry[e], *before = at - 1;

		insist(at->count && at->process < rec->dict.n_processes &&
		       at->node < rec->dict.n_nodes);
		insist(!e || before->process < at->process ||
		       (before->process == at->process && before->node < at->node));
		sum += at->count;
	}
	insist(sum == s->info.account.taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording rec;
	struct snapshot s = {0};

	if (!import_folded_text("fuzz", (const char *)data, size, NULL, &rec)) {
		check_dict(&rec.dict);
		for (size_t i = 0; i < rec.n_snapshots; i++)
			check_snapshot(&rec, i, &s);
		insist(account_balanced(&rec.total));
	}
	snapshot_deinit(&s);
	recording_deinit(&rec);
	return 0;
}
