#include "cli/symbolize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/debuginfod.h"
#include "store/writer.h"
#include "symbols/debugfiles.h"

/* An unnamed frame, and what its digits mean. */
struct wanted {
	uint32_t frame, module; /* of the old dict */
	bool is_offset;		/* in the file; else a virtual address */
	uint64_t at;
};

struct symbolizer {
	const struct recording *rec;
	struct namer *namer;
	const struct symbolize_from *from;
	struct symbolize_counts *counts;
	struct wanted *wanted; /* by module, then by is_offset */
	size_t n_wanted, cap_wanted;
	struct dict dict;      /* the new one */
	struct frame *changed; /* by the old number, with a name of the new dict */
	bool *is_changed;
	uint32_t *node;
};

/* lib.so@0x12, lib.so+0x12, and [lib.so]+0x12, which is an offset (symbols/lookup.h). */
static bool parse_name(const char *name, struct wanted *ret)
{
	const char *at = strrchr(name, '+'), *s = strrchr(name, '@');
	char *end;

	at = s > at ? s : at;
	if (!at || at == name || strncmp(at + 1, "0x", 2) || strlen(at) > 19)
		return false;
	ret->is_offset = *at == '+' && *name == '[' && at[-1] == ']';
	ret->at = strtoull(at + 3, &end, 16);
	return end != at + 3 && !*end;
}

