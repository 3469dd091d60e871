#include "cli/assemble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "capture/wire.h"
#include "profile/stack_copy.h"
#include "symbols/debugfiles.h"
#include "symbols/kernelnames.h"

/* The namer's number of the kernel; modules of processes count from 1. */
#define KERNEL 0
/* How many copied stacks are kept until the snapshots come that they belong to: what is open longer
 * than these can be has none of them. */
#define MAX_COPIED 1024
/* What a collector of ours stays far below. */
#define MAX_ID (1u << 24)

struct code {
	bool known;
	uint8_t kind;	 /* enum wire_module_kind */
	uint32_t module; /* in the dict */
	bool is_libc;	 /* the one of which we know where stacks begin */
	bool has_debug;	 /* a file of its own with its symbols */
};

/* The name of a place in a module, asked for once. */
struct place {
	uint32_t module; /* the collector's number */
	bool is_start, is_pending;
	uint64_t offset;
	uint32_t frame;
	uint32_t inlined, n_inlined; /* in the list of all; the innermost last */
};

/* A stack that the namer unwound. */
struct copied {
	uint32_t id;
	void *raw; /* struct stack_copy and all, until it was unwound */
	size_t size;
	bool complete, too_deep;
	size_t n;
	struct wire_frame *frame;
};

struct assemble {
	struct dict *dict;
	struct namer *namer;
	const struct startpoints *starts;
	const char *debug_folder;
	struct chan *collector; /* who opens what stands in other roots, or NULL */
	struct code *code;
	size_t n_code, cap_code;
	uint32_t *process; /* in the dict, by the collector's number */
	size_t n_process, cap_process;
	struct place *place;
	size_t n_places, cap_places;
	struct index place_ix;
	uint32_t *inlined; /* frames that were inlined at places */
	size_t n_inlined, cap_inlined;
	uint32_t *pending; /* places without a name yet */
	size_t n_pending, cap_pending;
	uint64_t n_truncated[2][UNWIND_ENDS]; /* of samples, of blocked time */
	uint32_t truncated[UNWIND_ENDS]; /* frame, by how the unwinding ended; 0: not needed yet */
	uint64_t seed;
	struct strbuf text;
	struct kernelnames kernel;
	uint32_t state[BLOCK_STATES]; /* likewise, by what a blocked thread waits for */
	struct copied *copied;	      /* the last ones */
	size_t n_copied, cap_copied;
	struct snapshot open;
	struct account part; /* complete, truncated, kernel_only of the open snapshot */
};

static uint32_t clean_string(struct assemble *a, const char *s, size_t len)
{
	strbuf_clear(&a->text);
	utf8_add_clean(&a->text, s, len);
	return dict_string(a->dict, strbuf_str(&a->text), a->text.len);
}

/* All but the last so many. */
static void forget_copied(struct assemble *a, size_t kept)
{
	size_t n = a->n_copied > kept ? a->n_copied - kept : 0;

	for (size_t i = 0; i < n; i++)
		free(a->copied[i].frame), free(a->copied[i].raw);
	a->n_copied -= n;
	if (n && a->n_copied)
		memmove(a->copied, a->copied + n, a->n_copied * sizeof(*a->copied));
}

struct assemble *assemble_create(struct dict *dict, struct namer *namer,
				 const struct startpoints *starts, int kallsyms,
				 const char *debug_folder)
{
	struct assemble *a = xcalloc(1, sizeof(*a));

	a->dict = dict;
	a->namer = namer;
	a->starts = starts;
	a->debug_folder = debug_folder;
	a->seed = hash_seed();
	namer_add_module(namer, KERNEL, MODULE_KERNEL, "[kernel]", kallsyms);
	return a;
}

void assemble_ask(struct assemble *a, struct chan *collector)
{
	a->collector = collector;
}

void assemble_destroy(struct assemble *a)
{
	if (!a)
		return;
	free(a->code);
	free(a->process);
	free(a->place);
	free(a->inlined);
	index_deinit(&a->place_ix);
	free(a->pending);
	forget_copied(a, 0);
	free(a->copied);
	strbuf_deinit(&a->text);
	kernelnames_deinit(&a->kernel);
	snapshot_deinit(&a->open);
	free(a);
}

