#include "capture/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "capture/procfs.h"
#include "capture/targetfile.h"
#include "profile/stack_copy.h"

/* Events between two ticks; beyond it they count as lost. */
#define MAX_EVENTS (1u << 20)
/* Processes that nobody told of are looked up in /proc, so many a second at most. */
#define SCANS_PER_SECOND 200
#define PERFMAP_TRIES	 30
#define PERFMAP_RETRY_NS 1000000000u
#define SCAN_PATIENCE_NS 2000000000u
/* Of a new process, the modules whose rules are asked for before a stack ends in them. */
#define FIRST_MODULES 16
/* Copies are not sent while so much waits. */
#define COPY_BACKLOG_MAX (32u << 20)

static uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static bool lives(void *arg, uint32_t pid)
{
	struct procfs_process p;

	(void)arg;
	return !procfs_read(pid, &p) && !p.is_ending;
}

void intake_init(struct intake *in, struct chan *out, struct cutter *cutter)
{
	*in = (struct intake){.out = out, .cutter = cutter};
	in->procs = procs_create();
	procs_on_sweep(in->procs, lives, NULL);
	in->modules = modules_create(out);
	in->cgroups = cgroups_create();
}

void intake_deinit(struct intake *in)
{
	procs_destroy(in->procs);
	modules_destroy(in->modules);
	cgroups_destroy(in->cgroups);
	free(in->part);
	index_deinit(&in->part_ix);
	free(in->sample);
	free(in->event);
	free(in->bytes);
	for (size_t i = 0; i < in->n_copies; i++)
		free(in->copy[i]);
	free(in->copy);
	blocks_deinit(&in->blocks);
	*in = (struct intake){0};
}

/* --- /proc --- */

struct scan {
	struct intake *in;
	uint64_t until_ns;
	struct proc *p;	  /* as the samples see it; NULL: only the next one */
	struct proc *now; /* as it is now, for the unwinder; NULL: there is none */
};

static void add_scanned(void *arg, const struct mapped *map, uint64_t pgoff)
{
	struct scan *scan = arg;
	struct mapping m = {.start = map->start,
			    .end = map->end,
			    .pgoff = pgoff,
			    .module = modules_see(scan->in->modules, map)};

	if (scan->p)
		procs_map(scan->in->procs, scan->p, &m);
	if (scan->now)
		procs_map(unwinder_procs(scan->in->unwinder), scan->now, &m);
}

/* Nobody tells of the end of a main thread that ended before. */
static void set_threads(struct proc *p, const struct procfs_process *found)
{
	p->threaded = found->threaded;
	p->exited = found->is_dead;
}

static struct proc *scan_one(struct intake *in, uint32_t pid)
{
	struct scan scan = {.in = in};
	struct procfs_process found;
	uint64_t now = mono_ns();

	if (procfs_read(pid, &found))
		return NULL;
	/* At its end it has nothing mapped any more; what it had is told by events. */
	if (found.is_ending)
		return NULL;
	scan.p = procs_add(in->procs, pid, found.comm, found.is_kernel, now);
	if (!scan.p || found.is_kernel)
		return scan.p;
	set_threads(scan.p, &found);
	if (in->unwinder)
		scan.now = procs_add(unwinder_procs(in->unwinder), pid, found.comm, false, now);
	if (scan.now)
		set_threads(scan.now, &found);
	procfs_maps(pid, add_scanned, &scan);
	if (scan.now)
		unwinder_changed(in->unwinder, scan.now);
	return scan.p;
}

/* For the unwinder alone: what samples see of the process follows what the sideband tells. */
static void scan_now(struct intake *in, uint32_t pid)
{
	struct procs *procs = unwinder_procs(in->unwinder);
	struct scan scan = {.in = in, .now = procs_find(procs, pid)};
	struct procfs_process found;
	size_t n = 0;

	if (scan.now)
		procs_mappings(scan.now, &n);
	/* It was told of: its entry is on the way. */
	if (n || (scan.now && scan.now->exited) || procfs_read(pid, &found) || found.is_kernel ||
	    found.is_ending)
		return;
	scan.now = procs_add(procs, pid, found.comm, false, mono_ns());
	if (!scan.now)
		return;
	set_threads(scan.now, &found);
	procfs_maps(pid, add_scanned, &scan);
	unwinder_changed(in->unwinder, scan.now);
	unwinder_flush(in->unwinder);
}

