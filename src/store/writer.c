#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outfile.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "profile/functions.h"
#include "store/chunk.h"
#include "store/format.h"
#include "store/recover.h"

/* Small pages fill better with blobs of 2 KB, large ones cost more of the log at each commit. */
#define PAGE_BYTES "8192"
/* Beyond this the log is moved over at once, however young it is. */
#define LOG_MAX_PAGES 4096

enum statement {
	BEGIN,
	COMMIT,
	META,
	MODULE,
	FRAME,
	NODE,
	PROCESS,
	SNAPSHOT,
	CHUNK,
	TOP,
	STATEMENTS
};

static const char *const statements[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [META] = "INSERT OR REPLACE INTO meta VALUES(?, ?)",
    [MODULE] = "INSERT INTO module VALUES(?, ?, ?)",
    [FRAME] = "INSERT INTO frame VALUES(?, ?, ?, ?)",
    [NODE] = "INSERT INTO node VALUES(?, ?, ?)",
    [PROCESS] = "INSERT INTO process VALUES(?, ?, ?, ?, ?)",
    [SNAPSHOT] = "INSERT INTO snapshot VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		 " ?, ?, ?, ?, ?, ?, ?)",
    [CHUNK] = "INSERT INTO chunk VALUES(?, ?)",
    [TOP] = "INSERT INTO top VALUES(?, ?, ?, ?)",
};

struct store_writer {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS];
	struct chunk_coder *coder;
	struct functions functions;
	struct strbuf new_rows; /* what dict_crc is made of */
	struct format_row last; /* the snapshot that was committed last */
	struct account sum;
	uint64_t n_snapshots;
	uint64_t synced_ns, checkpoint_ns;
	bool has_log, syncs;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int error_of(sqlite3 *db, int rc)
{
	int sys = db ? sqlite3_system_errno(db) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return sys == EDQUOT ? -EDQUOT : -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
	case SQLITE_PERM:
		return sys ? -sys : -EIO;
	default:
		return -EIO;
	}
}

static const char *way_out(int err)
{
	switch (-err) {
	case EEXIST:
		return "it is no recording, so it is not overwritten; remove it, or name another "
		       "file";
	case EBUSY:
		return "another flamelapse is recording to it; name another file";
	case ENOSPC:
	case EDQUOT:
		return "no space left on the device; it is readable up to the last snapshot";
	case EINVAL:
		return "a snapshot that contradicts itself was refused";
	default:
		return strerror(-err);
	}
}

static int fail(const char *path, int err)
{
	log_error("cannot write '%s': %s", path, way_out(err));
	return err;
}

static int run(sqlite3 *db, const char *sql)
{
	return error_of(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* Binds what `types` says: i an int64_t, s a text, b a blob and its size. */
static int insert(struct store_writer *w, enum statement which, const char *types, ...)
{
	sqlite3_stmt *st = w->stmt[which];
	va_list ap;
	int rc;

	va_start(ap, types);
	for (int i = 1; *types; types++, i++) {
		if (*types == 'i') {
			sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		} else if (*types == 's') {
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else {
			const void *blob = va_arg(ap, const void *);

			sqlite3_bind_blob64(st, i, blob ? blob : "", va_arg(ap, size_t),
					    SQLITE_STATIC);
		}
	}
	va_end(ap);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return error_of(w->db, rc);
}

static int begin(struct store_writer *w)
{
	return insert(w, BEGIN, "");
}

/* Ends the transaction: as if it had never begun where err is set, or becomes set. */
static int end(struct store_writer *w, int err)
{
	if (!err)
		err = insert(w, COMMIT, "");
	if (err && !sqlite3_get_autocommit(w->db))
		run(w->db, "ROLLBACK");
	return err;
}

static int put_meta(struct store_writer *w, const struct recording_meta *from, bool finished)
{
	struct recording_meta meta = *from;
	int64_t snapshots = finished ? (int64_t)w->n_snapshots : -1;
	int err = 0;

	meta.finished = finished;
	for (size_t i = 0; i < format_n_fields && !err; i++) {
		const struct format_field *f = &format_fields[i];

		err = f->type == FORMAT_TEXT ? insert(w, META, "ss", f->key, *format_text(&meta, f))
					     : insert(w, META, "si", f->key, format_get(&meta, f));
	}
	if (!err)
		err = insert(w, META, "si", format_owns[FORMAT_OWN_MIN_READER],
			     (int64_t)FORMAT_MIN_READER);
	if (!err)
		err = insert(w, META, "si", format_owns[FORMAT_OWN_SNAPSHOTS], snapshots);
	if (!err)
		err = insert(w, META, "si", format_owns[FORMAT_OWN_CRC],
			     (int64_t)format_meta_crc(&meta, snapshots));
	return err;
}

static int open_db(struct store_writer *w, const char *path, const char *vfs)
{
	int rc = sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);

	sqlite3_extended_result_codes(w->db, 1);
	return error_of(w->db, rc);
}

static int prepare(struct store_writer *w, enum statement first, enum statement last)
{
	int err = 0;

	for (int i = first; i <= (int)last && !err; i++)
		err = error_of(w->db,
			       sqlite3_prepare_v3(w->db, statements[i], -1,
						  SQLITE_PREPARE_PERSISTENT, &w->stmt[i], NULL));
	return err;
}

static void close_db(struct store_writer *w)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(w->stmt[i]);
		w->stmt[i] = NULL;
	}
	sqlite3_close(w->db);
	w->db = NULL;
}