static int take_process(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_process w;
	const char *cgroup = (const char *)msg->data + sizeof(w);
	struct process p;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)) || w.id >= MAX_ID)
		return -EPROTO;
	p = (struct process){.pid = w.pid,
			     .is_kernel = w.is_kernel,
			     .start_ns = w.start_unix_ns,
			     .comm = clean_string(a, w.comm, strnlen(w.comm, sizeof(w.comm))),
			     .tid = w.tid,
			     .thread =
				 clean_string(a, w.thread, strnlen(w.thread, sizeof(w.thread))),
			     .cpu = w.cpu,
			     .cgroup = clean_string(a, cgroup, msg->size - sizeof(w))};
	a->process = xgrow(a->process, &a->cap_process, w.id + 1, sizeof(*a->process));
	while (a->n_process <= w.id)
		a->process[a->n_process++] = 0;
	a->process[w.id] = dict_process(a->dict, &p);
	return 0;
}

static enum module_kind namer_kind(enum wire_module_kind kind)
{
	switch (kind) {
	case WIRE_MODULE_FILE:
	case WIRE_MODULE_DELETED:
	case WIRE_MODULE_MEMFD:
		return MODULE_ELF;
	case WIRE_MODULE_VDSO:
		return MODULE_VDSO;
	case WIRE_MODULE_JIT:
		return MODULE_PERF_MAP;
	default:
		return MODULE_OTHER;
	}
}

/* What was unnamed before may have a name now. */
static void forget_unnamed(struct assemble *a, uint32_t module)
{
	for (size_t i = 0; i < a->n_places; i++) {
		struct place *p = &a->place[i];

		if (p->module == module && !p->is_pending &&
		    a->dict->frame[p->frame].kind == FRAME_UNNAMED)
			p->is_pending = true;
	}
}

static bool add_path(void *arg, const char *path)
{
	struct strbuf *sb = arg;

	strbuf_add(sb, path, strlen(path) + 1);
	return false;
}

/* Has the collector look for debug files where the module's process sees them. */
static void want_debug(struct assemble *a, uint32_t module, const char *path,
		       const struct identity *id)
{
	struct wire_debug head = {.module = module};
	struct strbuf sb = {0};

	if (!a->collector)
		return;
	strbuf_add(&sb, &head, sizeof(head));
	debugfiles_each(path, id, NULL, add_path, &sb);
	if (sb.len > sizeof(head))
		chan_send(a->collector, WIRE_WANT_DEBUG, sb.data, sb.len, -1);
	strbuf_deinit(&sb);
}

static int take_debug(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_debug w;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)) || w.module >= a->n_code)
		return -EPROTO;
	if (a->code[w.module].has_debug || msg->fd < 0 ||
	    !namer_add_debug(a->namer, w.module, msg->fd))
		return 0;
	a->code[w.module].has_debug = true;
	for (size_t i = 0; i < a->n_places; i++)
		a->place[i].is_pending |= a->place[i].module == w.module;
	return 0;
}

/*
 * Gives a file to the namer, with its debug file, and completes what is known of its build-id.
 * What only stands at the module's path by now, and is of another build, is not believed.
 */
static void add_elf(struct assemble *a, struct wire_module *w, const char *path, int fd)
{
	struct build_id build_id = {.size = w->build_id_size};
	struct identity id;

	memcpy(build_id.byte, w->build_id, w->build_id_size);
	namer_add_module_of(a->namer, w->id, MODULE_ELF, path, &build_id, fd);
	namer_identify(a->namer, w->id, &id);
	/* Another file stands at its path by now: the namer tells of it when it is asked for names.
	 */
	if (w->build_id_size && id.build_id_size &&
	    (w->build_id_size != id.build_id_size ||
	     memcmp(w->build_id, id.build_id, w->build_id_size)))
		return;
	if (!w->build_id_size) {
		w->build_id_size = id.build_id_size;
		memcpy(w->build_id, id.build_id, sizeof(id.build_id));
	}
	if (!debugfiles_attach(a->namer, w->id, path, &id, a->debug_folder))
		want_debug(a, w->id, path, &id);
}