static bool scan_next(void *arg, uint32_t pid)
{
	struct scan *scan = arg;

	scan_one(scan->in, pid);
	return mono_ns() < scan->until_ns;
}

void intake_scan(struct intake *in)
{
	struct scan scan = {.in = in, .until_ns = mono_ns() + SCAN_PATIENCE_NS};

	procfs_each(scan_next, &scan);
	if (in->unwinder)
		unwinder_flush(in->unwinder);
}

static bool may_scan(struct intake *in, uint64_t t_ns)
{
	if (t_ns - in->scan_window_ns >= 1000000000) {
		in->scan_window_ns = t_ns;
		in->scans = 0;
	}
	return in->scans++ < SCANS_PER_SECOND;
}

/* --- taking --- */

void intake_take_event(void *arg, const struct sideband_event *e)
{
	static const enum proc_event_kind kinds[] = {
	    [SIDEBAND_FORK] = PROC_FORK, [SIDEBAND_COMM] = PROC_COMM, [SIDEBAND_EXEC] = PROC_EXEC,
	    [SIDEBAND_MAP] = PROC_MAP,	 [SIDEBAND_EXIT] = PROC_EXIT,
	};
	struct intake *in = arg;
	struct proc_event *p;

	if (e->kind == SIDEBAND_LOST || in->n_events >= MAX_EVENTS) {
		in->sideband_lost += e->kind == SIDEBAND_LOST ? e->lost : 1;
		in->lost_ns = e->t_ns;
		return;
	}
	in->event = xgrow(in->event, &in->cap_events, in->n_events + 1, sizeof(*in->event));
	p = &in->event[in->n_events++];
	*p = (struct proc_event){.t_ns = e->t_ns,
				 .seq = in->n_events,
				 .kind = kinds[e->kind],
				 .pid = e->pid,
				 .tid = e->tid,
				 .parent_pid = e->parent_pid};
	if (e->kind == SIDEBAND_COMM || e->kind == SIDEBAND_EXEC)
		strncpy(p->comm, e->text, sizeof(p->comm) - 1);
	if (e->kind == SIDEBAND_MAP) {
		struct mapped map = {.pid = e->pid,
				     .start = e->start,
				     .end = e->end,
				     .dev_major = e->dev_major,
				     .dev_minor = e->dev_minor,
				     .inode = e->inode,
				     .build_id_size = e->build_id_size,
				     .path = e->text};

		memcpy(map.build_id, e->build_id, e->build_id_size);
		/* Now, and not when its turn comes: a moment later the process may be gone. */
		p->map = (struct mapping){.start = e->start,
					  .end = e->end,
					  .pgoff = e->pgoff,
					  .module = modules_see(in->modules, &map)};
	}
}

static void take_bytes(struct intake *in, uint64_t t_ns, const void *data, size_t size,
		       bool is_block)
{
	in->bytes = xgrow(in->bytes, &in->cap_bytes, in->n_bytes + size, 1);
	memcpy(in->bytes + in->n_bytes, data, size);
	in->sample = xgrow(in->sample, &in->cap_samples, in->n_samples + 1, sizeof(*in->sample));
	in->sample[in->n_samples++] = (struct pending_sample){t_ns, in->n_bytes, size, is_block};
	in->n_bytes += size;
}

static size_t record_size(const struct sampler_record *r)
{
	return sizeof(*r) + sizeof(uint64_t) * ((size_t)r->n_kernel + r->n_user);
}

void intake_take_sample(void *arg, const struct sampler_record *r)
{
	take_bytes(arg, r->t_ns, r, record_size(r), false);
}

static uint64_t block_time(const struct sampler_block *b)
{
	return b->in_ns ? b->in_ns : b->out_ns;
}

void intake_take_block(void *arg, const struct sampler_block *b)
{
	const struct sampler_record *r = sampler_block_record(b);

	take_bytes(arg, block_time(b), b, sizeof(*b) + (r ? record_size(r) : 0), true);
}

void intake_take_copy(void *arg, const struct sampler_copy *c)
{
	struct intake *in = arg;

	in->copy = xgrow(in->copy, &in->cap_copies, in->n_copies + 1, sizeof(*in->copy));
	in->copy[in->n_copies++] = xmemdup(c, sizeof(*c) + c->n_bytes);
}

