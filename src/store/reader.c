#include "store/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "store/chunk.h"
#include "store/db.h"
#include "store/dict_rows.h"
#include "store/format.h"
#include "store/recover.h"

struct reader {
	char *path;
	struct db *db;
	uint64_t size_bytes;
	struct db_query *chunk;
	struct chunk_coder *coder;
	struct chunk_stacks stacks;
	struct known {
		uint32_t n_stacks, n_processes;
	} * known; /* by the time of each snapshot */
	size_t cap_known;
	uint8_t *memory;  /* of an unfinished recording */
	const char *what; /* is damaged */
};

static struct reader *reader_create(const char *path)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->path = xstrdup(path);
	r->coder = chunk_coder_create();
	return r;
}

static void reader_destroy(struct reader *r)
{
	db_close(r->db);
	chunk_coder_destroy(r->coder);
	chunk_stacks_deinit(&r->stacks);
	free(r->known);
	free(r->memory);
	free(r->path);
	free(r);
}

static int damaged(struct reader *r, const char *what)
{
	r->what = what;
	return -EBADMSG;
}

static int fail(const struct reader *r, int err)
{
	const char *path = r->path;

	switch (-err) {
	case ENODATA:
		log_error("cannot open '%s': the file is empty; was the disk full?", path);
		break;
	case EMEDIUMTYPE:
		log_error("cannot open '%s': not a flamelapse recording", path);
		break;
	case EBADMSG:
		log_error("cannot open '%s': damaged or cut short%s%s%s; copy it again from where "
			  "it was recorded",
			  path, r->what ? " (" : "", r->what ? r->what : "", r->what ? ")" : "");
		break;
	case EPROTONOSUPPORT:
		log_error("cannot open '%s': written by a newer flamelapse than this one, %s", path,
			  VERSION);
		break;
	case EAGAIN:
		log_error("cannot open '%s': it changes too fast; try again", path);
		break;
	default:
		log_error("cannot open '%s': %s", path, strerror(-err));
		break;
	}
	return err;
}

/* One row of sqlite_schema: 1 for a table of ours, 0 for a plain one that a newer version added. */
static int check_table(struct db_query *q, int64_t version)
{
	const char *type, *name, *of, *sql;
	size_t len;

	if (!db_text(q, 0, &type, &len) || !db_text(q, 1, &name, &len) ||
	    !db_text(q, 2, &of, &len) || !db_text(q, 3, &sql, &len))
		return -EBADMSG;
	if (strcmp(type, "table") || strcmp(name, of) || strncmp(sql, "CREATE TABLE ", 13))
		return -EBADMSG;
	for (size_t i = 0; i < format_n_tables; i++)
		if (!strcmp(name, format_tables[i].name))
			return strcmp(sql, format_tables[i].sql) ? -EBADMSG : 1;
	return version > FORMAT_VERSION ? 0 : -EBADMSG;
}

static int check_schema(struct reader *r, int64_t version)
{
	struct db_query *q;
	size_t n = 0;
	int err = db_prepare(r->db, "SELECT type, name, tbl_name, sql FROM sqlite_schema", &q);

	while (!err && (err = db_step(q)) == 1) {
		err = check_table(q, version);
		n += err > 0;
		err = err < 0 ? err : 0;
	}
	db_query_free(q);
	if (err == -EBADMSG || (!err && n != format_n_tables))
		return damaged(r, "its schema is not ours");
	return err;
}

static int check_version(struct reader *r)
{
	int64_t version = 0, min_reader = 0;
	int err = db_get(r->db, "PRAGMA user_version", &version);

	if (!err && version < 1)
		return damaged(r, "no version");
	if (!err && version > FORMAT_VERSION &&
	    (db_get(r->db, "SELECT value FROM meta WHERE key='min_reader'", &min_reader) ||
	     min_reader > FORMAT_VERSION))
		return -EPROTONOSUPPORT;
	return err ? err : check_schema(r, version);
}

static bool read_field(struct recording *rec, const struct format_field *f, struct db_query *q)
{
	const char *text;
	size_t len;
	int64_t v;

	if (f->type != FORMAT_TEXT)
		return db_int(q, 1, &v) && !format_set(&rec->meta, f, v);
	if (!db_text(q, 1, &text, &len) || strlen(text) != len)
		return false;
	free(*format_text(&rec->meta, f));
	*format_text(&rec->meta, f) = xstrdup(text);
	return true;
}

