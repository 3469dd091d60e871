#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "store/chunk.h"
#include "store/schema.h"

#define TOP_FUNCTIONS 100
#define CHECKPOINT_NS 10000000000ull

enum statement {
	ADD_MODULE,
	ADD_FRAME,
	ADD_NODE,
	ADD_PROCESS,
	ADD_SNAPSHOT,
	ADD_CHUNK,
	ADD_TOP,
	SET_META,
	BEGIN,
	COMMIT,
	STATEMENTS
};

static const char *const statements[STATEMENTS] = {
    [ADD_MODULE] = "INSERT INTO module VALUES(?, ?, ?)",
    [ADD_FRAME] = "INSERT INTO frame VALUES(?, ?, ?, ?)",
    [ADD_NODE] = "INSERT INTO node VALUES(?, ?, ?)",
    [ADD_PROCESS] = "INSERT INTO process VALUES(?, ?, ?, ?, ?)",
    [ADD_SNAPSHOT] = "INSERT INTO snapshot VALUES("
		     "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_CHUNK] = "INSERT INTO chunk VALUES(?, ?, ?)",
    [ADD_TOP] = "INSERT INTO top VALUES(?, ?, ?, ?)",
    [SET_META] = "INSERT OR REPLACE INTO meta VALUES(?, ?)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

/* Self and total of a function in the snapshot that is being written. */
struct function {
	uint64_t self, total;
	uint32_t frame, seen; /* seen: the stack that counted it last */
};

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *stmt[STATEMENTS];
	size_t n_modules, n_frames, n_nodes, n_processes, n_snapshots; /* written */
	struct chunk chunk;
	struct function *function; /* by frame */
	size_t cap_functions;
	uint32_t *used; /* frames that occur in the snapshot */
	size_t n_used, cap_used;
	uint64_t checkpoint_ns;
	bool has_wal, failed;
};

static int translate(sqlite3 *db)
{
	int sys = sqlite3_system_errno(db);

	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return sys ? -sys : -EIO;
	default:
		return -EIO;
	}
}

/* Tells of the failure once, and refuses what follows. */
static int fail(struct store *st, const char *what)
{
	int err = translate(st->db);

	if (!err)
		err = -EIO;
	if (!st->failed && err == -ENOSPC)
		log_error("cannot %s '%s': the disk is full; it can be read up to its last "
			  "snapshot",
			  what, st->path);
	else if (!st->failed && err == -EBUSY)
		log_error("cannot %s '%s': another program is using it", what, st->path);
	else if (!st->failed)
		log_error("cannot %s '%s': %s", what, st->path, strerror(-err));
	st->failed = true;
	return err;
}

static int run(struct store *st, const char *sql)
{
	return sqlite3_exec(st->db, sql, NULL, NULL, NULL);
}

static int step(struct store *st, enum statement which)
{
	int rc = sqlite3_step(st->stmt[which]);

	sqlite3_reset(st->stmt[which]);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static void bind_int(struct store *st, enum statement which, int at, uint64_t v)
{
	sqlite3_bind_int64(st->stmt[which], at, (sqlite3_int64)v);
}

static void bind_text(struct store *st, enum statement which, int at, const char *s)
{
	sqlite3_bind_text(st->stmt[which], at, s, -1, SQLITE_STATIC);
}

/* 0 where the name is free to be written: nothing, an empty file, or a recording. */
static int check_target(const char *path)
{
	static const char magic[] = "SQLite format 3";
	unsigned char head[100] = {0};
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, head, sizeof(head));
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = -EEXIST;
	else if (n && (memcmp(head, magic, sizeof(magic)) ||
		       (uint32_t)(head[68] << 24 | head[69] << 16 | head[70] << 8 | head[71]) !=
			   STORE_APPLICATION_ID))
		err = -EEXIST;
	close(fd);
	return err;
}

