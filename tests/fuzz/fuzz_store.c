/*
 * A recording of which some bytes are others: no crash, no hang, and what is opened is sound. The
 * first byte says what the rest is:
 *
 *	0	a whole file
 *	1	changes to a finished file: place (3 bytes), number of bytes (1), the bytes …
 *	2	changes to an unfinished one with its log
 *	3	a file with a journal: where the journal begins (3 bytes), then both
 *	4	changes to a finished one with two series
 *
 * The build for fuzzing takes any checksum for right (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or
 * changes would hardly ever come far. Run it with -close_fd_mask=2, for the words cost the most.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "store/reader.h"
#include "store/recover.h"
#include "store/writer.h"
#include "tests/synthetic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool claim)
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
		insist(d->frame[i].name < d->n_strings && d->frame[i].module < d->n_modules &&
		       d->frame[i].kind < FRAME_KINDS);
	for (size_t i = 0; i < d->n_modules; i++)
		insist(d->module[i].path < d->n_strings);
	for (size_t i = 0; i < d->n_processes; i++)
		insist(d->process[i].comm < d->n_strings);
}

static void check_snapshot(struct recording *rec, size_t i, struct snapshot *s)
{
	uint64_t sum = 0;

	insist(account_balanced(&rec->snapshot[i].account));
	insist(rec->snapshot[i].t0_ns < rec->snapshot[i].t1_ns);
	insist(!i || rec->snapshot[i - 1].t1_ns <= rec->snapshot[i].t0_ns);
	if (recording_load(rec, i, s))
		return;
	for (size_t e = 0; e < s->n_entries; e++) {
		const struct entry *at = &s->entry[e];

		insist(at->count && at->process < rec->dict.n_processes &&
		       at->node < rec->dict.n_nodes);
		insist(!e || at[-1].process < at->process ||
		       (at[-1].process == at->process && at[-1].node < at->node));
		sum += at->count;
	}
	insist(sum == s->info.account.taken);
}

static void check(const uint8_t *data, size_t size)
{
	struct snapshot s = {0};
	struct recording rec;
	bool opened = !store_open_memory("fuzz", data, size, &rec);

	if (opened)
		check_dict(&rec.dict);
	for (int k = 0; opened && k < SERIES_MAX; k++) {
		if (!recording_see(&rec, k))
			continue;
		insist(account_balanced(&rec.total));
		for (size_t i = 0; i < rec.n_snapshots; i++)
			check_snapshot(&rec, i, &s);
	}
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

struct bytes {
	uint8_t *data;
	size_t size;
};

static struct bytes slurp(const char *path)
{
	struct bytes b;
	struct stat st;
	int fd = open(path, O_RDONLY);

	insist(fd >= 0 && !fstat(fd, &st));
	b = (struct bytes){xmalloc(st.st_size), st.st_size};
	insist(read(fd, b.data, b.size) == st.st_size);
	close(fd);
	unlink(path);
	return b;
}

static struct bytes whole, unfinished, its_log, two_series;

static void make_recordings(void)
{
	char dir[] = "/tmp/flamelapse-fuzz-XXXXXX", *path, *log;
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;

	insist(mkdtemp(dir));
	path = xasprintf("%s/a.flame", dir);
	log = xasprintf("%s-wal", path);
	for (int finish = 0; finish < 3; finish++) {
		synthetic_init(&m, 1, 30, 20);
		meta.off_cpu_ns = finish == 2 ? 1000 : 0;
		insist(!store_create(path, &meta, &w));
		for (int i = 0; i < 3; i++) {
			synthetic_snapshot(&m, i);
			insist(!store_append(w, &m.dict, (struct snapshot[]){m.s, m.s}));
		}
		if (!finish) {
			unfinished = slurp(path);
			its_log = slurp(log);
			store_discard(w);
		} else {
			insist(!store_finish(w, &meta));
			*(finish == 1 ? &whole : &two_series) = slurp(path);
		}
		synthetic_deinit(&m);
	}
	rmdir(dir);
	free(path);
	free(log);
}

/* Takes the changes in order, over both parts as if they were one. */
static void change(struct bytes *a, struct bytes *b, const uint8_t *p, size_t left)
{
	while (left >= 4) {
		size_t at = (p[0] | p[1] << 8 | p[2] << 16) % (a->size + b->size), n = p[3];

		p += 4;
		left -= 4;
		for (; n && left; n--, at++, p++, left--) {
			if (at < a->size)
				a->data[at] = *p;
			else if (at - a->size < b->size)
				b->data[at - a->size] = *p;
		}
	}
}

static struct bytes copy_of(const struct bytes *b)
{
	return (struct bytes){xmemdup(b->data, b->size), b->size};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file, beside = {0};
	size_t at;

	if (!whole.data)
		make_recordings();
	if (size < 4)
		return 0;
	switch (*data) {
	case 0:
		check(data + 1, size - 1);
		break;
	case 1:
	case 4:
		file = copy_of(*data == 1 ? &whole : &two_series);
		change(&file, &beside, data + 1, size - 1);
		check(file.data, file.size);
		free(file.data);
		break;
	case 2:
		file = copy_of(&unfinished);
		beside = copy_of(&its_log);
		change(&file, &beside, data + 1, size - 1);
		if (!recover_apply(&file.data, &file.size, beside.data, beside.size, NULL, 0))
			check(file.data, file.size);
		free(file.data);
		free(beside.data);
		break;
	case 3:
		at = data[1] | data[2] << 8 | data[3] << 16;
		data += 4;
		size -= 4;
		at = at < size ? at : size;
		file = (struct bytes){xmemdup(data, at), at};
		if (!recover_apply(&file.data, &file.size, NULL, 0, data + at, size - at))
			check(file.data, file.size);
		free(file.data);
		break;
	default:
		break;
	}
	return 0;
}