/* One row of meta: whether it is sound. Rows of a newer version are passed over. */
static bool read_meta_row(struct recording *rec, struct db_query *q, int64_t own[FORMAT_OWNS],
			  size_t *n)
{
	const char *key;
	size_t len;

	if (!db_text(q, 0, &key, &len))
		return false;
	for (size_t i = 0; i < format_n_fields; i++) {
		if (strcmp(key, format_fields[i].key))
			continue;
		*n += !format_fields[i].is_optional;
		return read_field(rec, &format_fields[i], q);
	}
	for (size_t i = 0; i < FORMAT_OWNS; i++) {
		if (strcmp(key, format_owns[i]))
			continue;
		++*n;
		return db_int(q, 1, &own[i]);
	}
	return true;
}

static void clean_meta(struct recording_meta *meta)
{
	for (size_t i = 0; i < format_n_fields; i++) {
		struct strbuf sb = {0};
		char **text;

		if (format_fields[i].type != FORMAT_TEXT)
			continue;
		text = format_text(meta, &format_fields[i]);
		utf8_add_clean(&sb, *text, strlen(*text));
		free(*text);
		*text = strbuf_detach(&sb);
	}
}

static size_t n_needed(void)
{
	size_t n = FORMAT_OWNS;

	for (size_t i = 0; i < format_n_fields; i++)
		n += !format_fields[i].is_optional;
	return n;
}

static int read_meta(struct reader *r, struct recording *rec, int64_t *snapshots_ret)
{
	int64_t own[FORMAT_OWNS] = {0};
	struct db_query *q;
	size_t n = 0;
	int err = db_prepare(r->db, "SELECT key, value FROM meta", &q);

	while (!err && (err = db_step(q)) == 1)
		err = read_meta_row(rec, q, own, &n) ? 0 : -EBADMSG;
	db_query_free(q);
	*snapshots_ret = own[FORMAT_OWN_SNAPSHOTS];
	if (!err &&
	    (n != n_needed() || own[FORMAT_OWN_CRC] != format_meta_crc(&rec->meta, *snapshots_ret)))
		err = -EBADMSG;
	clean_meta(&rec->meta);
	/* There is no second series of the same. */
	if (!err && rec->meta.off_cpu_ns && recording_is_off_cpu(&rec->meta))
		err = -EBADMSG;
	return err == -EBADMSG ? damaged(r, "what it tells of itself") : err;
}

static int read_row(struct db_query *q, uint64_t id, struct format_row *row_ret)
{
	uint64_t col[FORMAT_COLUMNS], at;

	if (!db_number(q, 0, INT64_MAX, &at) || at != id)
		return -EBADMSG;
	for (int i = 0; i < FORMAT_COLUMNS; i++)
		if (!db_number(q, i + 1, INT64_MAX, &col[i]))
			return -EBADMSG;
	return format_unpack(col, id, row_ret);
}

static int read_snapshot(struct reader *r, struct recording *rec, struct db_query *q,
			 struct dict_rows *rows, struct format_row *last)
{
	size_t i = rec->n_snapshots + rec->other.n_accounts;
	bool second =
	    rec->n_snapshots > rec->other.n_accounts && recording_n_series(&rec->meta) > 1;
	struct format_row row;
	int err = read_row(q, i, &row);

	if (err || !format_is_sound(&row, i ? last : NULL, second,
				    second ? &rec->other.total : &rec->total))
		return damaged(r, "a snapshot contradicts itself");
	err = dict_rows_get(rows, &row, &r->what);
	if (err)
		return err;
	r->what = NULL;
	r->known = xgrow(r->known, &r->cap_known, i + 1, sizeof(*r->known));
	r->known[i] = (struct known){.n_stacks = r->stacks.n, .n_processes = rec->dict.n_processes};
	if (second)
		recording_add_off_cpu(rec, &row.info.account);
	else
		recording_add_info(rec, &row.info);
	*last = row;
	return 0;
}

/* Every row of the dict came with a snapshot, and every snapshot has its chunk. */
static int check_ends(struct reader *r, const struct recording *rec, struct dict_rows *rows,
		      int64_t snapshots)
{
	int64_t n = rec->n_snapshots + rec->other.n_accounts, last = -1;
	int err = dict_rows_more(rows);

	if (!err)
		err = db_get(r->db, "SELECT coalesce(max(snapshot), -1) FROM chunk", &last);
	if (err == 1 || (!err && (last != n - 1 || n % recording_n_series(&rec->meta) ||
				  (rec->meta.finished && snapshots != n))))
		return damaged(r, "some snapshots are missing");
	return err;
}