/* The empty recording, in a file that nobody else knows yet: without locks and without a journal.
 */
static int write_schema(struct store_writer *w, const char *temp, const struct recording_meta *meta)
{
	struct strbuf sql = {0};
	int err = open_db(w, temp, "unix-none");

	strbuf_addf(&sql,
		    "PRAGMA page_size=" PAGE_BYTES "; PRAGMA journal_mode=OFF;"
		    "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN;",
		    FORMAT_APPLICATION_ID, FORMAT_VERSION);
	for (size_t i = 0; i < format_n_tables; i++)
		strbuf_addf(&sql, "%s;", format_tables[i].sql);
	if (!err)
		err = run(w->db, strbuf_str(&sql));
	if (!err)
		err = prepare(w, BEGIN, META);
	if (!err)
		err = put_meta(w, meta, false);
	if (!err)
		err = insert(w, COMMIT, "");
	close_db(w);
	strbuf_deinit(&sql);
	return err;
}

/* Whether the name is free for us: 0, -EEXIST or -EBUSY. */
static int look_before(const char *path)
{
	struct stat st;
	int fd, err = 0;

	if (stat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	if (!st.st_size)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!recover_is_recording(fd))
		err = -EEXIST;
	else if (recover_is_locked(fd))
		err = -EBUSY;
	close(fd);
	return err;
}

static void remove_beside(const char *path)
{
	static const char *const suffix[] = {"-wal", "-journal", "-shm"};

	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++) {
		char *name = xasprintf("%s%s", path, suffix[i]);

		unlink(name);
		free(name);
	}
}

/* Puts an empty recording under the name. */
static int put_under_name(struct store_writer *w, const struct recording_meta *meta, ino_t *ino_ret)
{
	struct outfile out;
	struct stat st;
	int err = outfile_open(&out, w->path);

	if (err)
		return err;
	err = write_schema(w, out.temp, meta);
	if (!err && (fsync(out.fd) || fstat(out.fd, &st)))
		err = -errno;
	if (err) {
		outfile_abort(&out);
		return err;
	}
	*ino_ret = st.st_ino;
	/* A log of the old recording would be taken for ours. */
	remove_beside(w->path);
	return outfile_commit(&out);
}

static int set_journal(struct store_writer *w, const char *mode)
{
	char *sql = xasprintf("PRAGMA journal_mode=%s", mode);
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(w->db, sql, -1, &st, NULL), err;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	err = error_of(w->db, rc);
	if (!err &&
	    (rc != SQLITE_ROW || sqlite3_stricmp((const char *)sqlite3_column_text(st, 0), mode)))
		err = -ENOTSUP;
	sqlite3_finalize(st);
	free(sql);
	return err;
}

/*
 * Exclusive locking needs no shared memory, so that the log works on most network filesystems. A
 * filesystem without locks gets none: the name is ours alone since put_under_name().
 */