/* The new file takes the name at once: who reads the old one keeps it. */
static int make_room(const char *path)
{
	static const char *const beside[] = {"", "-wal", "-shm", "-journal"};
	int err = check_target(path), fd;

	for (size_t i = 0; !err && i < ARRAY_SIZE(beside); i++) {
		char *name = xasprintf("%s%s", path, beside[i]);

		if (unlink(name) && errno != ENOENT)
			err = -errno;
		free(name);
	}
	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_database(struct store *st)
{
	static const char *const schema[] = {STORE_SCHEMA};
	char sql[128];

	if (sqlite3_open_v2(st->path, &st->db, SQLITE_OPEN_READWRITE, NULL))
		return fail(st, "create");
	sqlite3_extended_result_codes(st->db, 1);
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 STORE_APPLICATION_ID, STORE_VERSION);
	if (run(st, "PRAGMA page_size=8192; PRAGMA locking_mode=NORMAL") || run(st, sql))
		return fail(st, "create");
	/* With a WAL a commit is one write, and a killed writer loses nothing that was written. */
	st->has_wal = false;
	run(st, "PRAGMA journal_mode=WAL");
	sqlite3_stmt *q;
	if (!sqlite3_prepare_v2(st->db, "PRAGMA journal_mode", -1, &q, NULL)) {
		st->has_wal = sqlite3_step(q) == SQLITE_ROW &&
			      !strcmp((const char *)sqlite3_column_text(q, 0), "wal");
		sqlite3_finalize(q);
	}
	if (run(st, st->has_wal ? "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0"
				: "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL") ||
	    run(st, "BEGIN"))
		return fail(st, "create");
	for (size_t i = 0; i < ARRAY_SIZE(schema); i++)
		if (run(st, schema[i]))
			return fail(st, "create");
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(st->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &st->stmt[i], NULL))
			return fail(st, "create");
	return 0;
}

static int set(struct store *st, const char *key, const char *text, int64_t number)
{
	bind_text(st, SET_META, 1, key);
	if (text)
		bind_text(st, SET_META, 2, text);
	else
		bind_int(st, SET_META, 2, (uint64_t)number);
	return step(st, SET_META);
}

static int write_host(struct store *st, const struct recording_meta *m)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(st->db, "INSERT OR REPLACE INTO host VALUES(1, ?, ?, ?, ?, ?)",
				    -1, &q, NULL);

	if (rc)
		return rc;
	sqlite3_bind_text(q, 1, m->host, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, m->kernel, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, m->arch, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 4, m->online_cpus);
	sqlite3_bind_int64(q, 5, m->utc_offset_s);
	sqlite3_step(q);
	return sqlite3_finalize(q);
}

static int write_meta(struct store *st, const struct recording_meta *m)
{
	return set(st, "min_reader", NULL, STORE_MIN_READER) || set(st, "version", m->version, 0) ||
	       set(st, "command", m->command, 0) ||
	       set(st, "command_status", NULL, m->command_status) ||
	       set(st, "event", m->event, 0) || set(st, "filter", m->filter, 0) ||
	       set(st, "unwinder", m->unwinder, 0) || set(st, "freq_hz", NULL, m->freq_hz) ||
	       set(st, "period_ns", NULL, (int64_t)m->period_ns) ||
	       set(st, "interval_ns", NULL, (int64_t)m->interval_ns) ||
	       set(st, "follows_command", NULL, m->follows_command) ||
	       set(st, "includes_idle", NULL, m->includes_idle) ||
	       set(st, "undelivered", NULL, m->undelivered) ||
	       set(st, "finished", NULL, m->finished) || write_host(st, m);
}

int store_create(const char *path, const struct recording_meta *meta, struct store **ret)
{
	struct store *st;
	int err = make_room(path);

	if (err == -EEXIST)
		log_error("'%s' is there and is no recording: give another name, or remove it",
			  path);
	else if (err)
		log_error("cannot create '%s': %s", path, strerror(-err));
	if (err)
		return err;
	st = xcalloc(1, sizeof(*st));
	st->path = xstrdup(path);
	st->n_nodes = 1; /* the empty stack is understood */
	err = open_database(st);
	if (!err && (write_meta(st, meta) || step(st, COMMIT)))
		err = fail(st, "create");
	if (err) {
		store_destroy(st);
		unlink(path);
		return err;
	}
	*ret = st;
	return 0;
}