/* --- one sample --- */

static struct proc *find_process(struct intake *in, const struct sampler_record *r)
{
	struct proc *p = procs_find(in->procs, r->tgid);

	if (p)
		return p;
	if (r->tgid && may_scan(in, r->t_ns))
		p = scan_one(in, r->tgid);
	if (p)
		return p;
	p = procs_add(in->procs, r->tgid, r->tgid ? r->comm : "swapper", r->flags & SAMPLER_KTHREAD,
		      r->t_ns);
	/* Nobody would tell of its end. */
	if (p && r->tgid)
		p->exited = true;
	return p;
}

/* Records of process life were lost since it was last known for sure. */
static struct proc *know_again(struct intake *in, struct proc *p, const struct sampler_record *r)
{
	struct proc *again = r->tgid && may_scan(in, r->t_ns) ? scan_one(in, r->tgid) : NULL;

	if (!again)
		p->known_ns = r->t_ns;
	return again ? again : p;
}

static void want(struct intake *in, const struct proc *p, const struct mapping *m)
{
	if (m->module != MODULE_JIT && m->module != MODULE_NONE)
		unwinder_want(in->unwinder, m->module, p->pid, m->start, m->end);
}

static void want_first(struct intake *in, const struct proc *p)
{
	size_t n;
	const struct mapping *m = procs_mappings(p, &n);

	for (size_t i = 0; i < n && i < FIRST_MODULES; i++)
		want(in, p, &m[i]);
}

/* A process, or a part of it, for whoever names it. Its number; 0 where that could not be sent. */
static uint32_t tell_process(struct intake *in, const struct proc *p,
			     const struct sampler_record *r)
{
	struct wire_process head = {.id = in->n_processes + 1,
				    .pid = p->pid,
				    .is_kernel = !!(r->flags & SAMPLER_KTHREAD)};
	const char *cgroup = cgroups_path(in->cgroups, r->cgroup, r->t_ns);
	/* For kernel threads /proc adds what they work on, which changes all the time. */
	bool own_name = r->tid == r->tgid && r->tgid && (!*p->comm || head.is_kernel);
	struct strbuf sb = {0};

	if (chan_backlog(in->out) > INTAKE_BACKLOG_MAX)
		return 0;
	memcpy(head.comm, own_name || !*p->comm ? r->comm : p->comm, sizeof(head.comm) - 1);
	if (p->start_ns)
		head.start_unix_ns = p->start_ns + in->unix_offset_ns;
	if (in->per_thread) {
		head.tid = r->tid;
		memcpy(head.thread, r->comm, sizeof(head.thread) - 1);
	}
	if (in->per_cpu)
		head.cpu = r->cpu + 1;
	strbuf_add(&sb, &head, sizeof(head));
	strbuf_adds(&sb, cgroup);
	chan_send(in->out, WIRE_PROCESS, sb.data, sb.len, -1);
	strbuf_deinit(&sb);
	return ++in->n_processes;
}

static void tell_first(struct intake *in, struct proc *p, const struct sampler_record *r)
{
	p->id = tell_process(in, p, r);
	if (!p->id)
		return;
	p->jit_module = MODULE_NONE;
	p->perfmap_found = false;
	p->perfmap_tries = 0;
	if (in->unwinder)
		want_first(in, p);
}

/* The number of the part of a process that the sample is of. */
static uint32_t part_of(struct intake *in, struct proc *p, const struct sampler_record *r)
{
	struct part part = {.tid = in->per_thread ? r->tid : 0,
			    .cpu = in->per_cpu ? r->cpu + 1u : 0};
	bool first = !p->id;
	uint64_t hash;

	if (first)
		tell_first(in, p, r);
	if (!p->id || (!in->per_thread && !in->per_cpu))
		return p->id;
	part.process = p->id;
	hash = hash_u64((uint64_t)part.tid << 32 | part.cpu, part.process);
	for (uint32_t it = 0, at; !first && index_next(&in->part_ix, hash, &it, &at);)
		if (in->part[at].process == part.process && in->part[at].tid == part.tid &&
		    in->part[at].cpu == part.cpu)
			return in->part[at].id;
	part.id = first ? p->id : tell_process(in, p, r);
	if (!part.id)
		return 0;
	in->part = xgrow(in->part, &in->cap_parts, in->n_parts + 1, sizeof(*in->part));
	in->part[in->n_parts] = part;
	index_add(&in->part_ix, hash, in->n_parts++);
	return part.id;
}