static int open_live(struct store_writer *w)
{
	static const char *const setup = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL;"
					 "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-8000;"
					 "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=0";
	static const struct {
		const char *vfs, *mode;
	} ways[] = {{NULL, "wal"}, {NULL, "truncate"}, {"unix-none", "truncate"}};
	int err = -EIO;

	for (size_t i = 0; i < ARRAY_SIZE(ways) && err && err != -EBUSY && err != -ENOSPC; i++) {
		close_db(w);
		err = open_db(w, w->path, ways[i].vfs);
		if (!err)
			err = run(w->db, setup);
		if (!err)
			err = set_journal(w, ways[i].mode);
		if (!err) /* takes the lock, which is kept from then on */
			err = run(w->db, "BEGIN EXCLUSIVE; COMMIT");
		w->has_log = !err && !i;
	}
	return err;
}

static void store_free(struct store_writer *w)
{
	close_db(w);
	chunk_coder_destroy(w->coder);
	functions_deinit(&w->functions);
	strbuf_deinit(&w->new_rows);
	free(w->path);
	free(w);
}

int store_create(const char *path, const struct recording_meta *meta, struct store_writer **w_ret)
{
	struct store_writer *w = xcalloc(1, sizeof(*w));
	struct stat st;
	ino_t ino = 0;
	int err;

	w->path = xstrdup(path);
	w->coder = chunk_coder_create();
	err = w->coder ? look_before(path) : -ENOMEM;
	if (!err)
		err = put_under_name(w, meta, &ino);
	if (!err)
		err = open_live(w);
	/* Another recorder may have replaced the file between our renaming and our locking. */
	if (!err && (stat(path, &st) || st.st_ino != ino))
		err = -EBUSY;
	if (!err)
		err = prepare(w, BEGIN, TOP);
	if (err) {
		fail(path, err);
		store_free(w);
		return err;
	}
	w->synced_ns = w->checkpoint_ns = now_ns();
	*w_ret = w;
	return 0;
}

int store_set_meta(struct store_writer *w, const struct recording_meta *meta)
{
	int err = begin(w);

	if (!err)
		err = end(w, put_meta(w, meta, false));
	return err ? fail(w->path, err) : 0;
}

static int put_modules(struct store_writer *w, const struct dict *d, size_t i)
{
	int err = 0;

	for (; i < d->n_modules && !err; i++) {
		const struct module *m = &d->module[i];
		const char *path = dict_text(d, m->path);

		format_add_module(&w->new_rows, path, strlen(path), m->build_id, m->build_id_size);
		err = insert(w, MODULE, "isb", (int64_t)i, path, m->build_id,
			     (size_t)m->build_id_size);
	}
	return err;
}

static int put_frames(struct store_writer *w, const struct dict *d, size_t i)
{
	int err = 0;

	for (; i < d->n_frames && !err; i++) {
		const struct frame *f = &d->frame[i];
		const char *name = dict_text(d, f->name);

		format_add_frame(&w->new_rows, name, strlen(name), f->module, f->kind);
		err = insert(w, FRAME, "isii", (int64_t)i, name, (int64_t)f->module,
			     (int64_t)f->kind);
	}
	return err;
}

static int put_nodes(struct store_writer *w, const struct dict *d, size_t i)
{
	int err = 0;

	for (i = i ? i : 1; i < d->n_nodes && !err; i++) {
		const struct node *n = &d->node[i];

		format_add_node(&w->new_rows, n->parent, n->frame);
		err = insert(w, NODE, "iii", (int64_t)i, (int64_t)n->parent, (int64_t)n->frame);
	}
	return err;
}

static int put_processes(struct store_writer *w, const struct dict *d, size_t i)
{
	int err = 0;

	for (; i < d->n_processes && !err; i++) {
		const struct process *p = &d->process[i];
		const char *comm = dict_text(d, p->comm);

		format_add_process(&w->new_rows, comm, strlen(comm), p->pid, p->is_kernel,
				   p->start_ns);
		err = insert(w, PROCESS, "iisii", (int64_t)i, (int64_t)p->pid, comm,
			     (int64_t)p->is_kernel, (int64_t)p->start_ns);
	}
	return err;
}

/* Writes what is new in the dict since the last snapshot. */
static int put_dict(struct store_writer *w, const struct dict *d, struct format_row *row)
{
	const uint64_t n[FORMAT_DICT] = {d->n_modules, d->n_frames, d->n_nodes, d->n_processes};
	int err;

	memcpy(row->n, n, sizeof(n));
	strbuf_clear(&w->new_rows);
	err = put_modules(w, d, w->last.n[0]);
	if (!err)
		err = put_frames(w, d, w->last.n[1]);
	if (!err)
		err = put_nodes(w, d, w->last.n[2]);
	if (!err)
		err = put_processes(w, d, w->last.n[3]);
	row->dict_crc = chunk_crc(0, strbuf_str(&w->new_rows), w->new_rows.len);
	return err;
}