static int write_names(struct store *st, const struct dict *d)
{
	for (; st->n_modules < d->n_modules; st->n_modules++) {
		const struct module *m = &d->module[st->n_modules];

		bind_int(st, ADD_MODULE, 1, st->n_modules);
		bind_text(st, ADD_MODULE, 2, dict_text(d, m->path));
		sqlite3_bind_blob(st->stmt[ADD_MODULE], 3, m->build_id, m->build_id_size,
				  SQLITE_STATIC);
		if (step(st, ADD_MODULE))
			return -1;
	}
	for (; st->n_frames < d->n_frames; st->n_frames++) {
		const struct frame *f = &d->frame[st->n_frames];

		bind_int(st, ADD_FRAME, 1, st->n_frames);
		bind_text(st, ADD_FRAME, 2, dict_text(d, f->name));
		bind_int(st, ADD_FRAME, 3, f->module);
		bind_int(st, ADD_FRAME, 4, f->kind);
		if (step(st, ADD_FRAME))
			return -1;
	}
	for (; st->n_processes < d->n_processes; st->n_processes++) {
		const struct process *p = &d->process[st->n_processes];

		bind_int(st, ADD_PROCESS, 1, st->n_processes);
		bind_int(st, ADD_PROCESS, 2, p->pid);
		bind_text(st, ADD_PROCESS, 3, dict_text(d, p->comm));
		bind_int(st, ADD_PROCESS, 4, p->is_kernel);
		bind_int(st, ADD_PROCESS, 5, p->start_ns);
		if (step(st, ADD_PROCESS))
			return -1;
	}
	return 0;
}

static int write_nodes(struct store *st, const struct dict *d)
{
	for (; st->n_nodes < d->n_nodes; st->n_nodes++) {
		bind_int(st, ADD_NODE, 1, st->n_nodes);
		bind_int(st, ADD_NODE, 2, d->node[st->n_nodes].parent);
		bind_int(st, ADD_NODE, 3, d->node[st->n_nodes].frame);
		if (step(st, ADD_NODE))
			return -1;
	}
	return 0;
}

static int write_info(struct store *st, const struct snapshot_info *info)
{
	const struct account *a = &info->account;
	const uint64_t head[] = {st->n_snapshots, info->t0_ns,	 info->t1_ns,
				 info->mono_ns,	  info->boot_ns, a->expected,
				 a->taken,	  a->idle,	 a->filtered};
	const uint64_t tail[] = {a->complete, a->truncated, a->kernel_only};
	int at = 1;

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		bind_int(st, ADD_SNAPSHOT, at++, head[i]);
	for (int i = 0; i < LOSSES; i++)
		bind_int(st, ADD_SNAPSHOT, at++, a->lost[i]);
	for (size_t i = 0; i < ARRAY_SIZE(tail); i++)
		bind_int(st, ADD_SNAPSHOT, at++, tail[i]);
	return step(st, ADD_SNAPSHOT);
}

static int by_self(const void *pa, const void *pb, void *arg)
{
	const struct function *f = arg;
	const struct function *a = &f[*(const uint32_t *)pa], *b = &f[*(const uint32_t *)pb];

	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

/* A function that calls itself is counted once a stack. */
static void count_functions(struct store *st, const struct dict *d, const struct snapshot *s)
{
	size_t old = st->cap_functions;

	st->function = xgrow(st->function, &st->cap_functions, d->n_frames, sizeof(*st->function));
	memset(st->function + old, 0, (st->cap_functions - old) * sizeof(*st->function));
	st->n_used = 0;
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i];

		for (uint32_t n = e->node; n; n = d->node[n].parent) {
			struct function *f = &st->function[d->node[n].frame];

			if (f->seen == i + 1)
				continue;
			if (!f->total) {
				st->used = xgrow(st->used, &st->cap_used, st->n_used + 1,
						 sizeof(*st->used));
				st->used[st->n_used++] = f->frame = d->node[n].frame;
			}
			f->seen = (uint32_t)i + 1;
			f->total += e->count;
		}
		if (e->node)
			st->function[d->node[e->node].frame].self += e->count;
	}
}