static int by_module(const void *pa, const void *pb)
{
	const struct wanted *a = pa, *b = pb;

	if (a->module != b->module)
		return a->module < b->module ? -1 : 1;
	if (a->is_offset != b->is_offset)
		return a->is_offset ? 1 : -1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void list_wanted(struct symbolizer *s)
{
	const struct dict *d = &s->rec->dict;

	for (uint32_t i = 0; i < d->n_frames; i++) {
		struct wanted w = {.frame = i, .module = d->frame[i].module};

		if (d->frame[i].kind != FRAME_UNNAMED || !w.module ||
		    !parse_name(dict_frame_name(d, i), &w))
			continue;
		s->wanted = xgrow(s->wanted, &s->cap_wanted, s->n_wanted + 1, sizeof(w));
		s->wanted[s->n_wanted++] = w;
	}
	if (s->n_wanted)
		qsort(s->wanted, s->n_wanted, sizeof(*s->wanted), by_module);
	s->counts->unnamed = s->n_wanted;
}

/* The namer's numbers for one file: asked by address, and by offset. */
enum { BY_ADDRESS = 1, BY_OFFSET };

/* Takes the descriptor; false where it is not the module's file. In a debug file no offset means
 * anything. */
static bool use_file(struct symbolizer *s, const struct module *m, int fd, struct identity *id_ret)
{
	const char *path = dict_text(&s->rec->dict, m->path);
	bool same;

	if (fd < 0)
		return false;
	namer_add_module(s->namer, BY_ADDRESS, MODULE_ADDRESSES, path, fd);
	namer_add_module(s->namer, BY_OFFSET, MODULE_ELF, path, fd);
	close(fd);
	namer_identify(s->namer, BY_ADDRESS, id_ret);
	same = id_ret->build_id_size == m->build_id_size &&
	       !memcmp(id_ret->build_id, m->build_id, m->build_id_size);
	return same;
}

static bool use_build_id(struct symbolizer *s, const struct module *m, const char *folder,
			 struct identity *id_ret)
{
	return folder &&
	       (use_file(s, m, debugfiles_open_build_id(folder, m->build_id, m->build_id_size, ""),
			 id_ret) ||
		use_file(s, m,
			 debugfiles_open_build_id(folder, m->build_id, m->build_id_size, ".debug"),
			 id_ret));
}

/* Gives what is found of a module to the namer. */
static bool find_module(struct symbolizer *s, const struct module *m)
{
	const char *path = dict_text(&s->rec->dict, m->path);
	struct identity id;
	bool found = (*path == '/' && use_file(s, m, debugfiles_open(path), &id)) ||
		     use_build_id(s, m, s->from->debug_folder, &id) ||
		     use_build_id(s, m, DEBUGFILES_FOLDER, &id);
	bool has_debug = found;
	int fd;

	for (uint32_t i = BY_ADDRESS; found && i <= BY_OFFSET; i++)
		has_debug &= debugfiles_attach(s->namer, i, path, &id, s->from->debug_folder) ||
			     i == BY_OFFSET;
	if (has_debug || !s->from->debuginfod)
		return found;
	fd = debuginfod_open(m->build_id, m->build_id_size, path);
	if (!found)
		return use_file(s, m, fd, &id);
	for (uint32_t i = BY_ADDRESS; fd >= 0 && i <= BY_OFFSET; i++)
		namer_add_debug(s->namer, i, fd);
	if (fd >= 0)
		close(fd);
	return true;
}

/* New names for frames that differ in their address alone. */
static void name_run(struct symbolizer *s, const struct wanted *w, size_t n)
{
	uint64_t *at = xreallocarray(NULL, n, sizeof(*at));
	const struct name *name;

	for (size_t i = 0; i < n; i++)
		at[i] = w[i].at;
	name = namer_resolve(s->namer, w->is_offset ? BY_OFFSET : BY_ADDRESS, at, n);
	for (size_t i = 0; i < n; i++) {
		struct frame *f = &s->changed[w[i].frame];

		if (name[i].kind != FRAME_USER)
			continue;
		*f = s->rec->dict.frame[w[i].frame];
		f->kind = FRAME_USER;
		f->name = dict_string(&s->dict, name[i].text, strlen(name[i].text));
		s->is_changed[w[i].frame] = true;
		s->counts->named++;
	}
	free(at);
}

static void name_module(struct symbolizer *s, const struct wanted *w, size_t n)
{
	const struct module *m = &s->rec->dict.module[w->module];
	size_t n_addresses = 0;

	s->counts->modules++;
	if (!m->build_id_size) {
		s->counts->no_build_id++;
		return;
	}
	if (!find_module(s, m))
		return;
	s->counts->found++;
	while (n_addresses < n && !w[n_addresses].is_offset)
		n_addresses++;
	if (n_addresses)
		name_run(s, w, n_addresses);
	if (n_addresses < n)
		name_run(s, w + n_addresses, n - n_addresses);
}

static void name_all(struct symbolizer *s)
{
	for (size_t i = 0, end; i < s->n_wanted; i = end) {
		for (end = i + 1;
		     end < s->n_wanted && s->wanted[end].module == s->wanted[i].module;)
			end++;
		name_module(s, s->wanted + i, end - i);
	}
}

/* --- the new recording --- */

static uint32_t copy_string(struct symbolizer *s, uint32_t old)
{
	const char *text = dict_text(&s->rec->dict, old);

	return dict_string(&s->dict, text, strlen(text));
}

/* Frames and stacks that are the same now become one. */
static void copy_dict(struct symbolizer *s)
{
	const struct dict *d = &s->rec->dict;
	uint32_t *module = xcalloc(d->n_modules, sizeof(*module));
	uint32_t *frame = xcalloc(d->n_frames + 1, sizeof(*frame));

	for (size_t i = 1; i < d->n_modules; i++)
		module[i] = dict_module(&s->dict, copy_string(s, d->module[i].path),
					d->module[i].build_id, d->module[i].build_id_size);
	for (size_t i = 0; i < d->n_frames; i++) {
		const struct frame *f = s->is_changed[i] ? &s->changed[i] : &d->frame[i];

		frame[i] =
		    dict_frame(&s->dict, s->is_changed[i] ? f->name : copy_string(s, f->name),
			       module[f->module], f->kind);
	}
	s->node = xcalloc(d->n_nodes, sizeof(*s->node));
	for (size_t i = 1; i < d->n_nodes; i++)
		s->node[i] =
		    dict_node(&s->dict, s->node[d->node[i].parent], frame[d->node[i].frame]);
	for (size_t i = 1; i < d->n_processes; i++) {
		struct process p = d->process[i];

		p.comm = copy_string(s, p.comm);
		p.cgroup = copy_string(s, p.cgroup);
		p.thread = copy_string(s, p.thread);
		dict_process(&s->dict, &p);
	}
	free(module);
	free(frame);
}

static int copy_snapshot(struct symbolizer *s, struct recording *rec, size_t i, enum series series,
			 struct snapshot *ret)
{
	int err = recording_load_series(rec, i, series, ret);

	for (size_t k = 0; !err && k < ret->n_entries; k++)
		ret->entry[k].node = s->node[ret->entry[k].node];
	if (!err)
		snapshot_sort(ret);
	return err;
}

static int copy_snapshots(struct symbolizer *s, struct recording *rec, struct store_writer *w)
{
	struct snapshot old[SERIES_MAX] = {0};
	enum series first = recording_series(&rec->meta);
	size_t n = recording_n_series(&rec->meta);
	int err = 0;

	for (size_t i = 0; !err && i < rec->n_snapshots; i++) {
		for (size_t k = 0; !err && k < n; k++)
			err = copy_snapshot(s, rec, i, first + k, &old[k]);
		if (!err)
			err = store_append(w, &s->dict, old);
	}
	for (size_t k = 0; k < n; k++)
		snapshot_deinit(&old[k]);
	return err;
}

static int write_all_anew(struct symbolizer *s, struct recording *rec, const char *path)
{
	struct store_writer *w;
	int err = store_create(path, &rec->meta, &w);

	if (err)
		return err;
	err = copy_snapshots(s, rec, w);
	if (!err)
		return store_finish(w, &rec->meta);
	store_discard(w);
	return err;
}

int symbolize(struct recording *rec, const char *path, struct namer *namer,
	      const struct symbolize_from *from, struct symbolize_counts *counts_ret)
{
	struct symbolizer s = {.rec = rec, .namer = namer, .from = from, .counts = counts_ret};
	int err;

	*counts_ret = (struct symbolize_counts){0};
	dict_init(&s.dict);
	s.changed = xcalloc(rec->dict.n_frames + 1, sizeof(*s.changed));
	s.is_changed = xcalloc(rec->dict.n_frames + 1, sizeof(*s.is_changed));
	list_wanted(&s);
	name_all(&s);
	copy_dict(&s);
	err = write_all_anew(&s, rec, path);
	dict_deinit(&s.dict);
	free(s.wanted);
	free(s.changed);
	free(s.is_changed);
	free(s.node);
	return err;
}