/* The process's module of anonymous code, with its perf map as soon as there is one. */
static uint32_t use_jit(struct intake *in, struct proc *p, uint64_t t_ns)
{
	struct wire_perfmap head;
	int fd;

	if (!p->jit_module) {
		if (!p->id || !(p->jit_module = modules_add_jit(in->modules, p->id)))
			return MODULE_NONE;
		modules_use(in->modules, p->jit_module, p->pid, 0, 0);
	}
	if (p->perfmap_found || p->perfmap_tries >= PERFMAP_TRIES || t_ns < p->perfmap_next_ns)
		return p->jit_module;
	p->perfmap_tries++;
	p->perfmap_next_ns = t_ns + PERFMAP_RETRY_NS;
	fd = targetfile_open_perfmap(p->pid);
	if (fd >= 0) {
		head.module = p->jit_module;
		p->perfmap_found = !chan_send(in->out, WIRE_PERFMAP, &head, sizeof(head), fd);
		close(fd);
	}
	return p->jit_module;
}

static bool resolve(struct intake *in, struct proc *p, uint64_t address, bool is_return,
		    uint64_t t_ns, struct wire_frame *ret)
{
	/* A call at the end of a mapping returns to behind it. */
	const struct mapping *m = procs_lookup(p, address - is_return);

	if (!m)
		return false;
	*ret = (struct wire_frame){.module = m->module, .offset = address};
	if (m->module == MODULE_JIT) {
		ret->module = use_jit(in, p, t_ns);
	} else if (m->module != MODULE_NONE) {
		modules_use(in->modules, m->module, p->pid, m->start, m->end);
		if (in->unwinder)
			unwinder_use(in->unwinder, m->module, t_ns);
		if (!modules_is_absolute(in->modules, m->module))
			ret->offset = address - m->start + m->pgoff;
	}
	return true;
}

static const struct sampler_copy *find_copy(const struct intake *in, const struct sampler_record *r)
{
	if (!(r->flags & SAMPLER_COPIED))
		return NULL;
	for (size_t i = 0; i < in->n_copies; i++)
		if (in->copy[i]->t_ns == r->t_ns && in->copy[i]->cpu == r->cpu)
			return in->copy[i];
	return NULL;
}

/* Those of samples that were gone through. */
static void drop_copies(struct intake *in, uint64_t until_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < in->n_copies; i++) {
		if (in->copy[i]->t_ns < until_ns)
			free(in->copy[i]);
		else
			in->copy[kept++] = in->copy[i];
	}
	in->n_copies = kept;
}

/* A mapping as the namer needs it to unwind. false: there is nothing to be known of it. */
static bool map_for_copy(struct intake *in, struct proc *p, const struct mapping *m, uint64_t t_ns,
			 struct stack_copy_map *ret)
{
	*ret = (struct stack_copy_map){m->start, m->end, m->pgoff, m->module, 0};
	if (m->module == MODULE_JIT)
		ret->module = use_jit(in, p, t_ns);
	if (ret->module == MODULE_NONE)
		return false;
	if (m->module != MODULE_JIT)
		modules_use(in->modules, m->module, p->pid, m->start, m->end);
	if (modules_is_absolute(in->modules, ret->module))
		ret->pgoff = m->start;
	return true;
}

