#include "store/dict_rows.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

/* A cleaned name is at most as long as NAME_MAX_BYTES. */
#define NAME_LIMIT NAME_MAX_BYTES

static void add_u64(struct strbuf *sb, uint64_t v)
{
	v = htole64(v);
	strbuf_add(sb, &v, sizeof(v));
}

static void add_bytes(struct strbuf *sb, const void *p, size_t n)
{
	add_u64(sb, n);
	strbuf_add(sb, p, n);
}

static int put_module(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	const struct module *m = &rows->dict->module[id];
	const char *path = dict_text(rows->dict, m->path);

	add_bytes(&rows->bytes, path, strlen(path));
	add_bytes(&rows->bytes, m->build_id, m->build_id_size);
	return db_put(q, "isb", (int64_t)id, path, m->build_id, (size_t)m->build_id_size);
}

static int put_frame(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	const struct frame *f = &rows->dict->frame[id];
	const char *name = dict_text(rows->dict, f->name);

	add_bytes(&rows->bytes, name, strlen(name));
	add_u64(&rows->bytes, f->module);
	add_u64(&rows->bytes, f->kind);
	return db_put(q, "isii", (int64_t)id, name, (int64_t)f->module, (int64_t)f->kind);
}

static int put_node(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	const struct node *n = &rows->dict->node[id];

	add_u64(&rows->bytes, n->parent);
	add_u64(&rows->bytes, n->frame);
	return db_put(q, "iii", (int64_t)id, (int64_t)n->parent, (int64_t)n->frame);
}

static int put_process(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	const struct process *p = &rows->dict->process[id];
	const char *comm = dict_text(rows->dict, p->comm);
	const char *cgroup = dict_text(rows->dict, p->cgroup);
	const char *thread = dict_text(rows->dict, p->thread);

	add_u64(&rows->bytes, p->pid);
	add_bytes(&rows->bytes, comm, strlen(comm));
	add_u64(&rows->bytes, p->is_kernel);
	add_u64(&rows->bytes, p->start_ns);
	add_bytes(&rows->bytes, cgroup, strlen(cgroup));
	add_u64(&rows->bytes, p->tid);
	add_bytes(&rows->bytes, thread, strlen(thread));
	add_u64(&rows->bytes, p->cpu);
	return db_put(q, "iisiisisi", (int64_t)id, (int64_t)p->pid, comm, (int64_t)p->is_kernel,
		      (int64_t)p->start_ns, cgroup, (int64_t)p->tid, thread, (int64_t)p->cpu);
}

static int put_stack(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	const struct chunk_stack *st = &rows->stacks->stack[id];

	add_u64(&rows->bytes, st->node);
	add_u64(&rows->bytes, st->process);
	return db_put(q, "iii", (int64_t)id, (int64_t)st->node, (int64_t)st->process);
}

