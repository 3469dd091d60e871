#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
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
#include "store/db.h"
#include "store/dict_rows.h"
#include "store/format.h"
#include "store/recover.h"

/* Blobs of 2 KB leave less of a large page empty, but a commit writes whole pages to the log. */
#define PAGE_BYTES "16384"

#define TEXT_OF(x)  #x
#define VALUE_OF(x) TEXT_OF(x)

enum statement { BEGIN, COMMIT, META, SNAPSHOT, CHUNK, TOP, STATEMENTS };

static const char *const statements[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [META] = "INSERT OR REPLACE INTO meta VALUES(?, ?)",
    [SNAPSHOT] = "INSERT INTO snapshot VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		 " ?, ?, ?, ?, ?, ?, ?, ?)",
    [CHUNK] = "INSERT INTO chunk VALUES(?, ?)",
    [TOP] = "INSERT INTO top VALUES(?, ?, ?, ?)",
};

struct store_writer {
	char *path;
	struct db *db;
	struct db_query *query[STATEMENTS];
	struct dict_rows rows;
	struct chunk_coder *coder;
	struct chunk_stacks stacks;
	struct functions functions;
	struct format_row last; /* the one that was committed last */
	size_t n_series;
	struct account sum[SERIES_MAX];
	uint64_t n_rows; /* of snapshots, in each series */
	uint64_t synced_ns, moved_ns;
	int told; /* the last error that was printed; 0 after a success */
	bool has_log, syncs;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static const char *way_out(int err)
{
	switch (-err) {
	case EEXIST:
		return "it is no recording, so it is not overwritten; remove it, or name another";
	case EBUSY:
		return "another flamelapse is recording to it; name another file";
	case ENOSPC:
	case EDQUOT:
		return "no space left on the device; make room, or record elsewhere with -o";
	case EINVAL:
		return "a snapshot contradicts itself; please report this";
	case E2BIG:
		return "too many stacks in one snapshot; make --interval shorter";
	default:
		return strerror(-err);
	}
}

static int fail(const char *path, int err)
{
	log_error("cannot write '%s': %s", path, way_out(err));
	return err;
}

/* The same, once for a row of equal failures: a full disk stays full. */
static int fail_once(struct store_writer *w, int err)
{
	if (err && err != w->told)
		fail(w->path, err);
	w->told = err;
	return err;
}

/* Ends the transaction: as if it had never begun where err is set, or becomes set. */
static int end(struct store_writer *w, int err)
{
	if (!err)
		err = db_put(w->query[COMMIT], "");
	if (err && db_in_transaction(w->db))
		db_run(w->db, "ROLLBACK");
	return err;
}

static int put_meta(struct store_writer *w, const struct recording_meta *from, bool finished)
{
	const int64_t snapshots = finished ? (int64_t)w->n_rows : -1;
	struct recording_meta meta = *from;
	int64_t own[FORMAT_OWNS];
	int err = 0;

	meta.finished = finished;
	own[FORMAT_OWN_MIN_READER] = FORMAT_MIN_READER;
	own[FORMAT_OWN_SNAPSHOTS] = snapshots;
	own[FORMAT_OWN_CRC] = format_meta_crc(&meta, snapshots);
	for (size_t i = 0; i < format_n_fields && !err; i++) {
		const struct format_field *f = &format_fields[i];

		if (!format_has(&meta, f))
			continue;
		err = f->type == FORMAT_TEXT
			  ? db_put(w->query[META], "ss", f->key, *format_text(&meta, f))
			  : db_put(w->query[META], "si", f->key, format_get(&meta, f));
	}
	for (size_t i = 0; i < FORMAT_OWNS && !err; i++)
		err = db_put(w->query[META], "si", format_owns[i], own[i]);
	return err;
}

static int prepare(struct store_writer *w, enum statement last)
{
	int err = 0;

	for (int i = 0; i <= (int)last && !err; i++)
		err = db_prepare(w->db, statements[i], &w->query[i]);
	return err;
}

static void close_db(struct store_writer *w)
{
	for (int i = 0; i < STATEMENTS; i++) {
		db_query_free(w->query[i]);
		w->query[i] = NULL;
	}
	dict_rows_close(&w->rows);
	db_close(w->db);
	w->db = NULL;
}

/* The empty recording, in a file that nobody else knows yet. */
static int write_schema(struct store_writer *w, const char *temp, const struct recording_meta *meta)
{
	struct strbuf sql = {0};
	int err = db_open(temp, DB_NO_LOCKS, &w->db);

	strbuf_adds(&sql, "PRAGMA page_size=" PAGE_BYTES "; PRAGMA journal_mode=OFF;"
			  "PRAGMA application_id=" VALUE_OF(
			      FORMAT_APPLICATION_ID) ";"
						     "PRAGMA user_version=" VALUE_OF(
							 FORMAT_VERSION) "; BEGIN;");
	for (size_t i = 0; i < format_n_tables; i++)
		strbuf_addf(&sql, "%s;", format_tables[i].sql);
	if (!err)
		err = db_run(w->db, strbuf_str(&sql));
	if (!err)
		err = prepare(w, META);
	if (!err)
		err = end(w, put_meta(w, meta, false));
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

static const char *const beside[] = {"-wal", "-journal", "-shm"};

static void remove_beside(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		char *name = xasprintf("%s%s", path, beside[i]);

		unlink(name);
		free(name);
	}
}

static bool has_beside(const char *path)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(beside) && !found; i++) {
		char *name = xasprintf("%s%s", path, beside[i]);

		found = !access(name, F_OK);
		free(name);
	}
	return found;
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
	/*
	 * A log of the old recording would be taken for ours. The old recording goes first: without
	 * its log it might be half of one, and we may be killed at any moment.
	 */
	if (has_beside(w->path)) {
		unlink(w->path);
		remove_beside(w->path);
	}
	return outfile_commit(&out);
}