static int take_module(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_module w;
	char *path;
	struct code *c;
	uint32_t name;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)) || !w.id || w.id >= MAX_ID ||
	    w.build_id_size > BUILD_ID_MAX)
		return -EPROTO;
	a->code = xgrow(a->code, &a->cap_code, w.id + 1, sizeof(*a->code));
	while (a->n_code <= w.id)
		a->code[a->n_code++] = (struct code){0};
	path = xstrndup((const char *)msg->data + sizeof(w), msg->size - sizeof(w));
	name = clean_string(a, path, strlen(path));
	if (namer_kind(w.kind) == MODULE_ELF)
		add_elf(a, &w, path, msg->fd);
	else
		namer_add_module(a->namer, w.id, namer_kind(w.kind), path, msg->fd);
	free(path);
	c = &a->code[w.id];
	*c = (struct code){.known = true,
			   .kind = w.kind,
			   .module = dict_module(a->dict, name, w.build_id, w.build_id_size),
			   .is_libc = startpoints_is_libc(a->starts, w.build_id, w.build_id_size,
							  msg->fd)};
	forget_unnamed(a, w.id);
	return 0;
}

static int take_perfmap(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_perfmap w;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)) || w.module >= a->n_code)
		return -EPROTO;
	namer_add_module(a->namer, w.module, MODULE_PERF_MAP, "[jit]", msg->fd);
	forget_unnamed(a, w.module);
	return 0;
}

static int take_kernel_names(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_kernel_name w;
	const char *name;
	size_t at = 0;
	int err;

	while ((err = wire_next_kernel_name(msg->data, msg->size, &at, &w, &name)) > 0)
		kernelnames_add(&a->kernel, w.address, name, w.size);
	return err;
}

static const struct stack_copy_map *find_map(const struct stack_copy_map *map, size_t n,
					     uint64_t address)
{
	for (size_t i = 0; i < n; i++)
		if (address >= map[i].start && address < map[i].end)
			return &map[i];
	return NULL;
}

/* From addresses to places in modules; ends before the first that is in none. */
static void place_frames(struct copied *c, const uint64_t *address, size_t n,
			 const struct stack_copy_map *map, size_t n_maps, size_t max_frames)
{
	c->frame = xcalloc(n + 1, sizeof(*c->frame));
	for (; c->n < n; c->n++) {
		const struct stack_copy_map *m = find_map(map, n_maps, address[c->n] - !!c->n);

		if (!m)
			break;
		c->frame[c->n] = (struct wire_frame){.module = m->module,
						     .offset = address[c->n] - m->start + m->pgoff};
	}
	c->complete = c->complete && c->n == n;
	c->too_deep = !c->complete && c->n == max_frames;
}

/* Only now: hundreds of copies come at a time, and tables that are asked for are in more of a
 * hurry. */
static void unwind(struct assemble *a, struct copied *c)
{
	const uint64_t *address = NULL;
	struct stack_copy_map *map;
	struct stack_copy head;
	size_t n;

	memcpy(&head, c->raw, sizeof(head));
	n = namer_unwind(a->namer, c->raw, c->size, &address, &c->complete);
	map = xmemdup((const uint8_t *)c->raw + sizeof(head), head.n_maps * sizeof(*map) + 1);
	place_frames(c, address, n, map, head.n_maps, head.max_frames);
	free(map);
	free(c->raw);
	c->raw = NULL;
}

