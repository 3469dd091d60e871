#include "store/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outfile.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "store/chunk.h"
#include "store/schema.h"

#define MAX_BLOB_BYTES (1 << 26)
/* Of what could not be held anyway. */
#define MAX_ROWS 0x10000000

struct reader {
	sqlite3 *db;
	sqlite3_stmt *load;
	struct chunk chunk;
	char *copy; /* private folder, or NULL */
	struct strbuf text;
	const char *path, *why; /* while opening */
};

static void remove_copy(struct reader *r)
{
	static const char *const names[] = {"x.flame", "x.flame-wal", "x.flame-shm"};

	for (size_t i = 0; r->copy && i < ARRAY_SIZE(names); i++) {
		char *name = xasprintf("%s/%s", r->copy, names[i]);

		unlink(name);
		free(name);
	}
	if (r->copy)
		rmdir(r->copy);
	free(r->copy);
	r->copy = NULL;
}

static void close_reader(struct recording *rec)
{
	struct reader *r = rec->impl;

	if (!r)
		return;
	sqlite3_finalize(r->load);
	sqlite3_close(r->db);
	chunk_deinit(&r->chunk);
	strbuf_deinit(&r->text);
	remove_copy(r);
	free(r);
}

static int load(struct recording *rec, size_t index, struct snapshot *s)
{
	struct reader *r = rec->impl;
	int err = -EBADMSG;

	sqlite3_bind_int64(r->load, 1, (sqlite3_int64)index);
	if (sqlite3_step(r->load) == SQLITE_ROW)
		err = chunk_decode(&r->chunk, sqlite3_column_blob(r->load, 1),
				   sqlite3_column_bytes(r->load, 1),
				   (uint32_t)sqlite3_column_int64(r->load, 0),
				   rec->dict.n_processes, rec->dict.n_nodes, s);
	sqlite3_reset(r->load);
	return err;
}

static int damaged(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return -EBADMSG;
}

static int check_schema(struct reader *r)
{
	static const char *const schema[] = {STORE_SCHEMA};
	sqlite3_stmt *q;
	size_t n = 0;
	int err = 0;

	if (sqlite3_prepare_v2(r->db,
			       "SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY rowid",
			       -1, &q, NULL))
		return damaged(r, "it cannot be read");
	while (!err && sqlite3_step(q) == SQLITE_ROW) {
		const char *sql = (const char *)sqlite3_column_text(q, 0);

		if (n == ARRAY_SIZE(schema) || !sql || strcmp(sql, schema[n]))
			err = damaged(r, "its tables are not those of a recording");
		n++;
	}
	if (sqlite3_finalize(q) || n != ARRAY_SIZE(schema))
		err = damaged(r, "its tables are not those of a recording");
	return err;
}

static int64_t pragma(struct reader *r, const char *sql)
{
	sqlite3_stmt *q;
	int64_t v = -1;

	if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL))
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static const char *clean_column(struct reader *r, sqlite3_stmt *q, int at, size_t *len_ret)
{
	const char *s = (const char *)sqlite3_column_text(q, at);

	strbuf_clear(&r->text);
	utf8_add_clean(&r->text, s ? s : "", s ? sqlite3_column_bytes(q, at) : 0);
	if (len_ret)
		*len_ret = r->text.len;
	return strbuf_str(&r->text);
}

static void take_text(struct reader *r, sqlite3_stmt *q, int at, char **field)
{
	free(*field);
	*field = xstrdup(clean_column(r, q, at, NULL));
}

static void take_setting(struct reader *r, struct recording_meta *m, sqlite3_stmt *q)
{
	const char *key = (const char *)sqlite3_column_text(q, 0);
	int64_t v = sqlite3_column_int64(q, 1);
	struct {
		const char *key;
		char **text;
	} texts[] = {{"version", &m->version},
		     {"command", &m->command},
		     {"event", &m->event},
		     {"filter", &m->filter},
		     {"unwinder", &m->unwinder}};

	if (!key)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(key, texts[i].key))
			take_text(r, q, 1, texts[i].text);
	if (!strcmp(key, "command_status"))
		m->command_status = (int)v;
	else if (!strcmp(key, "freq_hz"))
		m->freq_hz = (uint32_t)v;
	else if (!strcmp(key, "period_ns"))
		m->period_ns = (uint64_t)v;
	else if (!strcmp(key, "interval_ns"))
		m->interval_ns = (uint64_t)v;
	else if (!strcmp(key, "follows_command"))
		m->follows_command = v;
	else if (!strcmp(key, "includes_idle"))
		m->includes_idle = v;
	else if (!strcmp(key, "undelivered"))
		m->undelivered = v;
	else if (!strcmp(key, "finished"))
		m->finished = v;
}