static bool get_name(struct db_query *q, int column, const char **text_ret, size_t *len_ret)
{
	return db_text(q, column, text_ret, len_ret) && *len_ret <= NAME_LIMIT;
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

static bool get_module(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	struct dict *d = rows->into;
	const void *build_id;
	const char *path;
	size_t len, size;
	uint32_t module;

	if (!get_name(q, 1, &path, &len) || !db_blob(q, 2, &build_id, &size) || size > BUILD_ID_MAX)
		return false;
	add_bytes(&rows->bytes, path, len);
	add_bytes(&rows->bytes, build_id, size);
	if (!id) /* which every dict begins with */
		return !len && !size;
	module = dict_module(d, clean_string(d, path, len), build_id, size);
	if (module < id) {
		d->module = xgrow(d->module, &d->cap_modules, d->n_modules + 1, sizeof(*d->module));
		d->module[d->n_modules++] = d->module[module];
	}
	return true;
}

static bool get_frame(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	struct dict *d = rows->into;
	uint64_t module, kind;
	const char *name;
	uint32_t frame;
	size_t len;

	if (!get_name(q, 1, &name, &len) || !db_number(q, 2, d->n_modules - 1, &module) ||
	    !db_number(q, 3, FRAME_KINDS - 1, &kind))
		return false;
	add_bytes(&rows->bytes, name, len);
	add_u64(&rows->bytes, module);
	add_u64(&rows->bytes, kind);
	frame = dict_frame(d, clean_string(d, name, len), module, kind);
	if (frame < id) {
		d->frame = xgrow(d->frame, &d->cap_frames, d->n_frames + 1, sizeof(*d->frame));
		d->frame[d->n_frames++] = d->frame[frame];
	}
	return true;
}

static bool get_node(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	struct dict *d = rows->into;
	uint64_t parent, frame;

	if (!d->n_frames || !db_number(q, 1, id - 1, &parent) ||
	    !db_number(q, 2, d->n_frames - 1, &frame))
		return false;
	add_u64(&rows->bytes, parent);
	add_u64(&rows->bytes, frame);
	return dict_node(d, parent, frame) == id;
}

static bool get_process(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	struct dict *d = rows->into;
	uint64_t pid, is_kernel, start_ns, tid, cpu;
	const char *comm, *cgroup, *thread;
	size_t len, cgroup_len, thread_len;

	if (!db_number(q, 1, UINT32_MAX, &pid) || !get_name(q, 2, &comm, &len) ||
	    !db_number(q, 3, 1, &is_kernel) || !db_number(q, 4, INT64_MAX, &start_ns) ||
	    !get_name(q, 5, &cgroup, &cgroup_len) || !db_number(q, 6, UINT32_MAX, &tid) ||
	    !get_name(q, 7, &thread, &thread_len) || !db_number(q, 8, UINT32_MAX, &cpu))
		return false;
	add_u64(&rows->bytes, pid);
	add_bytes(&rows->bytes, comm, len);
	add_u64(&rows->bytes, is_kernel);
	add_u64(&rows->bytes, start_ns);
	add_bytes(&rows->bytes, cgroup, cgroup_len);
	add_u64(&rows->bytes, tid);
	add_bytes(&rows->bytes, thread, thread_len);
	add_u64(&rows->bytes, cpu);
	if (!id)
		return !pid && !len && !is_kernel && !start_ns && !cgroup_len && !tid &&
		       !thread_len && !cpu;
	dict_process(d, &(struct process){.pid = pid,
					  .comm = clean_string(d, comm, len),
					  .is_kernel = is_kernel,
					  .start_ns = start_ns,
					  .cgroup = clean_string(d, cgroup, cgroup_len),
					  .tid = tid,
					  .thread = clean_string(d, thread, thread_len),
					  .cpu = cpu});
	return true;
}

static bool get_stack(struct dict_rows *rows, struct db_query *q, uint64_t id)
{
	uint64_t node, process;

	(void)id;
	if (!db_number(q, 1, rows->into->n_nodes - 1, &node) ||
	    !db_number(q, 2, rows->into->n_processes - 1, &process))
		return false;
	add_u64(&rows->bytes, node);
	add_u64(&rows->bytes, process);
	chunk_stacks_add(rows->stacks, node, process);
	return true;
}

static const struct {
	const char *what, *write, *read;
	int (*put)(struct dict_rows *rows, struct db_query *q, uint64_t id);
	bool (*get)(struct dict_rows *rows, struct db_query *q, uint64_t id);
	uint64_t first; /* node 0, the empty stack, has no row */
} kinds[FORMAT_DICT] = {
    {"its modules", "INSERT INTO module VALUES(?, ?, ?)",
     "SELECT id, path, build_id FROM module ORDER BY id", put_module, get_module, 0},
    {"its frames", "INSERT INTO frame VALUES(?, ?, ?, ?)",
     "SELECT id, name, module, kind FROM frame ORDER BY id", put_frame, get_frame, 0},
    {"its nodes", "INSERT INTO node VALUES(?, ?, ?)",
     "SELECT id, parent, frame FROM node ORDER BY id", put_node, get_node, 1},
    {"its processes", "INSERT INTO process VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
     "SELECT id, pid, comm, is_kernel, start_ns, cgroup, tid, thread, cpu FROM process ORDER BY id",
     put_process, get_process, 0},
    {"its stacks", "INSERT INTO stack VALUES(?, ?, ?)",
     "SELECT id, node, process FROM stack ORDER BY id", put_stack, get_stack, 0},
};

int dict_rows_open(struct dict_rows *rows, struct db *db, bool writing)
{
	int err = 0;

	for (int k = 0; k < FORMAT_DICT && !err; k++) {
		rows->n[k] = kinds[k].first;
		err = db_prepare(db, writing ? kinds[k].write : kinds[k].read, &rows->query[k]);
	}
	return err;
}

void dict_rows_close(struct dict_rows *rows)
{
	for (int k = 0; k < FORMAT_DICT; k++)
		db_query_free(rows->query[k]);
	strbuf_deinit(&rows->bytes);
	*rows = (struct dict_rows){0};
}

int dict_rows_put(struct dict_rows *rows, const uint64_t before[FORMAT_DICT],
		  struct format_row *row)
{
	const struct dict *d = rows->dict;
	const uint64_t n[FORMAT_DICT] = {d->n_modules, d->n_frames, d->n_nodes, d->n_processes,
					 rows->stacks->n};
	int err = 0;

	strbuf_clear(&rows->bytes);
	for (int k = 0; k < FORMAT_DICT; k++) {
		uint64_t i = before[k] ? before[k] : kinds[k].first;

		for (; i < n[k] && !err; i++)
			err = kinds[k].put(rows, rows->query[k], i);
	}
	memcpy(row->n, n, sizeof(n));
	row->dict_crc = chunk_crc(0, strbuf_str(&rows->bytes), rows->bytes.len);
	return err;
}

int dict_rows_get(struct dict_rows *rows, const struct format_row *row, const char **what_ret)
{
	strbuf_clear(&rows->bytes);
	for (int k = 0; k < FORMAT_DICT; k++) {
		*what_ret = kinds[k].what;
		for (; rows->n[k] < row->n[k]; rows->n[k]++) {
			struct db_query *q = rows->query[k];
			int err = db_step(q);
			uint64_t id;

			if (err < 0)
				return err;
			if (!err || !db_number(q, 0, UINT32_MAX, &id) || id != rows->n[k] ||
			    !kinds[k].get(rows, q, id))
				return -EBADMSG;
		}
		if (rows->n[k] != row->n[k])
			return -EBADMSG;
	}
	*what_ret = "its names or stacks";
	return chunk_crc(0, strbuf_str(&rows->bytes), rows->bytes.len) == row->dict_crc ? 0
											: -EBADMSG;
}

int dict_rows_more(struct dict_rows *rows)
{
	int more = 0;

	for (int k = 0; k < FORMAT_DICT && !more; k++)
		more = db_step(rows->query[k]);
	return more;
}
