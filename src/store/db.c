#include "store/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

#define FLAGS (SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE)

/* A blob, a text or a row: above the largest chunk (store/chunk.h). */
#define MAX_BYTES (40 << 20)

struct db {
	sqlite3 *handle;
	uint64_t steps, max_steps;
};

static int error_of(sqlite3 *handle, int rc)
{
	int sys = handle ? sqlite3_system_errno(handle) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
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
	case SQLITE_PERM:
	case SQLITE_IOERR:
		return sys ? -sys : -EIO;
	case SQLITE_PROTOCOL:
	case SQLITE_NOLFS:
		return -EIO;
	default:
		return -EBADMSG;
	}
}

/* An SQLite URI, since only there a file can be called immutable. */
static char *immutable_uri(const char *path)
{
	struct strbuf sb = {0};

	strbuf_adds(&sb, *path == '/' ? "file://" : "file:");
	for (const char *p = path; *p; p++)
		strbuf_addf(&sb, strchr("%?#", *p) ? "%%%02x" : "%c", (unsigned char)*p);
	strbuf_adds(&sb, "?immutable=1");
	return strbuf_detach(&sb);
}

static int db_create(const char *name, int flags, const char *vfs, struct db **db_ret)
{
	struct db *db = xcalloc(1, sizeof(*db));
	int rc = sqlite3_open_v2(name, &db->handle, flags | FLAGS, vfs);
	int err = error_of(db->handle, rc);

	if (err) {
		db_close(db);
		db = NULL;
	}
	*db_ret = db;
	return err;
}

int db_open(const char *path, enum db_mode mode, struct db **db_ret)
{
	char *uri;
	int err;

	if (mode != DB_IMMUTABLE)
		return db_create(path, SQLITE_OPEN_READWRITE,
				 mode == DB_NO_LOCKS ? "unix-none" : NULL, db_ret);
	uri = immutable_uri(path);
	err = db_create(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL, db_ret);
	free(uri);
	return err;
}

int db_open_bytes(const void *data, size_t size, struct db **db_ret)
{
	int err = db_create(":memory:", SQLITE_OPEN_READWRITE, NULL, db_ret);

	if (err)
		return err;
	err = error_of((*db_ret)->handle,
		       sqlite3_deserialize((*db_ret)->handle, "main", (unsigned char *)data, size,
					   size, SQLITE_DESERIALIZE_READONLY));
	if (err) {
		db_close(*db_ret);
		*db_ret = NULL;
	}
	return err;
}

void db_close(struct db *db)
{
	sqlite3_stmt *st;

	if (!db)
		return;
	while ((st = sqlite3_next_stmt(db->handle, NULL)))
		sqlite3_finalize(st);
	sqlite3_close(db->handle);
	free(db);
}

/* A hostile file can make few pages look like endlessly many rows. */
static int count_steps(void *arg)
{
	struct db *db = arg;

	db->steps += 1000;
	return db->steps > db->max_steps;
}

void db_allow(struct db *db, uint64_t size)
{
	db->steps = 0;
	db->max_steps = 1000000 + 8 * size;
	sqlite3_progress_handler(db->handle, 1000, count_steps, db);
}