static int take_copy(struct assemble *a, const struct chan_msg *msg)
{
	const uint8_t *p = (const uint8_t *)msg->data + sizeof(struct wire_copy);
	size_t size = msg->size - sizeof(struct wire_copy);
	struct copied c = {.size = size};
	struct stack_copy head;
	struct wire_copy id;

	if (!wire_get(msg->data, msg->size, &id, sizeof(id)) ||
	    !wire_get(p, size, &head, sizeof(head)) || head.n_maps > STACK_COPY_MAPS_MAX ||
	    stack_copy_bytes(&head) != size)
		return -EPROTO;
	c.id = id.id;
	c.raw = xmemdup(p, size);
	a->copied = xgrow(a->copied, &a->cap_copied, a->n_copied + 1, sizeof(c));
	a->copied[a->n_copied++] = c;
	return 0;
}

static uint32_t find_place(struct assemble *a, uint32_t module, uint64_t offset)
{
	uint64_t h = hash_u64(offset, a->seed + module);

	for (uint32_t it = 0, id; index_next(&a->place_ix, h, &it, &id);)
		if (a->place[id].module == module && a->place[id].offset == offset)
			return id;
	a->place = xgrow(a->place, &a->cap_places, a->n_places + 1, sizeof(*a->place));
	a->place[a->n_places] =
	    (struct place){.module = module, .offset = offset, .is_pending = true};
	index_add(&a->place_ix, h, a->n_places);
	return a->n_places++;
}

static void ask_for(struct assemble *a, uint32_t module, uint64_t offset)
{
	uint32_t id = find_place(a, module, offset);

	if (!a->place[id].is_pending)
		return;
	a->pending = xgrow(a->pending, &a->cap_pending, a->n_pending + 1, sizeof(*a->pending));
	a->pending[a->n_pending++] = id;
}

static int by_place(const void *pa, const void *pb, void *arg)
{
	const struct place *place = arg;
	const struct place *a = &place[*(const uint32_t *)pa], *b = &place[*(const uint32_t *)pb];

	if (a->module != b->module)
		return a->module < b->module ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* A place is the byte before the one to which a callee returns; see wire_running(). */
static bool is_start(const struct assemble *a, const struct place *p, const struct name *name)
{
	return name->is_start || (p->module && a->code[p->module].is_libc &&
				  startpoints_match(a->starts, p->offset + 1));
}

/* The C library's own name for the place, which a stripped one does not tell (glibc 2.34). */
static const char *start_name(const struct assemble *a, const struct place *p)
{
	if (!p->module || !a->code[p->module].is_libc)
		return NULL;
	return p->offset + 1 == a->starts->main.returns	    ? "__libc_start_call_main"
	       : p->offset + 1 == a->starts->thread.returns ? "start_thread"
							    : NULL;
}

static void take_inlined(struct assemble *a, struct place *p, const struct name *name, uint32_t of)
{
	p->inlined = a->n_inlined;
	p->n_inlined = name->n_inlined;
	a->inlined =
	    xgrow(a->inlined, &a->cap_inlined, a->n_inlined + name->n_inlined, sizeof(*a->inlined));
	for (size_t i = 0; i < name->n_inlined; i++) {
		const char *text = name->inlined[i].text;

		a->inlined[a->n_inlined++] =
		    dict_frame(a->dict, dict_string(a->dict, text, strlen(text)), of,
			       FRAME_INLINED);
	}
}

/* What the kernel said of the place, where kallsyms hides it. */
static bool name_by_kernel(struct assemble *a, struct place *p)
{
	struct kallsyms_place found;
	uint32_t text, of = 0;

	if (!kernelnames_find(&a->kernel, p->offset, &found))
		return false;
	text = clean_string(a, found.name, found.name_len);
	if (*found.module)
		of = dict_module(a->dict, clean_string(a, found.module, strlen(found.module)), NULL,
				 0);
	p->frame = dict_frame(a->dict, text, of, FRAME_KERNEL);
	p->is_start = p->is_pending = false;
	return true;
}

static void name_run(struct assemble *a, const uint32_t *id, const uint64_t *offset, size_t n)
{
	uint32_t module = a->place[id[0]].module;
	const struct name *name = namer_resolve(a->namer, module, offset, n);

	for (size_t i = 0; i < n; i++) {
		struct place *p = &a->place[id[i]];
		enum frame_kind kind = name[i].kind;
		const char *known = kind == FRAME_UNNAMED ? start_name(a, p) : NULL;
		uint32_t text = known ? dict_string(a->dict, known, strlen(known))
				      : dict_string(a->dict, name[i].text, strlen(name[i].text));
		uint32_t of = 0;

		if (module == KERNEL && kind == FRAME_UNNAMED && name_by_kernel(a, p))
			continue;
		kind = known ? FRAME_USER : kind;

		if (module != KERNEL)
			of = a->code[module].module;
		else if (*name[i].module)
			of = dict_module(a->dict,
					 clean_string(a, name[i].module, strlen(name[i].module)),
					 NULL, 0);
		p->frame = dict_frame(a->dict, text, of, kind);
		take_inlined(a, p, &name[i], of);
		p->is_start = is_start(a, p, &name[i]);
		p->is_pending = false;
	}
}

/* All places that were asked for, each module's at once. */
static void name_pending(struct assemble *a)
{
	uint64_t *offset = xreallocarray(NULL, a->n_pending, sizeof(*offset));
	size_t n = 0;

	qsort_r(a->pending, a->n_pending, sizeof(*a->pending), by_place, a->place);
	for (size_t i = 0; i < a->n_pending; i++)
		if (!i || a->pending[i] != a->pending[n - 1])
			a->pending[n++] = a->pending[i];
	for (size_t i = 0; i < n; i++)
		offset[i] = a->place[a->pending[i]].offset;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1;
		     end < n && a->place[a->pending[end]].module == a->place[a->pending[i]].module;)
			end++;
		name_run(a, a->pending + i, offset + i, end - i);
	}
	a->n_pending = 0;
	free(offset);
}