static int read_snapshots(struct reader *r, struct recording *rec, int64_t snapshots)
{
	struct dict_rows rows = {.into = &rec->dict, .stacks = &r->stacks};
	struct format_row last;
	struct db_query *q;
	int err = db_prepare(r->db, "SELECT * FROM snapshot ORDER BY id", &q);

	if (!err)
		err = dict_rows_open(&rows, r->db, false);
	while (!err && (err = db_step(q)) == 1)
		err = read_snapshot(r, rec, q, &rows, &last);
	if (!err)
		err = check_ends(r, rec, &rows, snapshots);
	dict_rows_close(&rows);
	db_query_free(q);
	return err;
}

static int load(struct recording *rec, size_t i, struct snapshot *s)
{
	struct reader *r = rec->impl;
	const void *blob;
	uint64_t sum = 0;
	size_t size;
	int err;

	db_allow(r->db, r->size_bytes);
	err = db_bind(r->chunk, i);
	if (!err)
		err = db_step(r->chunk);
	if (err >= 0)
		err = err && db_blob(r->chunk, 0, &blob, &size)
			  ? chunk_decode(r->coder, &r->stacks, blob, size, r->known[i].n_stacks,
					 r->known[i].n_processes, s)
			  : -EBADMSG;
	db_reset(r->chunk);
	for (size_t e = 0; e < s->n_entries; e++)
		sum += s->entry[e].count;
	if (!err && sum != s->info.account.taken)
		err = -EBADMSG;
	if (err) {
		s->n_entries = 0;
		log_error("cannot read '%s': snapshot %zu is damaged; copy it again from where it "
			  "was recorded",
			  r->path, i / recording_n_series(&rec->meta));
	}
	return err;
}

static void close_recording(struct recording *rec)
{
	reader_destroy(rec->impl);
}

/* Reads all but the counts from the open database. */
static int read_all(struct reader *r, struct recording *rec, int err)
{
	int64_t snapshots = -1;

	if (!err) {
		db_allow(r->db, r->size_bytes);
		err = db_defend(r->db);
	}
	if (!err)
		err = check_version(r);
	if (!err)
		err = read_meta(r, rec, &snapshots);
	if (!err)
		err = read_snapshots(r, rec, snapshots);
	if (!err)
		err = db_prepare(r->db, "SELECT data FROM chunk WHERE snapshot=?", &r->chunk);
	return err;
}

/* Takes r; prints. */
static int give(struct reader *r, struct recording *rec, int err)
{
	if (err) {
		fail(r, err);
		reader_destroy(r);
		recording_deinit(rec);
		recording_init(rec);
		return err;
	}
	rec->impl = r;
	rec->load = load;
	rec->close = close_recording;
	return 0;
}

/* Whether the file may be a recording at all. */
static int look_at(const char *path, uint64_t *size_ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = -EMEDIUMTYPE;
	else if (!st.st_size)
		err = -ENODATA;
	else if (!recover_is_recording(fd))
		err = -EMEDIUMTYPE;
	*size_ret = st.st_size;
	close(fd);
	return err;
}

static int open_path(struct reader *r)
{
	int err = look_at(r->path, &r->size_bytes);
	size_t size;

	if (err)
		return err;
	if (!recover_is_needed(r->path))
		return db_open(r->path, DB_IMMUTABLE, &r->db);
	err = recover_read(r->path, &r->memory, &size);
	if (err)
		return err;
	r->size_bytes = size;
	return db_open_bytes(r->memory, size, &r->db);
}

/*
 * A recorder that had just put the file there may have begun its journal, and changed the file,
 * while we read it alone. Without one there were no snapshots yet, or there are no changes any
 * more.
 */
static bool was_begun(const struct reader *r, int err)
{
	return !r->memory && (!err || err == -EBADMSG) && recover_is_needed(r->path);
}

static int read_file(const char *path, struct recording *rec, struct reader **r_ret)
{
	struct reader *r = *r_ret = reader_create(path);

	recording_init(rec);
	return read_all(r, rec, r->coder ? open_path(r) : -ENOMEM);
}

int store_open(const char *path, struct recording *rec)
{
	struct reader *r;
	int err = read_file(path, rec, &r);

	if (was_begun(r, err)) {
		reader_destroy(r);
		recording_deinit(rec);
		err = read_file(path, rec, &r);
	}
	return give(r, rec, err);
}

int store_open_memory(const char *name, const void *data, size_t size, struct recording *rec)
{
	struct reader *r = reader_create(name);
	int err;

	recording_init(rec);
	r->size_bytes = size;
	err = read_all(r, rec, r->coder ? db_open_bytes(data, size, &r->db) : -ENOMEM);
	return give(r, rec, err);
}