/* Runs a query and gives each row to `take`, until one is refused. */
static int each(struct reader *r, struct recording *rec, const char *sql,
		int (*take)(struct reader *, struct recording *, sqlite3_stmt *))
{
	sqlite3_stmt *q;
	int err = 0, rc, n = 0;

	if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL))
		return damaged(r, "it cannot be read");
	while (!err && (rc = sqlite3_step(q)) == SQLITE_ROW)
		err = ++n > MAX_ROWS ? damaged(r, "it has too many rows") : take(r, rec, q);
	if (!err && rc != SQLITE_DONE)
		err = damaged(r, "it cannot be read to its end");
	sqlite3_finalize(q);
	return err;
}

static int take_meta(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	take_setting(r, &rec->meta, q);
	return 0;
}

static int take_host(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	take_text(r, q, 0, &rec->meta.host);
	take_text(r, q, 1, &rec->meta.kernel);
	take_text(r, q, 2, &rec->meta.arch);
	rec->meta.online_cpus = (uint32_t)sqlite3_column_int64(q, 3);
	rec->meta.utc_offset_s = (int32_t)sqlite3_column_int64(q, 4);
	return rec->meta.online_cpus > 1 << 20 ? damaged(r, "its number of CPUs is absurd") : 0;
}

static uint32_t take_string(struct reader *r, struct recording *rec, sqlite3_stmt *q, int at)
{
	size_t len;
	const char *s = clean_column(r, q, at, &len);

	return dict_string(&rec->dict, s, len);
}

/* Whether a row has the number that comes next. */
static bool is_next(sqlite3_stmt *q, size_t n)
{
	return sqlite3_column_int64(q, 0) == (int64_t)n;
}

static int take_module(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	struct dict *d = &rec->dict;
	size_t n = d->n_modules;

	if (is_next(q, 0))
		return 0;
	if (!is_next(q, n))
		return damaged(r, "its modules are not in order");
	dict_module(d, take_string(r, rec, q, 1), sqlite3_column_blob(q, 2),
		    sqlite3_column_bytes(q, 2));
	return d->n_modules == n + 1 ? 0 : damaged(r, "a module is there twice");
}

static int take_frame(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	struct dict *d = &rec->dict;
	size_t n = d->n_frames;
	int64_t module = sqlite3_column_int64(q, 2), kind = sqlite3_column_int64(q, 3);

	if (!is_next(q, n) || module < 0 || module >= (int64_t)d->n_modules || kind < 0 ||
	    kind >= FRAME_KINDS)
		return damaged(r, "a function is out of order");
	dict_frame(d, take_string(r, rec, q, 1), (uint32_t)module, (enum frame_kind)kind);
	return d->n_frames == n + 1 ? 0 : damaged(r, "a function is there twice");
}

static int take_node(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	struct dict *d = &rec->dict;
	size_t n = d->n_nodes;
	int64_t parent = sqlite3_column_int64(q, 1), frame = sqlite3_column_int64(q, 2);

	if (!is_next(q, n) || parent < 0 || parent >= (int64_t)n || frame < 0 ||
	    frame >= (int64_t)d->n_frames)
		return damaged(r, "a stack is out of order");
	dict_node(d, (uint32_t)parent, (uint32_t)frame);
	return d->n_nodes == n + 1 ? 0 : damaged(r, "a stack is there twice");
}

static int take_process(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	struct process p = {.pid = (uint32_t)sqlite3_column_int64(q, 1),
			    .comm = take_string(r, rec, q, 2),
			    .is_kernel = sqlite3_column_int64(q, 3),
			    .start_ns = (uint64_t)sqlite3_column_int64(q, 4)};

	if (is_next(q, 0))
		return 0;
	if (!is_next(q, rec->dict.n_processes))
		return damaged(r, "its processes are not in order");
	dict_process(&rec->dict, &p);
	return 0;
}

static int take_snapshot(struct reader *r, struct recording *rec, sqlite3_stmt *q)
{
	uint64_t v[9 + LOSSES + 3];
	struct snapshot_info info;
	const struct snapshot_info *last =
	    rec->n_snapshots ? &rec->snapshot[rec->n_snapshots - 1] : NULL;
	struct account *a = &info.account;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = (uint64_t)sqlite3_column_int64(q, (int)i);
		if (v[i] > INT64_MAX / (i < 5 ? 1 : 1024))
			return damaged(r, "a snapshot's numbers are absurd");
	}
	info =
	    (struct snapshot_info){.t0_ns = v[1], .t1_ns = v[2], .mono_ns = v[3], .boot_ns = v[4]};
	*a = (struct account){.expected = v[5],
			      .taken = v[6],
			      .idle = v[7],
			      .filtered = v[8],
			      .complete = v[9 + LOSSES],
			      .truncated = v[10 + LOSSES],
			      .kernel_only = v[11 + LOSSES]};
	memcpy(a->lost, v + 9, sizeof(a->lost));
	if (v[0] != rec->n_snapshots || info.t1_ns <= info.t0_ns ||
	    (last && info.t0_ns < last->t1_ns))
		return damaged(r, "its snapshots are not in order");
	if (!account_balanced(a))
		return damaged(r, "the account of a snapshot does not add up");
	recording_add_info(rec, &info);
	return 0;
}