/* Puts what the namer made of a copied stack in place of the part that the kernel had. */
static void use_copy(struct assemble *a, struct wire_stack_view *v)
{
	for (size_t i = 0; v->head.copy && i < a->n_copied; i++) {
		struct copied *c = &a->copied[i];

		if (c->id != v->head.copy)
			continue;
		if (c->raw)
			unwind(a, c);
		if (!c->complete && c->n <= v->head.n_user)
			return;
		v->user = (const uint8_t *)c->frame;
		v->head.n_user = c->n;
		v->head.flags &= ~WIRE_STACK_BROKEN;
		if (c->complete || c->too_deep)
			v->head.end = c->complete ? UNWIND_COMPLETE : UNWIND_TOO_DEEP;
		return;
	}
}

/* Whether all that a stack names was told of before. */
static bool is_known(const struct assemble *a, const struct wire_stack_view *v)
{
	if (v->head.process >= a->n_process)
		return false;
	for (size_t i = 0; i < v->head.n_user; i++) {
		uint32_t module = wire_user_frame(v, i).module;

		if (module >= a->n_code || !a->code[module].known)
			return false;
	}
	return true;
}

static void ask_for_stack(struct assemble *a, const struct wire_stack_view *v)
{
	for (size_t i = 0; i < v->head.n_kernel; i++)
		ask_for(a, KERNEL, wire_running(wire_kernel_address(v, i), i));
	for (size_t i = 0; i < v->head.n_user; i++) {
		struct wire_frame f = wire_user_frame(v, i);

		ask_for(a, f.module, wire_running(f.offset, i));
	}
}

/*
 * How many user frames belong to the stack: up to the innermost start function that called
 * something. One that runs itself (a thread being born, or clone() in the parent) proves nothing,
 * unless it is all there is.
 */
static size_t user_frames(struct assemble *a, const struct wire_stack_view *v, bool *complete_ret)
{
	size_t n = v->head.n_user;

	*complete_ret = v->head.end == UNWIND_COMPLETE && !(v->head.flags & WIRE_STACK_BROKEN);
	if (*complete_ret)
		return n;
	for (size_t i = 0; i < n; i++) {
		struct wire_frame f = wire_user_frame(v, i);

		if (!a->place[find_place(a, f.module, wire_running(f.offset, i))].is_start ||
		    (i == 0 && n > 1))
			continue;
		*complete_ret = true;
		return i + 1;
	}
	return n;
}

