#include "store/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "store/chunk.h"
#include "store/format.h"
#include "store/recover.h"

#define OPEN_FLAGS (SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE)

/* A cleaned name is at most as long as NAME_MAX_BYTES and its "…". */
#define NAME_LIMIT (NAME_MAX_BYTES + 16)

struct reader {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *chunk;
	struct chunk_coder *coder;
	uint8_t *memory;   /* of an unfinished recording */
	uint64_t *n_nodes; /* of the dict when each snapshot was written, and of processes */
	uint64_t steps, max_steps;
	const char *what; /* is damaged */
};

static int error_of(struct reader *r, int rc)
{
	int sys = r->db ? sqlite3_system_errno(r->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_IOERR:
		return sys ? -sys : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

static int damaged(struct reader *r, const char *what)
{
	if (!r->what)
		r->what = what;
	return -EBADMSG;
}

static int fail(struct reader *r, const char *path, int err)
{
	switch (-err) {
	case ENODATA:
		log_error("cannot open '%s': the file is empty; was the disk full?", path);
		break;
	case EMEDIUMTYPE:
		log_error("cannot open '%s': not a flamelapse recording", path);
		break;
	case EBADMSG:
		log_error("cannot open '%s': the recording is damaged or cut short%s%s; copy it "
			  "again from where it was recorded",
			  path, r->what ? ": " : "", r->what ? r->what : "");
		break;
	case EPROTONOSUPPORT:
		log_error("cannot open '%s': it was written by a newer flamelapse; this is %s",
			  path, VERSION);
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

static int prepare(struct reader *r, const char *sql, sqlite3_stmt **st_ret)
{
	return error_of(r, sqlite3_prepare_v2(r->db, sql, -1, st_ret, NULL));
}

/* 1 with a row, 0 at the end. */
static int step(struct reader *r, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW ? 1 : error_of(r, rc);
}

static bool get_number(sqlite3_stmt *st, int i, uint64_t max, uint64_t *v_ret)
{
	sqlite3_int64 v = sqlite3_column_int64(st, i);

	*v_ret = v;
	return sqlite3_column_type(st, i) == SQLITE_INTEGER && v >= 0 && (uint64_t)v <= max;
}

static bool get_text(sqlite3_stmt *st, int i, const char **text_ret, size_t *len_ret)
{
	if (sqlite3_column_type(st, i) != SQLITE_TEXT)
		return false;
	*text_ret = (const char *)sqlite3_column_text(st, i);
	*len_ret = sqlite3_column_bytes(st, i);
	return *text_ret && *len_ret <= NAME_LIMIT;
}

static uint32_t clean_string(struct dict *d, const char *text, size_t len)
{
	struct strbuf sb = {0};
	uint32_t id;

	utf8_add_clean(&sb, text, len);
	id = dict_string(d, strbuf_str(&sb), sb.len);
	strbuf_deinit(&sb);
	return id;
}

/*
 * A hostile file can make few pages look like endlessly many rows. An honest one takes fewer steps
 * of SQLite's machine than it has bytes.
 */
static int count_steps(void *arg)
{
	struct reader *r = arg;

	r->steps += 1000;
	return r->steps > r->max_steps;
}

static void limit_steps(struct reader *r, uint64_t size_bytes)
{
	r->max_steps = 1000000 + 8 * size_bytes;
	sqlite3_progress_handler(r->db, 1000, count_steps, r);
}

static int defend(struct reader *r)
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
	    {SQLITE_LIMIT_LENGTH, CHUNK_MAX_BYTES + CHUNK_MAX_BYTES / 64},
	    {SQLITE_LIMIT_SQL_LENGTH, 10000},
	    {SQLITE_LIMIT_COLUMN, 64},
	    {SQLITE_LIMIT_EXPR_DEPTH, 20},
	    {SQLITE_LIMIT_COMPOUND_SELECT, 2},
	    {SQLITE_LIMIT_VDBE_OP, 10000},
	    {SQLITE_LIMIT_FUNCTION_ARG, 8},
	    {SQLITE_LIMIT_ATTACHED, 0},
	    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
	    {SQLITE_LIMIT_VARIABLE_NUMBER, 8},
	    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
	    {SQLITE_LIMIT_WORKER_THREADS, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		sqlite3_db_config(r->db, off[i], 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(limit); i++)
		sqlite3_limit(r->db, limit[i].id, limit[i].value);
	return error_of(r, sqlite3_exec(r->db,
					"PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
					"PRAGMA query_only=ON; PRAGMA temp_store=MEMORY",
					NULL, NULL, NULL));
}

static int get_pragma(struct reader *r, const char *sql, int64_t *v_ret)
{
	sqlite3_stmt *st = NULL;
	int err = prepare(r, sql, &st);

	if (!err)
		err = step(r, st);
	if (err == 1)
		*v_ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return err == 1 ? 0 : err ? err : -EBADMSG;
}

/* Tables are ours to the letter; a newer version may have added plain ones. */
static int check_schema(struct reader *r, int64_t version)
{
	sqlite3_stmt *st = NULL;
	size_t n = 0;
	int err = prepare(r, "SELECT type, name, tbl_name, sql FROM sqlite_schema", &st);

	while (!err && (err = step(r, st)) == 1) {
		const char *type = (const char *)sqlite3_column_text(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);
		const char *of = (const char *)sqlite3_column_text(st, 2);
		const char *sql = (const char *)sqlite3_column_text(st, 3);
		size_t i = 0;

		err = 0;
		if (!type || !name || !of || !sql || strcmp(type, "table") || strcmp(name, of) ||
		    strncmp(sql, "CREATE TABLE ", 13))
			err = damaged(r, "its schema is not ours");
		for (; !err && i < format_n_tables && strcmp(name, format_tables[i].name); i++)
			;
		if (err)
			break;
		if (i < format_n_tables)
			n += !strcmp(sql, format_tables[i].sql);
		else if (version <= FORMAT_VERSION)
			err = damaged(r, "its schema is not ours");
	}
	sqlite3_finalize(st);
	if (!err && n != format_n_tables)
		err = damaged(r, "its schema is not ours");
	return err;
}

static int check_version(struct reader *r)
{
	int64_t version = 0, min_reader = 0;
	int err = get_pragma(r, "PRAGMA user_version", &version);

	if (!err && version > FORMAT_VERSION &&
	    (get_pragma(r, "SELECT value FROM meta WHERE key='min_reader'", &min_reader) ||
	     min_reader > FORMAT_VERSION))
		err = -EPROTONOSUPPORT;
	if (!err && version < 1)
		err = damaged(r, "it has no version");
	return err ? err : check_schema(r, version);
}

static int read_field(struct recording *rec, const struct format_field *f, sqlite3_stmt *st)
{
	const char *text;
	size_t len;

	if (f->type != FORMAT_TEXT)
		return sqlite3_column_type(st, 1) != SQLITE_INTEGER
			   ? -EBADMSG
			   : format_set(&rec->meta, f, sqlite3_column_int64(st, 1));
	if (!get_text(st, 1, &text, &len) || strlen(text) != len)
		return -EBADMSG;
	free(*format_text(&rec->meta, f));
	*format_text(&rec->meta, f) = xstrdup(text);
	return 0;
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

static int read_meta(struct reader *r, struct recording *rec, int64_t *snapshots_ret)
{
	int64_t own[FORMAT_OWNS] = {0};
	sqlite3_stmt *st = NULL;
	size_t n = 0;
	int err = prepare(r, "SELECT key, value FROM meta", &st);

	while (!err && (err = step(r, st)) == 1) {
		const char *key = (const char *)sqlite3_column_text(st, 0);

		err = key ? 0 : -EBADMSG;
		for (size_t i = 0; !err && i < format_n_fields; i++) {
			if (strcmp(key, format_fields[i].key))
				continue;
			err = read_field(rec, &format_fields[i], st);
			n++;
		}
		for (size_t i = 0; !err && i < FORMAT_OWNS; i++) {
			if (strcmp(key, format_owns[i]))
				continue;
			own[i] = sqlite3_column_int64(st, 1);
			n++;
		}
	}
	sqlite3_finalize(st);
	if (!err && (n != format_n_fields + FORMAT_OWNS ||
		     own[FORMAT_OWN_CRC] != format_meta_crc(&rec->meta, own[FORMAT_OWN_SNAPSHOTS])))
		err = -EBADMSG;
	if (err)
		return err == -EBADMSG ? damaged(r, "what it tells of itself") : err;
	clean_meta(&rec->meta);
	*snapshots_ret = own[FORMAT_OWN_SNAPSHOTS];
	return 0;
}

/* The rows of the dict, each kind read on from snapshot to snapshot. */
struct dict_rows {
	struct reader *r;
	struct dict *dict;
	sqlite3_stmt *st[FORMAT_DICT];
	uint64_t n[FORMAT_DICT];
	struct strbuf raw; /* what dict_crc is made of */
};

static bool add_module(struct dict_rows *in, sqlite3_stmt *st, uint64_t id)
{
	struct dict *d = in->dict;
	const char *path;
	size_t len, size = sqlite3_column_bytes(st, 2);
	const void *build_id = sqlite3_column_blob(st, 2);
	uint32_t module;

	if (!get_text(st, 1, &path, &len) || sqlite3_column_type(st, 2) != SQLITE_BLOB ||
	    size > BUILD_ID_MAX)
		return false;
	format_add_module(&in->raw, path, len, build_id, size);
	module = dict_module(d, clean_string(d, path, len), build_id, size);
	if (module < id) { /* cleaning made two paths one */
		d->module = xgrow(d->module, &d->cap_modules, d->n_modules + 1, sizeof(*d->module));
		d->module[d->n_modules++] = d->module[module];
	}
	return id || !len;
}

static bool add_frame(struct dict_rows *in, sqlite3_stmt *st, uint64_t id)
{
	struct dict *d = in->dict;
	const char *name;
	uint64_t module, kind;
	size_t len;
	uint32_t frame;

	if (!get_text(st, 1, &name, &len) || !get_number(st, 2, d->n_modules - 1, &module) ||
	    !get_number(st, 3, FRAME_KINDS - 1, &kind))
		return false;
	format_add_frame(&in->raw, name, len, module, kind);
	frame = dict_frame(d, clean_string(d, name, len), module, kind);
	if (frame < id) { /* cleaning made two names one */
		d->frame = xgrow(d->frame, &d->cap_frames, d->n_frames + 1, sizeof(*d->frame));
		d->frame[d->n_frames++] = d->frame[frame];
	}
	return true;
}

static bool add_node(struct dict_rows *in, sqlite3_stmt *st, uint64_t id)
{
	struct dict *d = in->dict;
	uint64_t parent, frame;

	if (!d->n_frames || !get_number(st, 1, id - 1, &parent) ||
	    !get_number(st, 2, d->n_frames - 1, &frame))
		return false;
	format_add_node(&in->raw, parent, frame);
	return dict_node(d, parent, frame) == id;
}

static bool add_process(struct dict_rows *in, sqlite3_stmt *st, uint64_t id)
{
	struct dict *d = in->dict;
	uint64_t pid, is_kernel, start_ns;
	const char *comm;
	size_t len;

	if (!get_number(st, 1, UINT32_MAX, &pid) || !get_text(st, 2, &comm, &len) ||
	    !get_number(st, 3, 1, &is_kernel) || !get_number(st, 4, INT64_MAX, &start_ns))
		return false;
	format_add_process(&in->raw, comm, len, pid, is_kernel, start_ns);
	if (!id) /* which every dict begins with */
		return !pid && !len;
	dict_process(d, &(struct process){.pid = pid,
					  .comm = clean_string(d, comm, len),
					  .is_kernel = is_kernel,
					  .start_ns = start_ns});
	return true;
}

static const struct {
	const char *name, *sql;
	bool (*add)(struct dict_rows *in, sqlite3_stmt *st, uint64_t id);
} dict_kinds[FORMAT_DICT] = {
    {"its modules", "SELECT id, path, build_id FROM module ORDER BY id", add_module},
    {"its frames", "SELECT id, name, module, kind FROM frame ORDER BY id", add_frame},
    {"its stacks", "SELECT id, parent, frame FROM node ORDER BY id", add_node},
    {"its processes", "SELECT id, pid, comm, is_kernel, start_ns FROM process ORDER BY id",
     add_process},
};

static int dict_rows_open(struct dict_rows *in)
{
	int err = 0;

	for (int k = 0; k < FORMAT_DICT && !err; k++)
		err = prepare(in->r, dict_kinds[k].sql, &in->st[k]);
	in->n[2] = 1; /* node 0 has no row */
	return err;
}

static void dict_rows_close(struct dict_rows *in)
{
	for (int k = 0; k < FORMAT_DICT; k++)
		sqlite3_finalize(in->st[k]);
	strbuf_deinit(&in->raw);
}

/* Reads on up to what the snapshot's row tells. */
static int read_dict(struct dict_rows *in, const struct format_row *row)
{
	int err;

	strbuf_clear(&in->raw);
	for (int k = 0; k < FORMAT_DICT; k++) {
		for (; in->n[k] < row->n[k]; in->n[k]++) {
			err = step(in->r, in->st[k]);
			if (err < 0)
				return err;
			if (!err || sqlite3_column_int64(in->st[k], 0) != (int64_t)in->n[k] ||
			    !dict_kinds[k].add(in, in->st[k], in->n[k]))
				return damaged(in->r, dict_kinds[k].name);
		}
		if (in->n[k] != row->n[k])
			return damaged(in->r, dict_kinds[k].name);
	}
	if (chunk_crc(0, strbuf_str(&in->raw), in->raw.len) != row->dict_crc)
		return damaged(in->r, "its names or stacks");
	return 0;
}

static int read_row(sqlite3_stmt *st, uint64_t id, struct format_row *row_ret)
{
	uint64_t col[FORMAT_COLUMNS], at;

	if (!get_number(st, 0, INT64_MAX, &at) || at != id)
		return -EBADMSG;
	for (int i = 0; i < FORMAT_COLUMNS; i++)
		if (!get_number(st, i + 1, INT64_MAX, &col[i]))
			return -EBADMSG;
	return format_unpack(col, id, row_ret);
}

/* Every row of the dict came with a snapshot, and every snapshot has its chunk. */
static int check_ends(struct dict_rows *in, const struct recording *rec, int64_t snapshots)
{
	int64_t last = -1;
	int err = 0;

	for (int k = 0; k < FORMAT_DICT && !err; k++)
		err = step(in->r, in->st[k]);
	if (!err)
		err = get_pragma(in->r, "SELECT coalesce(max(snapshot), -1) FROM chunk", &last);
	if (err < 0)
		return err;
	if (err || last != (int64_t)rec->n_snapshots - 1 ||
	    (rec->meta.finished && snapshots != (int64_t)rec->n_snapshots))
		return damaged(in->r, "some snapshots are missing");
	return 0;
}

static int read_snapshots(struct reader *r, struct recording *rec, int64_t snapshots)
{
	struct dict_rows in = {.r = r, .dict = &rec->dict};
	struct format_row row, before;
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int err = prepare(r, "SELECT * FROM snapshot ORDER BY id", &st);

	if (!err)
		err = dict_rows_open(&in);
	while (!err && (err = step(r, st)) == 1) {
		size_t i = rec->n_snapshots;

		err = read_row(st, i, &row);
		if (err || !format_is_sound(&row, i ? &before : NULL, &rec->total)) {
			err = damaged(r, "a snapshot contradicts itself");
			break;
		}
		err = read_dict(&in, &row);
		if (err)
			break;
		before = row;
		r->n_nodes = xgrow(r->n_nodes, &cap, 2 * i + 2, sizeof(*r->n_nodes));
		r->n_nodes[2 * i] = row.n[2];
		r->n_nodes[2 * i + 1] = row.n[3];
		recording_add_info(rec, &row.info);
	}
	if (!err)
		err = check_ends(&in, rec, snapshots);
	dict_rows_close(&in);
	sqlite3_finalize(st);
	return err;
}

static int load(struct recording *rec, size_t i, struct snapshot *s)
{
	struct reader *r = rec->impl;
	uint64_t sum = 0;
	int err;

	r->steps = 0;
	sqlite3_bind_int64(r->chunk, 1, i);
	err = step(r, r->chunk);
	if (err == 1)
		err = sqlite3_column_type(r->chunk, 0) != SQLITE_BLOB
			  ? -EBADMSG
			  : chunk_decode(r->coder, sqlite3_column_blob(r->chunk, 0),
					 sqlite3_column_bytes(r->chunk, 0), r->n_nodes[2 * i + 1],
					 r->n_nodes[2 * i], s);
	else if (!err)
		err = -EBADMSG;
	sqlite3_reset(r->chunk);
	for (size_t e = 0; e < s->n_entries; e++)
		sum += s->entry[e].count;
	if (!err && sum != s->info.account.taken)
		err = -EBADMSG;
	if (err) {
		s->n_entries = 0;
		log_error("cannot read '%s': snapshot %zu is damaged", r->path, i);
	}
	return err;
}

static void reader_destroy(struct reader *r)
{
	sqlite3_finalize(r->chunk);
	sqlite3_close(r->db);
	chunk_coder_destroy(r->coder);
	free(r->memory);
	free(r->n_nodes);
	free(r->path);
	free(r);
}

static void close_recording(struct recording *rec)
{
	reader_destroy(rec->impl);
}

/* An SQLite URI, since only there a file can be called immutable: no locks, no log, no journal. */
static char *uri_of(const char *path)
{
	struct strbuf sb = {0};

	strbuf_adds(&sb, *path == '/' ? "file://" : "file:");
	for (const char *p = path; *p; p++)
		strbuf_addf(&sb, strchr("%?#", *p) ? "%%%02x" : "%c", (unsigned char)*p);
	strbuf_adds(&sb, "?immutable=1");
	return strbuf_detach(&sb);
}

static int open_file(struct reader *r, const char *path)
{
	char *uri = uri_of(path);
	int err =
	    error_of(r, sqlite3_open_v2(uri, &r->db,
					SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | OPEN_FLAGS, NULL));

	free(uri);
	return err;
}

static int open_bytes(struct reader *r, const void *data, size_t size)
{
	int err = error_of(r, sqlite3_open_v2(":memory:", &r->db,
					      SQLITE_OPEN_READWRITE | OPEN_FLAGS, NULL));

	/* It is not written to, with this flag. */
	return err ? err
		   : error_of(r, sqlite3_deserialize(r->db, "main", (unsigned char *)data, size,
						     size, SQLITE_DESERIALIZE_READONLY));
}

/* Reads all but the counts from the open database. Takes r; prints. */
static int read_all(struct reader *r, uint64_t size, struct recording *rec, int err)
{
	int64_t snapshots = -1;

	if (!err)
		limit_steps(r, size);
	if (!err)
		err = defend(r);
	if (!err)
		err = check_version(r);
	if (!err)
		err = read_meta(r, rec, &snapshots);
	if (!err)
		err = read_snapshots(r, rec, snapshots);
	if (!err)
		err = prepare(r, "SELECT data FROM chunk WHERE snapshot=?", &r->chunk);
	if (err) {
		fail(r, r->path, err);
		recording_deinit(rec);
		recording_init(rec);
		reader_destroy(r);
		return err;
	}
	rec->impl = r;
	rec->load = load;
	rec->close = close_recording;
	return 0;
}

static struct reader *reader_create(const char *path)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->path = xstrdup(path);
	r->coder = chunk_coder_create();
	return r;
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

int store_open(const char *path, struct recording *rec)
{
	struct reader *r = reader_create(path);
	uint64_t size = 0;
	size_t size_bytes = 0;
	int err = r->coder ? look_at(path, &size) : -ENOMEM;

	recording_init(rec);
	if (!err && recover_is_needed(path)) {
		err = recover_read(path, &r->memory, &size_bytes);
		if (!err)
			err = open_bytes(r, r->memory, size_bytes);
		size = size_bytes;
	} else if (!err) {
		err = open_file(r, path);
	}
	return read_all(r, size, rec, err);
}

int store_open_memory(const char *name, const void *data, size_t size, struct recording *rec)
{
	struct reader *r = reader_create(name);
	int err = r->coder ? 0 : -ENOMEM;

	recording_init(rec);
	return read_all(r, size, rec, err ? err : open_bytes(r, data, size));
}