/* Sends the sample's stack to be unwound. Its number, or 0 where that cannot be. */
static uint32_t send_copy(struct intake *in, struct proc *p, const struct sampler_copy *c,
			  uint64_t t_ns)
{
	struct wire_copy id = {.id = in->n_sent_copies + 1};
	struct stack_copy head = {.n_bytes = c ? c->n_bytes : 0, .max_frames = in->max_stack};
	struct strbuf sb = {0};
	struct stack_copy_map map;
	size_t n;
	const struct mapping *m = procs_mappings(p, &n);

	if (!c || n > STACK_COPY_MAPS_MAX || chan_backlog(in->out) > COPY_BACKLOG_MAX)
		return 0;
	memcpy(head.reg, c->reg, sizeof(head.reg));
	strbuf_add(&sb, &id, sizeof(id));
	strbuf_add(&sb, &head, sizeof(head));
	for (size_t i = 0; i < n; i++) {
		if (!map_for_copy(in, p, &m[i], t_ns, &map))
			continue;
		strbuf_add(&sb, &map, sizeof(map));
		head.n_maps++;
	}
	memcpy(sb.data + sizeof(id), &head, sizeof(head));
	strbuf_add(&sb, c + 1, c->n_bytes);
	if (chan_send(in->out, WIRE_COPY, sb.data, sb.len, -1))
		id.id = 0;
	else
		in->n_sent_copies++;
	strbuf_deinit(&sb);
	return id.id;
}

/* The stack with its places in modules, which go to `frame`. */
static struct tally_stack make_stack(struct intake *in, struct proc *p,
				     const struct sampler_record *r, uint32_t copy,
				     struct wire_frame *frame)
{
	const uint64_t *user = sampler_addresses(r) + r->n_kernel;
	struct tally_stack s = {.end = sampler_end_of(r),
				.copy = copy,
				.n_kernel = r->n_kernel,
				.kernel = sampler_addresses(r),
				.user = frame};

	if (r->flags & (SAMPLER_NO_USER | SAMPLER_USER_LEFT_OUT))
		s.flags |= WIRE_STACK_KERNEL_ONLY;
	if (r->flags & SAMPLER_USER_FAILED)
		s.flags |= WIRE_STACK_UNREADABLE;
	if (r->flags & SAMPLER_KERNEL_CUT)
		s.flags |= WIRE_STACK_KERNEL_CUT;
	for (; s.n_user < r->n_user && s.n_user < SAMPLER_MAX_USER; s.n_user++)
		if (!p || !resolve(in, p, user[s.n_user], s.n_user > 0, r->t_ns, &frame[s.n_user]))
			break;
	if (s.n_user < r->n_user)
		s.flags |= WIRE_STACK_BROKEN;
	else if (r->flags & SAMPLER_USER_CUT)
		s.flags |= WIRE_STACK_USER_CUT;
	return s;
}

static void tell_sample(struct intake *in, struct wire_sample *head, const struct tally_raw *raw,
			const struct tally_stack *s)
{
	uint8_t bytes[sizeof(*head) + TALLY_STACK_MAX];
	size_t size = sizeof(*head);

	head->unix_ns += in->unix_offset_ns;
	head->kernel_address = raw->n_kernel ? raw->address[0] : 0;
	head->user_address = raw->n_user ? raw->address[raw->n_kernel] : 0;
	memcpy(bytes, head, sizeof(*head));
	size += tally_write_stack(s, raw->process, 1, bytes + size);
	ksyms_see(in->ksyms, bytes + sizeof(*head), size - sizeof(*head));
	if (chan_backlog(in->out) > INTAKE_BACKLOG_MAX ||
	    chan_send(in->out, WIRE_SAMPLE, bytes, size, -1))
		in->unsent++;
}

static void tell_record(struct intake *in, const struct sampler_record *r,
			const struct tally_raw *raw, const struct tally_stack *s)
{
	struct wire_sample head = {.unix_ns = r->t_ns,
				   .pid = r->tgid,
				   .tid = r->tid,
				   .cpu = r->cpu};

	memcpy(head.comm, r->comm, sizeof(head.comm));
	tell_sample(in, &head, raw, s);
}

/* What the unwinder lacked, it gets for the next sample. */
static void help_unwinder(struct intake *in, struct proc *p, const struct sampler_record *r)
{
	const uint64_t *user = sampler_addresses(r) + r->n_kernel;
	const struct mapping *m;

	if (sampler_end_of(r) == UNWIND_NO_TABLE && r->n_user) {
		m = procs_lookup(p, user[r->n_user - 1] - (r->n_user > 1));
		if (m)
			want(in, p, m);
	} else if (sampler_end_of(r) == UNWIND_NO_PROCESS && may_scan(in, r->t_ns)) {
		scan_now(in, r->tgid);
	}
}