static uint32_t push(struct assemble *a, uint32_t node, uint32_t module, uint64_t offset)
{
	const struct place *p = &a->place[find_place(a, module, offset)];

	node = dict_node(a->dict, node, p->frame);
	for (uint32_t i = 0; i < p->n_inlined; i++)
		node = dict_node(a->dict, node, a->inlined[p->inlined + i]);
	return node;
}

static const char *const why[UNWIND_ENDS] = {
    [UNWIND_BY_POINTERS] = FRAME_TRUNCATED,
    [UNWIND_COMPLETE] = "[truncated: mapping unknown]",
    [UNWIND_TOO_DEEP] = "[truncated: too deep]",
    [UNWIND_NO_PROCESS] = "[truncated: process just born]",
    [UNWIND_NO_MAPPING] = "[truncated: not in known code]",
    [UNWIND_NO_TABLE] = "[truncated: unwind table not ready]",
    [UNWIND_NO_RULE] = "[truncated: no unwind rule]",
    [UNWIND_HARD_RULE] = "[truncated: unwind rule too complex]",
    [UNWIND_UNREADABLE] = "[truncated: stack unreadable]",
    [UNWIND_BAD_POINTER] = "[truncated: bad frame pointer]",
};

uint64_t assemble_truncated(const struct assemble *a, bool blocked, enum unwind_end end,
			    const char **why_ret)
{
	*why_ret = why[end];
	return a->n_truncated[blocked][end];
}

/* The frame under which a stack stands that ends too early. */
static uint32_t truncated(struct assemble *a, enum unwind_end end)
{
	if (!a->truncated[end])
		a->truncated[end] =
		    1 +
		    dict_frame(a->dict, clean_string(a, why[end], strlen(why[end])), 0, FRAME_MARK);
	return a->truncated[end] - 1;
}

/* The innermost frame of a stack that is blocked. It is the kernel's, which survives text. */
static uint32_t state_frame(struct assemble *a, uint8_t state)
{
	static const char *const names[BLOCK_STATES] = {
	    [BLOCK_NONE] = "[blocked]",
	    [BLOCK_SLEEPING] = "[sleeping]",
	    [BLOCK_UNINTERRUPTIBLE] = "[uninterruptible]",
	    [BLOCK_RUNNABLE] = "[waiting for a CPU]",
	    [BLOCK_STOPPED] = "[stopped]",
	};

	state = state < BLOCK_STATES ? state : BLOCK_NONE;
	if (!a->state[state])
		a->state[state] =
		    1 + dict_frame(a->dict, clean_string(a, names[state], strlen(names[state])), 0,
				   FRAME_KERNEL);
	return a->state[state] - 1;
}

static bool is_kernel_function(struct assemble *a, const struct wire_stack_view *v, size_t i,
			       const char *name)
{
	uint64_t at = wire_running(wire_kernel_address(v, i), i);
	uint32_t frame = a->place[find_place(a, KERNEL, at)].frame;

	return !strcmp(dict_text(a->dict, a->dict->frame[frame].name), name);
}

/* How many of the innermost kernel frames are the scheduler, and we in it. */
static size_t scheduler_frames(struct assemble *a, const struct wire_stack_view *v)
{
	for (size_t i = 0; v->head.state && i < v->head.n_kernel; i++) {
		if (!is_kernel_function(a, v, i, "__schedule"))
			continue;
		i++;
		return i + (i < v->head.n_kernel && is_kernel_function(a, v, i, "schedule"));
	}
	return 0;
}