static int put_row(struct store_writer *w, const struct format_row *row)
{
	sqlite3_stmt *st = w->stmt[SNAPSHOT];
	uint64_t col[FORMAT_COLUMNS];
	int rc;

	format_pack(row, w->n_snapshots, col);
	sqlite3_bind_int64(st, 1, w->n_snapshots);
	for (int i = 0; i < FORMAT_COLUMNS; i++)
		sqlite3_bind_int64(st, i + 2, col[i]);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return error_of(w->db, rc);
}

static int put_top(struct store_writer *w, const struct dict *d, const struct snapshot *s)
{
	struct function best[FORMAT_TOP];
	size_t n;
	int err = 0;

	functions_clear(&w->functions);
	functions_add(&w->functions, d, s->entry, s->n_entries);
	n = functions_best(&w->functions, best, FORMAT_TOP);
	for (size_t i = 0; i < n && !err; i++)
		err = insert(w, TOP, "iiii", (int64_t)w->n_snapshots, (int64_t)best[i].frame,
			     (int64_t)best[i].self, (int64_t)best[i].total);
	return err;
}

/* Whether the snapshot may follow: what we write is never what our reader calls damaged. */
static bool is_sound(const struct store_writer *w, const struct dict *d, const struct snapshot *s)
{
	struct format_row row = {.info = s->info,
				 .n = {d->n_modules, d->n_frames, d->n_nodes, d->n_processes}};
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n_entries; i++)
		if (s->entry[i].process >= d->n_processes || s->entry[i].node >= d->n_nodes ||
		    __builtin_add_overflow(sum, s->entry[i].count, &sum))
			return false;
	return sum == s->info.account.taken &&
	       format_is_sound(&row, w->n_snapshots ? &w->last : NULL, &w->sum);
}

/* Every commit that comes STORE_SYNC_NS after the last synced one is synced. */
static int set_sync(struct store_writer *w, uint64_t t_ns)
{
	bool due = t_ns - w->synced_ns >= STORE_SYNC_NS;

	if (!w->has_log || due == w->syncs)
		return 0;
	w->syncs = due;
	return run(w->db, due ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

/*
 * Moves the log over when it is time. Where that fails, for want of space say, the snapshots are
 * safe in the log, and the next call tries again.
 */
static void move_log(struct store_writer *w, uint64_t t_ns)
{
	int pages = 0;

	if (!w->has_log || t_ns - w->checkpoint_ns < STORE_CHECKPOINT_NS)
		return;
	w->checkpoint_ns = t_ns;
	sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
}

int store_append(struct store_writer *w, const struct dict *d, const struct snapshot *s)
{
	struct format_row row = {.info = s->info};
	uint64_t t_ns = now_ns();
	const void *blob;
	size_t size;
	int err = is_sound(w, d, s) ? chunk_encode(w->coder, s, &blob, &size) : -EINVAL;

	if (!err)
		err = set_sync(w, t_ns);
	if (!err)
		err = begin(w);
	if (err)
		return fail(w->path, err);
	err = put_dict(w, d, &row);
	if (!err)
		err = put_row(w, &row);
	if (!err)
		err = insert(w, CHUNK, "ib", (int64_t)w->n_snapshots, blob, size);
	if (!err)
		err = put_top(w, d, s);
	err = end(w, err);
	if (err)
		return fail(w->path, err);
	w->last = row;
	w->n_snapshots++;
	account_add(&w->sum, &row.info.account);
	if (w->syncs)
		w->synced_ns = t_ns;
	move_log(w, t_ns);
	return 0;
}

int store_finish(struct store_writer *w, const struct recording_meta *meta)
{
	int err = run(w->db, "PRAGMA synchronous=FULL");

	if (!err)
		err = begin(w);
	if (!err)
		err = end(w, put_meta(w, meta, true));
	if (!err && w->has_log)
		err = error_of(w->db,
			       sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
							 NULL, NULL));
	if (!err)
		err = set_journal(w, "delete");
	if (err)
		fail(w->path, err);
	store_free(w);
	return err;
}

void store_discard(struct store_writer *w)
{
	char *path = xstrdup(w->path);

	store_free(w);
	unlink(path);
	remove_beside(path);
	free(path);
}