/*
 * Exclusive locking needs no shared memory, so that the log works on most network filesystems. A
 * filesystem without locks gets none: the name is ours alone since put_under_name().
 */
static const struct way {
	enum db_mode mode;
	const char *journal;
} ways[] = {{DB_PLAIN, "wal"}, {DB_PLAIN, "truncate"}, {DB_NO_LOCKS, "truncate"}};

static int open_live(struct store_writer *w, const struct way *way)
{
	static const char set_version[] = "PRAGMA user_version=" VALUE_OF(FORMAT_VERSION);
	int err = db_open(w->path, way->mode, &w->db);

	if (!err)
		err = db_run(w->db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL;"
				    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000;"
				    "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=0");
	if (!err)
		err = db_set_journal(w->db, way->journal);
	/*
	 * The first change takes the lock and makes the log or the journal. They stay: readers look
	 * for them. This one changes nothing, but SQLite does not know.
	 */
	if (!err)
		err = db_run(w->db, set_version);
	w->has_log = way == ways;
	return err;
}

static void remove_all(const char *path)
{
	unlink(path);
	remove_beside(path);
}

/* Begins anew for each way, for one that fails may leave the file half changed. */
static int create_file(struct store_writer *w, const struct recording_meta *meta)
{
	int err = -EIO;

	for (size_t i = 0; i < ARRAY_SIZE(ways) && err; i++) {
		ino_t ino = 0;
		struct stat st;

		err = put_under_name(w, meta, &ino);
		if (err)
			break;
		err = open_live(w, &ways[i]);
		/* Another recorder may have replaced it between our renaming and our locking. */
		if (err == -EBUSY || (!err && (stat(w->path, &st) || st.st_ino != ino)))
			return -EBUSY;
		if (err) {
			close_db(w);
			remove_all(w->path);
		}
		if (err == -ENOSPC || err == -EDQUOT)
			break;
	}
	return err;
}

static void store_free(struct store_writer *w)
{
	close_db(w);
	chunk_coder_destroy(w->coder);
	chunk_stacks_deinit(&w->stacks);
	functions_deinit(&w->functions);
	free(w->path);
	free(w);
}

int store_create(const char *path, const struct recording_meta *meta, struct store_writer **w_ret)
{
	struct store_writer *w = xcalloc(1, sizeof(*w));
	int err;

	w->path = xstrdup(path);
	w->n_series = recording_n_series(meta);
	w->coder = chunk_coder_create();
	err = w->coder ? look_before(path) : -ENOMEM;
	if (!err)
		err = create_file(w, meta);
	if (!err)
		err = prepare(w, TOP);
	if (!err)
		err = dict_rows_open(&w->rows, w->db, true);
	if (err) {
		fail(path, err);
		store_free(w);
		return err;
	}
	w->rows.stacks = &w->stacks;
	w->synced_ns = w->moved_ns = now_ns();
	*w_ret = w;
	return 0;
}

int store_set_meta(struct store_writer *w, const struct recording_meta *meta)
{
	int err = db_put(w->query[BEGIN], "");

	if (!err)
		err = end(w, put_meta(w, meta, false));
	return err ? fail(w->path, err) : 0;
}

static int put_row(struct store_writer *w, const struct format_row *row, uint64_t id)
{
	uint64_t col[1 + FORMAT_COLUMNS] = {id};

	format_pack(row, id, col + 1);
	return db_put_numbers(w->query[SNAPSHOT], col, ARRAY_SIZE(col));
}