static int write_top(struct store *st, const struct dict *d, const struct snapshot *s)
{
	uint64_t least = s->info.account.taken / 200;
	int err = 0;

	count_functions(st, d, s);
	if (st->n_used)
		qsort_r(st->used, st->n_used, sizeof(*st->used), by_self, st->function);
	for (size_t i = 0; i < st->n_used; i++) {
		struct function *f = &st->function[st->used[i]];

		if (!err && i < TOP_FUNCTIONS && f->self && f->self >= least) {
			bind_int(st, ADD_TOP, 1, st->n_snapshots);
			bind_int(st, ADD_TOP, 2, f->frame);
			bind_int(st, ADD_TOP, 3, f->self);
			bind_int(st, ADD_TOP, 4, f->total);
			err = step(st, ADD_TOP);
		}
		*f = (struct function){0};
	}
	return err;
}

static int write_chunk(struct store *st)
{
	bind_int(st, ADD_CHUNK, 1, st->n_snapshots);
	bind_int(st, ADD_CHUNK, 2, st->chunk.crc);
	sqlite3_bind_blob(st->stmt[ADD_CHUNK], 3, st->chunk.data, (int)st->chunk.size_bytes,
			  SQLITE_STATIC);
	return step(st, ADD_CHUNK);
}

/* So that a copy of the one file is never far behind. */
static void checkpoint(struct store *st)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000000ull + ts.tv_nsec;
	if (!st->has_wal || now - st->checkpoint_ns < CHECKPOINT_NS)
		return;
	st->checkpoint_ns = now;
	sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

int store_append(struct store *st, const struct dict *d, const struct snapshot *s)
{
	struct store before = *st;
	int err;

	if (st->failed)
		return -EIO;
	err = chunk_encode(&st->chunk, s);
	if (err) {
		log_error("cannot write '%s': a snapshot is too large", st->path);
		return err;
	}
	if (step(st, BEGIN) || write_names(st, d) || write_nodes(st, d) ||
	    write_info(st, &s->info) || write_top(st, d, s) || write_chunk(st) ||
	    step(st, COMMIT)) {
		err = fail(st, "write");
		run(st, "ROLLBACK");
		st->n_modules = before.n_modules;
		st->n_frames = before.n_frames;
		st->n_nodes = before.n_nodes;
		st->n_processes = before.n_processes;
		return err;
	}
	st->n_snapshots++;
	checkpoint(st);
	return 0;
}

int store_set_meta(struct store *st, const struct recording_meta *meta)
{
	if (st->failed)
		return -EIO;
	if (step(st, BEGIN) || write_meta(st, meta) || step(st, COMMIT))
		return fail(st, "write");
	return 0;
}

static void finalize_all(struct store *st)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(st->stmt[i]);
		st->stmt[i] = NULL;
	}
}

int store_finish(struct store *st)
{
	if (st->failed)
		return -EIO;
	if (step(st, BEGIN) || set(st, "finished", NULL, 1) || step(st, COMMIT))
		return fail(st, "finish");
	finalize_all(st);
	if (run(st, "PRAGMA journal_mode=DELETE"))
		return fail(st, "finish");
	return 0;
}

void store_destroy(struct store *st)
{
	if (!st)
		return;
	finalize_all(st);
	sqlite3_close(st->db);
	chunk_deinit(&st->chunk);
	free(st->function);
	free(st->used);
	free(st->path);
	free(st);
}