static int read_all(struct reader *r, struct recording *rec)
{
	int err;

	if (pragma(r, "PRAGMA application_id") != STORE_APPLICATION_ID)
		return damaged(r, "it is no recording of flamelapse");
	if (pragma(r, "SELECT value FROM meta WHERE key = 'min_reader'") > STORE_MIN_READER)
		return damaged(r, "a newer flamelapse made it; install that one");
	err = check_schema(r);
	if (!err)
		err = each(r, rec, "SELECT key, value FROM meta", take_meta);
	if (!err)
		err = each(r, rec, "SELECT name, kernel, arch, online_cpus, utc_offset_s FROM host",
			   take_host);
	if (!err)
		err = each(r, rec, "SELECT * FROM module ORDER BY id", take_module);
	if (!err)
		err = each(r, rec, "SELECT * FROM frame ORDER BY id", take_frame);
	if (!err)
		err = each(r, rec, "SELECT * FROM node ORDER BY id", take_node);
	if (!err)
		err = each(r, rec, "SELECT * FROM process ORDER BY id", take_process);
	if (!err)
		err = each(r, rec, "SELECT * FROM snapshot ORDER BY id", take_snapshot);
	if (!err && sqlite3_prepare_v3(r->db, "SELECT crc32, data FROM chunk WHERE snapshot = ?",
				       -1, SQLITE_PREPARE_PERSISTENT, &r->load, NULL))
		err = damaged(r, "it cannot be read");
	return err;
}

static int open_database(struct reader *r, const char *path)
{
	if (sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL) &&
	    sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY, NULL))
		return damaged(r, "it cannot be opened");
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(r->db, SQLITE_LIMIT_LENGTH, MAX_BLOB_BYTES);
	sqlite3_exec(r->db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA query_only=ON",
		     NULL, NULL, NULL);
	sqlite3_busy_timeout(r->db, 2000);
	/* One view of a file that may be growing. */
	if (sqlite3_exec(r->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL))
		return -EAGAIN;
	return 0;
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), err = 0;
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	static char buf[1 << 16];
	ssize_t n = 0;

	if (in < 0 || out < 0)
		err = -errno;
	while (!err && (n = read(in, buf, sizeof(buf))) > 0)
		err = write_all(out, buf, n);
	if (n < 0)
		err = -errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return err;
}

/* What a killed recorder left in a folder where we may not write. */
static int open_copy(struct reader *r)
{
	const char *folder = getenv("TMPDIR");
	char *template = xasprintf("%s/flamelapse-XXXXXX", folder ? folder : "/tmp");
	char *wal = xasprintf("%s-wal", r->path), *to, *to_wal;
	int err;

	sqlite3_close(r->db);
	r->db = NULL;
	if (!mkdtemp(template)) {
		err = -errno;
		free(template);
		free(wal);
		return err;
	}
	r->copy = template;
	to = xasprintf("%s/x.flame", template);
	to_wal = xasprintf("%s/x.flame-wal", template);
	err = copy_file(r->path, to);
	if (!err && !access(wal, F_OK))
		err = copy_file(wal, to_wal);
	if (!err && sqlite3_open_v2(to, &r->db, SQLITE_OPEN_READWRITE, NULL))
		err = -EIO;
	if (!err) {
		/* Only to fold the log into the copy; then it is opened like any stranger's file.
		 */
		sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		sqlite3_exec(r->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
		sqlite3_close(r->db);
		r->db = NULL;
		err = open_database(r, to);
	}
	free(to);
	free(to_wal);
	free(wal);
	return err;
}

/* What can be told without SQLite: it says "not a database" of far too much. */
static int check_file(struct reader *r)
{
	static const char magic[] = "SQLite format 3";
	char head[sizeof(magic)];
	struct stat st;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;

	if (fd < 0 || fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = damaged(r, "it is no file");
	else if (!st.st_size)
		err = damaged(r, "it is empty");
	else if (read(fd, head, sizeof(head)) != sizeof(head) || memcmp(head, magic, sizeof(head)))
		err = damaged(r, "it is no recording of flamelapse");
	if (fd >= 0)
		close(fd);
	return err;
}

int store_open(const char *path, struct recording *rec)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	int err;

	recording_init(rec);
	rec->impl = r;
	rec->close = close_reader;
	rec->load = load;
	r->path = path;
	err = check_file(r);
	if (!err) {
		err = open_database(r, path);
		if (err == -EAGAIN)
			err = open_copy(r);
		if (err == -EAGAIN)
			err = damaged(r, "it is damaged");
	}
	if (!err)
		err = read_all(r, rec);
	if (r->why)
		log_error("cannot open '%s': %s", path, r->why);
	else if (err)
		log_error("cannot open '%s': %s", path, strerror(-err));
	return err;
}