/* Where to count what happened then; NULL: it is too late. */
static struct tally *open_tally(struct intake *in, struct cutter *cutter, uint64_t t_ns)
{
	struct tally *t;
	bool full;

	while (!(t = cutter_tally(cutter, t_ns, &full)) && full)
		in->make_room(in->arg);
	return t;
}

static bool is_followed(const struct intake *in, const struct proc *p)
{
	return !in->follows || (p && p->followed);
}

/* Its process, which main knows from now on: NULL where that is not known here. */
static struct proc *tell_of(struct intake *in, struct proc *p, const struct sampler_record *r,
			    struct tally_raw *raw_ret)
{
	*raw_ret = (struct tally_raw){.flags = r->flags,
				      .n_kernel = r->n_kernel,
				      .n_user = r->n_user,
				      .address = sampler_addresses(r)};
	if (!p)
		return NULL;
	if (p->known_ns < in->lost_ns && p->start_ns < in->lost_ns)
		p = know_again(in, p, r);
	p->touched_ns = r->t_ns;
	raw_ret->process = part_of(in, p, r);
	raw_ret->generation = p->generation;
	if (in->unwinder)
		help_unwinder(in, p, r);
	return p;
}

static void count(struct intake *in, const struct sampler_record *r)
{
	struct wire_frame frame[SAMPLER_MAX_USER];
	struct tally_stack stack;
	struct tally_raw raw;
	struct tally *t = open_tally(in, in->cutter, r->t_ns);
	struct proc *p;
	bool again;

	if (!t)
		return;
	tally_record(t);
	p = find_process(in, r);
	if (!is_followed(in, p)) {
		tally_filter(t, 1);
		return;
	}
	p = tell_of(in, p, r, &raw);
	if (p && p->id)
		raw.copy = send_copy(in, p, find_copy(in, r), r->t_ns);
	again = tally_again(t, &raw, 1);
	if (again && !in->each_sample)
		return;
	stack = make_stack(in, p, r, raw.copy, frame);
	if (!again)
		tally_add(t, &raw, &stack, 1);
	if (in->each_sample)
		tell_record(in, r, &raw, &stack);
}

/* --- blocks --- */

static void add_time(void *arg, const struct block_stack *s, bool filtered, uint64_t t_ns,
		     uint64_t units)
{
	struct intake *in = arg;
	struct tally *t = open_tally(in, in->blocks_cutter, t_ns);
	struct tally_stack stack = s->stack;
	struct tally_raw raw = s->raw;
	struct proc *p = s->copy ? procs_find(in->procs, s->pid) : NULL;

	if (!t)
		return;
	if (filtered || s->filtered) {
		tally_filter(t, units);
		return;
	}
	/* Again for each interval: what main made of it is gone with the one before. */
	if (p && p->id && !in->each_sample)
		raw.copy = stack.copy = send_copy(in, p, s->copy, t_ns);
	if (!tally_again(t, &raw, units))
		tally_add(t, &raw, &stack, units);
}

static void tell_block(void *arg, const struct block_stack *s, uint64_t in_ns, uint64_t ns)
{
	struct intake *in = arg;
	struct wire_sample head = {
	    .unix_ns = in_ns, .blocked_ns = ns, .pid = s->pid, .tid = s->tid, .cpu = s->cpu};
	struct tally_stack stack = s->stack;
	struct proc *p = s->copy ? procs_find(in->procs, s->pid) : NULL;

	if (s->filtered)
		return;
	if (p && p->id)
		stack.copy = send_copy(in, p, s->copy, in_ns);
	memcpy(head.comm, s->comm, sizeof(head.comm));
	tell_sample(in, &head, &s->raw, &stack);
}

void intake_init_blocks(struct intake *in, struct cutter *cutter, uint64_t min_ns, uint64_t max_ns)
{
	in->blocks_cutter = cutter;
	blocks_init(&in->blocks, cutter, min_ns, max_ns, add_time, in);
	in->blocks.over = in->each_sample ? tell_block : NULL;
}