/* The stack in the dict; counts what it is. */
static uint32_t make_node(struct assemble *a, const struct wire_stack_view *v)
{
	const struct wire_stack *s = &v->head;
	bool complete, kernel_only = s->flags & WIRE_STACK_KERNEL_ONLY;
	size_t n_user = user_frames(a, v, &complete), skip = scheduler_frames(a, v);
	uint32_t node = 0;

	if (s->flags & WIRE_STACK_KERNEL_CUT)
		complete = kernel_only = false;
	if (kernel_only)
		a->part.kernel_only += s->count;
	else if (complete)
		a->part.complete += s->count;
	else
		a->part.truncated += s->count;
	if (!complete && !kernel_only) {
		enum unwind_end end = s->end < UNWIND_ENDS ? s->end : UNWIND_BY_POINTERS;

		a->n_truncated[!!s->state][end] += s->count;
		node = dict_node(a->dict, node, truncated(a, end));
	}
	for (size_t i = n_user; i-- > 0;) {
		struct wire_frame f = wire_user_frame(v, i);

		node = push(a, node, f.module, wire_running(f.offset, i));
	}
	for (size_t i = s->n_kernel; i-- > skip;)
		node = push(a, node, KERNEL, wire_running(wire_kernel_address(v, i), i));
	if (s->state)
		node = dict_node(a->dict, node, state_frame(a, s->state));
	return node;
}

static int take_stacks(struct assemble *a, const struct chan_msg *msg)
{
	struct wire_stack_view v;
	size_t at = 0;
	int err;

	while ((err = wire_next_stack(msg->data, msg->size, &at, &v)) > 0) {
		use_copy(a, &v);
		if (!is_known(a, &v))
			return -EPROTO;
		ask_for_stack(a, &v);
	}
	if (err < 0)
		return err;
	if (a->n_pending)
		name_pending(a);
	for (at = 0; wire_next_stack(msg->data, msg->size, &at, &v) > 0;) {
		use_copy(a, &v);
		snapshot_add(&a->open, a->process[v.head.process], make_node(a, &v), v.head.count);
	}
	return 0;
}

bool assemble_names_kernel(const struct assemble *a)
{
	return a->kernel.n;
}

int assemble_stack(struct assemble *a, struct wire_stack_view *v, uint32_t *process_ret,
		   uint32_t *node_ret)
{
	use_copy(a, v);
	if (!is_known(a, v))
		return -EPROTO;
	ask_for_stack(a, v);
	if (a->n_pending)
		name_pending(a);
	*process_ret = a->process[v->head.process];
	*node_ret = make_node(a, v);
	forget_copied(a, 0);
	return 0;
}

static int take_snapshot(struct assemble *a, const struct chan_msg *msg, struct snapshot *ret)
{
	struct wire_snapshot w;
	struct snapshot swap = *ret;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)))
		return -EPROTO;
	a->open.info = w.info;
	a->open.info.account.complete = a->part.complete;
	a->open.info.account.truncated = a->part.truncated;
	a->open.info.account.kernel_only = a->part.kernel_only;
	if (!account_balanced(&a->open.info.account))
		return -EPROTO;
	snapshot_sort(&a->open);
	*ret = a->open;
	a->open = swap;
	a->open.n_entries = 0;
	a->part = (struct account){0};
	forget_copied(a, MAX_COPIED);
	for (size_t i = 1; i < a->n_code; i++)
		if (a->code[i].known && a->code[i].kind == WIRE_MODULE_JIT)
			forget_unnamed(a, i);
	return 1;
}

int assemble_message(struct assemble *a, const struct chan_msg *msg, struct snapshot *ret)
{
	int err = 0;

	switch (msg->type) {
	case WIRE_PROCESS:
		err = take_process(a, msg);
		break;
	case WIRE_MODULE:
		err = take_module(a, msg);
		break;
	case WIRE_PERFMAP:
		err = take_perfmap(a, msg);
		break;
	case WIRE_KERNEL_NAMES:
		err = take_kernel_names(a, msg);
		break;
	case WIRE_DEBUG:
		err = take_debug(a, msg);
		break;
	case WIRE_COPY:
		err = take_copy(a, msg);
		break;
	case WIRE_STACKS:
		err = take_stacks(a, msg);
		break;
	case WIRE_SNAPSHOT:
		err = take_snapshot(a, msg, ret);
		break;
	}
	if (msg->fd >= 0)
		close(msg->fd);
	return err;
}
