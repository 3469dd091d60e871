#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SQLite, as far as a recording needs it. Its codes are told as 0 or a negative errno: -ENOSPC and
 * -EDQUOT for no room, -EBUSY for a lock, -EBADMSG for what is no sound database, -ENOMEM, or what
 * a system call said. Nothing is printed. A db and its queries belong to one thread.
 */
struct db;
struct db_query;

enum db_mode {
	DB_PLAIN,     /* read and write, with the locks of the system */
	DB_NO_LOCKS,  /* for a file that is ours alone, where the system has none */
	DB_IMMUTABLE, /* read only, and nobody changes it: no lock, no log, no journal */
};

int db_open(const char *path, enum db_mode mode, struct db **db_ret);
/* The bytes of a database without log or journal, which are only read and must stay. */
int db_open_bytes(const void *data, size_t size_bytes, struct db **db_ret);
/* Closes its queries, too. Accepts NULL. */
void db_close(struct db *db);

/*
 * For a file from a stranger, right after opening it: nothing that stands in its schema is run,
 * sizes are limited, and so is how long any work on it may take: db_allow() begins a new count of
 * steps of SQLite's machine, of which an honest file needs fewer than it has bytes.
 */
int db_defend(struct db *db);
void db_allow(struct db *db, uint64_t size_bytes);

/* One or more statements without result. */
int db_run(struct db *db, const char *sql);
/* The number in the first column of the first row; -EBADMSG where there is none. */
int db_get(struct db *db, const char *sql, int64_t *v_ret);
/* "wal", "truncate", "delete"; -ENOTSUP where SQLite answers with another. */
int db_set_journal(struct db *db, const char *mode);
/* Moves the log over into the file; then cuts it, if asked to. */
int db_checkpoint(struct db *db, bool truncate);
bool db_in_transaction(struct db *db);

/*
 * A prepared statement. To write: db_put(q, "isb", (int64_t)id, text, blob, size) binds a number,
 * a text and a blob with its size_t, which are borrowed, and runs it. To read: db_step() gives 1
 * for each row, whose columns are valid until the next step, 0 at the end, or a negative errno.
 */
int db_prepare(struct db *db, const char *sql, struct db_query **q_ret);
void db_query_free(struct db_query *q);
int db_put(struct db_query *q, const char *types, ...);
int db_put_numbers(struct db_query *q, const uint64_t *v, int n);
int db_bind(struct db_query *q, int64_t v);
int db_step(struct db_query *q);
void db_reset(struct db_query *q);

/* False where the column is of another type, or beyond what is asked for. */
bool db_int(struct db_query *q, int column, int64_t *v_ret);
bool db_number(struct db_query *q, int column, uint64_t max, uint64_t *v_ret);
bool db_text(struct db_query *q, int column, const char **text_ret, size_t *len_ret);
bool db_blob(struct db_query *q, int column, const void **blob_ret, size_t *size_ret);

#endif