static void count_stack(struct intake *in, const struct sampler_block *b,
			const struct sampler_record *r)
{
	struct wire_frame frame[SAMPLER_MAX_USER];
	struct block_stack s = {.pid = r->tgid,
				.tid = r->tid,
				.cpu = r->cpu,
				.copy = find_copy(in, r)};
	struct proc *p = find_process(in, r);

	memcpy(s.comm, r->comm, sizeof(s.comm));
	s.filtered = !is_followed(in, p);
	if (!s.filtered) {
		p = tell_of(in, p, r, &s.raw);
		s.raw.flags |= (uint32_t)b->state << 16;
		s.stack = make_stack(in, p, r, 0, frame);
		s.stack.state = b->state;
	}
	if (b->in_ns)
		blocks_whole(&in->blocks, b->thread, b->out_ns, b->in_ns, &s);
	else
		blocks_begin(&in->blocks, b->thread, b->out_ns, &s);
}

static void count_block(struct intake *in, const struct sampler_block *b)
{
	const struct sampler_record *r = sampler_block_record(b);
	struct tally *t = open_tally(in, in->blocks_cutter, block_time(b));

	if (t) {
		tally_record(t);
		if (b->in_ns)
			t->ended_ns += b->in_ns - b->out_ns;
	}
	if (r)
		count_stack(in, b, r);
	else
		blocks_end(&in->blocks, b->thread, b->out_ns, b->in_ns);
}

/* --- in order of time --- */

static int event_by_time(const void *pa, const void *pb)
{
	const struct proc_event *a = pa, *b = pb;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static bool may_be_sampled(const struct intake *in, uint32_t pid)
{
	const struct proc *p;

	if (in->follows) {
		p = procs_find(unwinder_procs(in->unwinder), pid);
		return p && p->followed;
	}
	for (size_t i = 0; i < in->n_only; i++)
		if (in->only[i] == pid)
			return true;
	return !in->n_only;
}

void intake_follow(struct intake *in)
{
	struct proc_event *e = in->event + in->n_followed;
	size_t n = in->n_events - in->n_followed;

	if (!in->unwinder)
		return;
	if (n > 1)
		qsort(e, n, sizeof(*e), event_by_time);
	for (size_t i = 0; i < n; i++)
		unwinder_event(in->unwinder, &e[i]);
	unwinder_flush(in->unwinder);
	for (size_t i = 0; i < n; i++)
		if (e[i].kind == PROC_MAP && may_be_sampled(in, e[i].pid))
			unwinder_expect(in->unwinder, e[i].map.module, e[i].pid, e[i].map.start,
					e[i].map.end);
	in->n_followed = in->n_events;
}

static int by_time(const void *pa, const void *pb)
{
	const struct pending_sample *a = pa, *b = pb;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Moves what was not gone through to the front. */
static void keep_rest(struct intake *in, size_t n_samples, size_t n_events)
{
	uint8_t *old = in->bytes;
	size_t left = in->n_samples - n_samples;

	in->n_events -= n_events;
	in->n_followed -= n_events < in->n_followed ? n_events : in->n_followed;
	if (n_events && in->n_events)
		memmove(in->event, in->event + n_events, in->n_events * sizeof(*in->event));
	if (!left) {
		in->n_samples = in->n_bytes = 0;
		return;
	}
	in->bytes = NULL;
	in->n_bytes = in->cap_bytes = in->n_samples = 0;
	for (size_t i = 0; i < left; i++) {
		struct pending_sample s = in->sample[n_samples + i];

		take_bytes(in, s.t_ns, old + s.at, s.size, s.is_block);
	}
	free(old);
}

void intake_process(struct intake *in, uint64_t until_ns)
{
	size_t s = 0, e = 0;

	if (in->n_samples > 1)
		qsort(in->sample, in->n_samples, sizeof(*in->sample), by_time);
	if (in->n_events > 1)
		qsort(in->event, in->n_events, sizeof(*in->event), event_by_time);
	for (; s < in->n_samples && in->sample[s].t_ns < until_ns; s++) {
		for (; e < in->n_events && in->event[e].t_ns <= in->sample[s].t_ns; e++)
			procs_event(in->procs, &in->event[e]);
		if (in->sample[s].is_block)
			count_block(in, (const void *)(in->bytes + in->sample[s].at));
		else
			count(in, (const void *)(in->bytes + in->sample[s].at));
	}
	for (; e < in->n_events && in->event[e].t_ns < until_ns; e++)
		procs_event(in->procs, &in->event[e]);
	keep_rest(in, s, e);
	drop_copies(in, until_ns);
}
