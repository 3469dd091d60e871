#include "store/format.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/chunk.h"

#define TABLE(name, columns)                                                                       \
	{                                                                                          \
		name, "CREATE TABLE " name "(" columns ")"                                         \
	}
#define INTEGER " INTEGER NOT NULL, "

const struct format_table format_tables[] = {
    {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID"},
    TABLE("module", "id INTEGER PRIMARY KEY, path TEXT NOT NULL, build_id BLOB NOT NULL"),
    TABLE("frame",
	  "id INTEGER PRIMARY KEY, name TEXT NOT NULL, module" INTEGER "kind INTEGER NOT NULL"),
    TABLE("node", "id INTEGER PRIMARY KEY, parent" INTEGER "frame INTEGER NOT NULL"),
    TABLE("process", "id INTEGER PRIMARY KEY, pid" INTEGER "comm TEXT NOT NULL, is_kernel" INTEGER
		     "start_ns" INTEGER "cgroup TEXT NOT NULL, tid" INTEGER
		     "thread TEXT NOT NULL, cpu INTEGER NOT NULL"),
    TABLE("stack", "id INTEGER PRIMARY KEY, node" INTEGER "process INTEGER NOT NULL"),
    TABLE("snapshot",
	  "id INTEGER PRIMARY KEY, t0_ns" INTEGER "t1_ns" INTEGER "mono_ns" INTEGER
	  "boot_ns" INTEGER "expected" INTEGER "taken" INTEGER "idle" INTEGER "filtered" INTEGER
	  "lost_ring_full" INTEGER "lost_ring_busy" INTEGER "lost_hash_storage" INTEGER
	  "lost_stack_storage" INTEGER "lost_missing" INTEGER "lost_backlog" INTEGER
	  "complete" INTEGER "truncated" INTEGER "kernel_only" INTEGER "modules" INTEGER
	  "frames" INTEGER "nodes" INTEGER "processes" INTEGER "stacks" INTEGER "dict_crc" INTEGER
	  "crc INTEGER NOT NULL"),
    TABLE("chunk", "snapshot INTEGER PRIMARY KEY, data BLOB NOT NULL"),
    {"top", "CREATE TABLE top(snapshot" INTEGER "frame" INTEGER "self" INTEGER "total" INTEGER
	    "PRIMARY KEY(snapshot, frame)) WITHOUT ROWID"},
    TABLE("mark", "id INTEGER PRIMARY KEY, t_ns" INTEGER "text TEXT NOT NULL"),
};
const size_t format_n_tables = ARRAY_SIZE(format_tables);

_Static_assert(sizeof(struct account) == FORMAT_ACCOUNT * sizeof(uint64_t), "numbers only");
_Static_assert(LOSSES == 6, "a new loss needs a column in snapshot, and a new FORMAT_VERSION");

#define FIELD(name, type)                                                                          \
	{                                                                                          \
#name, type, offsetof(struct recording_meta, name), false                          \
	}

const struct format_field format_fields[] = {
    FIELD(host, FORMAT_TEXT),
    FIELD(kernel, FORMAT_TEXT),
    FIELD(arch, FORMAT_TEXT),
    FIELD(version, FORMAT_TEXT),
    FIELD(command, FORMAT_TEXT),
    FIELD(command_status, FORMAT_I32),
    FIELD(event, FORMAT_TEXT),
    FIELD(filter, FORMAT_TEXT),
    FIELD(unwinder, FORMAT_TEXT),
    FIELD(online_cpus, FORMAT_U32),
    FIELD(freq_hz, FORMAT_U32),
    FIELD(period_ns, FORMAT_U64),
    FIELD(interval_ns, FORMAT_U64),
    FIELD(utc_offset_s, FORMAT_I32),
    FIELD(follows_command, FORMAT_BOOL),
    FIELD(includes_idle, FORMAT_BOOL),
    FIELD(undelivered, FORMAT_I64),
    FIELD(finished, FORMAT_BOOL),
    {"off_cpu_ns", FORMAT_U64, offsetof(struct recording_meta, off_cpu_ns), true},
};
const size_t format_n_fields = ARRAY_SIZE(format_fields);

const char *const format_owns[FORMAT_OWNS] = {"min_reader", "snapshots", "crc"};

char **format_text(struct recording_meta *meta, const struct format_field *f)
{
	return (char **)((char *)meta + f->offset);
}

int64_t format_get(const struct recording_meta *meta, const struct format_field *f)
{
	const void *p = (const char *)meta + f->offset;

	switch (f->type) {
	case FORMAT_BOOL:
		return *(const bool *)p;
	case FORMAT_I32:
		return *(const int32_t *)p;
	case FORMAT_U32:
		return *(const uint32_t *)p;
	default:
		return *(const int64_t *)p;
	}
}

bool format_has(const struct recording_meta *meta, const struct format_field *f)
{
	return !f->is_optional || format_get(meta, f);
}

int format_set(struct recording_meta *meta, const struct format_field *f, int64_t v)
{
	void *p = (char *)meta + f->offset;

	switch (f->type) {
	case FORMAT_BOOL:
		*(bool *)p = v;
		return v == 0 || v == 1 ? 0 : -ERANGE;
	case FORMAT_I32:
		*(int32_t *)p = (int32_t)v;
		return v == (int32_t)v ? 0 : -ERANGE;
	case FORMAT_U32:
		*(uint32_t *)p = (uint32_t)v;
		return v == (uint32_t)v ? 0 : -ERANGE;
	case FORMAT_U64:
		*(uint64_t *)p = (uint64_t)v;
		return v >= 0 ? 0 : -ERANGE;
	default:
		*(int64_t *)p = v;
		return 0;
	}
}

static void add_u64(struct strbuf *sb, uint64_t v)
{
	v = htole64(v);
	strbuf_add(sb, &v, sizeof(v));
}

static void add_text(struct strbuf *sb, const void *text, size_t len)
{
	add_u64(sb, len);
	strbuf_add(sb, text, len);
}

uint32_t format_meta_crc(const struct recording_meta *meta, int64_t snapshots)
{
	struct strbuf sb = {0};
	uint32_t crc;

	add_u64(&sb, snapshots);
	for (size_t i = 0; i < format_n_fields; i++) {
		const struct format_field *f = &format_fields[i];

		if (f->type == FORMAT_TEXT) {
			const char *text = *format_text((struct recording_meta *)meta, f);

			add_text(&sb, text, strlen(text));
		} else if (format_has(meta, f)) {
			add_u64(&sb, format_get(meta, f));
		}
	}
	crc = chunk_crc(0, sb.data, sb.len);
	strbuf_deinit(&sb);
	return crc;
}

static uint32_t row_crc(const uint64_t col[FORMAT_COLUMNS], uint64_t id)
{
	uint64_t le[FORMAT_COLUMNS] = {htole64(id)};

	for (int i = 1; i < FORMAT_COLUMNS; i++)
		le[i] = htole64(col[i - 1]);
	return chunk_crc(0, le, sizeof(le));
}

void format_pack(const struct format_row *row, uint64_t id, uint64_t col[FORMAT_COLUMNS])
{
	const struct snapshot_info *s = &row->info;
	const struct account *a = &s->account;
	uint64_t *to = col;

	*to++ = s->t0_ns;
	*to++ = s->t1_ns;
	*to++ = s->mono_ns;
	*to++ = s->boot_ns;
	*to++ = a->expected;
	*to++ = a->taken;
	*to++ = a->idle;
	*to++ = a->filtered;
	for (int i = 0; i < LOSSES; i++)
		*to++ = a->lost[i];
	*to++ = a->complete;
	*to++ = a->truncated;
	*to++ = a->kernel_only;
	for (int i = 0; i < FORMAT_DICT; i++)
		*to++ = row->n[i];
	*to++ = row->dict_crc;
	*to = row_crc(col, id);
}

int format_unpack(const uint64_t col[FORMAT_COLUMNS], uint64_t id, struct format_row *row_ret)
{
	struct format_row row;
	struct snapshot_info *s = &row.info;
	struct account *a = &s->account;
	const uint64_t *from = col;

	s->t0_ns = *from++;
	s->t1_ns = *from++;
	s->mono_ns = *from++;
	s->boot_ns = *from++;
	a->expected = *from++;
	a->taken = *from++;
	a->idle = *from++;
	a->filtered = *from++;
	for (int i = 0; i < LOSSES; i++)
		a->lost[i] = *from++;
	a->complete = *from++;
	a->truncated = *from++;
	a->kernel_only = *from++;
	for (int i = 0; i < FORMAT_DICT; i++)
		row.n[i] = *from++;
	row.dict_crc = (uint32_t)*from++;
	if (*from != row_crc(col, id) || row.dict_crc != from[-1])
		return -EBADMSG;
	*row_ret = row;
	return 0;
}

static bool is_same_time(const struct snapshot_info *a, const struct snapshot_info *b)
{
	return a->t0_ns == b->t0_ns && a->t1_ns == b->t1_ns && a->mono_ns == b->mono_ns &&
	       a->boot_ns == b->boot_ns;
}

bool format_is_sound(const struct format_row *row, const struct format_row *before, bool same_time,
		     const struct account *sum)
{
	const struct snapshot_info *s = &row->info;
	const struct account *a = &s->account;

	if (s->t0_ns >= s->t1_ns || s->t1_ns > INT64_MAX || s->mono_ns > INT64_MAX ||
	    s->boot_ns > INT64_MAX)
		return false;
	/* With all parts below 2^59 the sums of account_balanced() cannot wrap around. */
	for (const uint64_t *part = &a->expected; part <= &a->kernel_only; part++)
		if (*part > INT64_MAX / 16)
			return false;
	if (!account_balanced(a) || a->expected > INT64_MAX - sum->expected)
		return false;
	for (int i = 0; i < FORMAT_DICT; i++)
		if (row->n[i] > UINT32_MAX || (before && row->n[i] < before->n[i]))
			return false;
	if (same_time)
		return before && is_same_time(&before->info, s);
	return !before || before->info.t1_ns <= s->t0_ns;
}