static int put_top(struct store_writer *w, const struct dict *d, const struct snapshot *s,
		   uint64_t id)
{
	struct function best[FORMAT_TOP];
	size_t n;
	int err = 0;

	functions_clear(&w->functions);
	functions_add(&w->functions, d, s->entry, s->n_entries);
	n = functions_best(&w->functions, best, FORMAT_TOP);
	for (size_t i = 0; i < n && !err; i++)
		if (best[i].self >= s->info.account.taken / FORMAT_TOP_SHARE)
			err = db_put(w->query[TOP], "iiii", (int64_t)id, (int64_t)best[i].frame,
				     (int64_t)best[i].self, (int64_t)best[i].total);
	return err;
}

/* Whether the snapshot may follow: what we write is never what our reader calls damaged. */
static bool is_sound(const struct store_writer *w, const struct dict *d, const struct snapshot *s,
		     size_t series)
{
	struct format_row row = {.info = s[series].info}, first = {.info = s->info};
	const struct format_row *before = series ? &first : w->n_rows ? &w->last : NULL;
	uint64_t sum = 0;

	s += series;
	for (size_t i = 0; i < s->n_entries; i++)
		if (s->entry[i].process >= d->n_processes || s->entry[i].node >= d->n_nodes ||
		    __builtin_add_overflow(sum, s->entry[i].count, &sum))
			return false;
	memcpy(row.n, w->last.n, sizeof(row.n));
	memcpy(first.n, w->last.n, sizeof(first.n));
	return sum == s->info.account.taken &&
	       format_is_sound(&row, before, series, &w->sum[series]);
}

static bool are_sound(const struct store_writer *w, const struct dict *d, const struct snapshot *s)
{
	for (size_t i = 0; i < w->n_series; i++)
		if (!is_sound(w, d, s, i))
			return false;
	return true;
}

/* Every commit that comes STORE_SYNC_NS after the last synced one is synced. */
static int set_sync(struct store_writer *w, uint64_t t_ns)
{
	bool due = t_ns - w->synced_ns >= STORE_SYNC_NS;

	if (!w->has_log || due == w->syncs)
		return 0;
	w->syncs = due;
	return db_run(w->db, due ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

/*
 * Moves the log over when it is time. Where that fails, for want of space say, the snapshots are
 * safe in the log, and the next call tries again.
 */
static void move_log(struct store_writer *w, uint64_t t_ns)
{
	if (!w->has_log || t_ns - w->moved_ns < STORE_CHECKPOINT_NS)
		return;
	w->moved_ns = t_ns;
	db_checkpoint(w->db, false);
}

static int put_snapshot(struct store_writer *w, const struct dict *d, const struct snapshot *s,
			const struct format_row *before, uint64_t id, struct format_row *row_ret)
{
	const void *blob;
	size_t size;
	int err = chunk_encode(w->coder, &w->stacks, s, &blob, &size);

	row_ret->info = s->info;
	if (!err)
		err = dict_rows_put(&w->rows, before->n, row_ret);
	if (!err)
		err = put_row(w, row_ret, id);
	if (!err)
		err = db_put(w->query[CHUNK], "ib", (int64_t)id, blob, size);
	if (!err)
		err = put_top(w, d, s, id);
	return err;
}

/* The snapshots of all series; *last becomes the row of the last one. */
static int put_snapshots(struct store_writer *w, const struct dict *d, const struct snapshot *s,
			 struct format_row *last)
{
	int err = 0;

	for (size_t i = 0; i < w->n_series && !err; i++) {
		struct format_row row = {0};

		chunk_stacks_number(&w->stacks, &s[i]);
		err = put_snapshot(w, d, &s[i], last, w->n_rows + i, &row);
		*last = row;
	}
	return err;
}

int store_append(struct store_writer *w, const struct dict *d, const struct snapshot *s)
{
	struct format_row last = w->last;
	uint64_t t_ns = now_ns();
	int err = are_sound(w, d, s) ? set_sync(w, t_ns) : -EINVAL;

	if (!err)
		err = db_put(w->query[BEGIN], "");
	if (err)
		return fail_once(w, err);
	w->rows.dict = d;
	err = end(w, put_snapshots(w, d, s, &last));
	if (err)
		return fail_once(w, err);
	w->told = 0;
	w->last = last;
	w->n_rows += w->n_series;
	for (size_t i = 0; i < w->n_series; i++)
		account_add(&w->sum[i], &s[i].info.account);
	if (w->syncs)
		w->synced_ns = t_ns;
	move_log(w, t_ns);
	return 0;
}

int store_finish(struct store_writer *w, const struct recording_meta *meta)
{
	int err = db_run(w->db, "PRAGMA synchronous=FULL");

	if (!err)
		err = db_put(w->query[BEGIN], "");
	if (!err)
		err = end(w, put_meta(w, meta, true));
	if (!err && w->has_log)
		err = db_checkpoint(w->db, true);
	if (!err)
		err = db_set_journal(w->db, "delete");
	fail_once(w, err);
	store_free(w);
	return err;
}

void store_discard(struct store_writer *w)
{
	char *path = xstrdup(w->path);

	store_free(w);
	remove_all(path);
	free(path);
}