int db_defend(struct db *db)
{
	static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA,
				  SQLITE_DBCONFIG_ENABLE_TRIGGER,
				  SQLITE_DBCONFIG_ENABLE_VIEW,
				  SQLITE_DBCONFIG_DQS_DDL,
				  SQLITE_DBCONFIG_DQS_DML,
				  SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION};
	static const struct {
		int id, value;
	} limit[] = {
	    {SQLITE_LIMIT_LENGTH, MAX_BYTES},
	    {SQLITE_LIMIT_SQL_LENGTH, 10000},
	    {SQLITE_LIMIT_COLUMN, 64},
	    {SQLITE_LIMIT_EXPR_DEPTH, 20},
	    {SQLITE_LIMIT_COMPOUND_SELECT, 2},
	    {SQLITE_LIMIT_VDBE_OP, 10000},
	    {SQLITE_LIMIT_FUNCTION_ARG, 8},
	    {SQLITE_LIMIT_ATTACHED, 0},
	    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 0},
	    {SQLITE_LIMIT_VARIABLE_NUMBER, 8},
	    {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
	    {SQLITE_LIMIT_WORKER_THREADS, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		sqlite3_db_config(db->handle, off[i], 0, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(limit); i++)
		sqlite3_limit(db->handle, limit[i].id, limit[i].value);
	return db_run(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA query_only=ON;"
			  "PRAGMA temp_store=MEMORY");
}

int db_run(struct db *db, const char *sql)
{
	return error_of(db->handle, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_get(struct db *db, const char *sql, int64_t *v_ret)
{
	struct db_query *q;
	int err = db_prepare(db, sql, &q);

	if (!err)
		err = db_step(q);
	if (err >= 0)
		err = err && db_int(q, 0, v_ret) ? 0 : -EBADMSG;
	db_query_free(q);
	return err;
}

int db_set_journal(struct db *db, const char *mode)
{
	char *sql = xasprintf("PRAGMA journal_mode=%s", mode);
	bool is_set = false;
	struct db_query *q;
	const char *is;
	size_t len;
	int err = db_prepare(db, sql, &q);

	/* The answer comes before it is done: that is at the end of the statement. */
	while (!err && (err = db_step(q)) == 1) {
		is_set = db_text(q, 0, &is, &len) && !strcmp(is, mode);
		err = 0;
	}
	db_query_free(q);
	free(sql);
	return err || is_set ? err : -ENOTSUP;
}

int db_checkpoint(struct db *db, bool truncate)
{
	return error_of(db->handle, sqlite3_wal_checkpoint_v2(db->handle, NULL,
							      truncate ? SQLITE_CHECKPOINT_TRUNCATE
								       : SQLITE_CHECKPOINT_PASSIVE,
							      NULL, NULL));
}

bool db_in_transaction(struct db *db)
{
	return !sqlite3_get_autocommit(db->handle);
}

static sqlite3_stmt *stmt(struct db_query *q)
{
	return (sqlite3_stmt *)q;
}

int db_prepare(struct db *db, const char *sql, struct db_query **q_ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);

	*q_ret = (struct db_query *)st;
	return error_of(db->handle, rc);
}

void db_query_free(struct db_query *q)
{
	sqlite3_finalize(stmt(q));
}

/* Runs what was bound. */
static int finish(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);
	int err = error_of(sqlite3_db_handle(st), rc);

	sqlite3_reset(st);
	return err;
}

int db_put(struct db_query *q, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	for (int i = 1; *types; types++, i++) {
		if (*types == 'i') {
			sqlite3_bind_int64(stmt(q), i, va_arg(ap, int64_t));
		} else if (*types == 's') {
			sqlite3_bind_text(stmt(q), i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else {
			const void *blob = va_arg(ap, const void *);

			sqlite3_bind_blob64(stmt(q), i, blob ? blob : "", va_arg(ap, size_t),
					    SQLITE_STATIC);
		}
	}
	va_end(ap);
	return finish(stmt(q));
}

int db_put_numbers(struct db_query *q, const uint64_t *v, int n)
{
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(stmt(q), i + 1, v[i]);
	return finish(stmt(q));
}

int db_bind(struct db_query *q, int64_t v)
{
	return error_of(sqlite3_db_handle(stmt(q)), sqlite3_bind_int64(stmt(q), 1, v));
}

int db_step(struct db_query *q)
{
	int rc = sqlite3_step(stmt(q));

	return rc == SQLITE_ROW ? 1 : error_of(sqlite3_db_handle(stmt(q)), rc);
}

void db_reset(struct db_query *q)
{
	sqlite3_reset(stmt(q));
}

bool db_int(struct db_query *q, int column, int64_t *v_ret)
{
	*v_ret = sqlite3_column_int64(stmt(q), column);
	return sqlite3_column_type(stmt(q), column) == SQLITE_INTEGER;
}

bool db_number(struct db_query *q, int column, uint64_t max, uint64_t *v_ret)
{
	int64_t v;
	bool is_int = db_int(q, column, &v);

	*v_ret = v;
	return is_int && v >= 0 && (uint64_t)v <= max;
}

bool db_text(struct db_query *q, int column, const char **text_ret, size_t *len_ret)
{
	if (sqlite3_column_type(stmt(q), column) != SQLITE_TEXT)
		return false;
	*text_ret = (const char *)sqlite3_column_text(stmt(q), column);
	*len_ret = sqlite3_column_bytes(stmt(q), column);
	return *text_ret;
}

bool db_blob(struct db_query *q, int column, const void **blob_ret, size_t *size_ret)
{
	if (sqlite3_column_type(stmt(q), column) != SQLITE_BLOB)
		return false;
	*blob_ret = sqlite3_column_blob(stmt(q), column);
	*size_ret = sqlite3_column_bytes(stmt(q), column);
	return true;
}
