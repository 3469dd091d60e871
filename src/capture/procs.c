#include "capture/procs.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"

#define MAX_PROCS	  131072
#define MAX_MAPS_EACH	  16384
#define MAX_MAPS_IN_TOTAL (2u << 20)
#define BUCKETS		  16384
#define NONE		  UINT32_MAX

struct maps {
	uint32_t refs, n, cap;
	uint32_t number, n_numbered; /* the caller's, and n at that time */
	struct mapping m[];
};

struct procs {
	struct proc *proc;
	size_t n, cap;
	uint32_t free; /* a list of places, through proc.next */
	uint32_t bucket[BUCKETS];
	size_t live, n_maps; /* n_maps: places allocated in all tables */
	uint64_t refused;
	uint32_t generation, follow_pid;
	void (*forget)(void *arg, uint32_t number, uint32_t n);
	void *forget_arg;
	bool (*lives)(void *arg, uint32_t pid);
	void *lives_arg;
};

struct procs *procs_create(void)
{
	struct procs *ps = xcalloc(1, sizeof(*ps));

	memset(ps->bucket, 0xff, sizeof(ps->bucket));
	ps->free = NONE;
	return ps;
}

static void forget_number(struct procs *ps, struct maps *maps)
{
	if (maps->number && ps->forget)
		ps->forget(ps->forget_arg, maps->number, maps->n_numbered);
	maps->number = 0;
}

static void maps_drop(struct procs *ps, struct proc *p)
{
	if (p->maps && !--p->maps->refs) {
		forget_number(ps, p->maps);
		ps->n_maps -= p->maps->cap;
		free(p->maps);
	}
	p->maps = NULL;
	p->generation = ++ps->generation;
}

void procs_destroy(struct procs *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->n; i++)
		maps_drop(ps, &ps->proc[i]);
	free(ps->proc);
	free(ps);
}

static uint32_t *bucket_of(struct procs *ps, uint32_t pid)
{
	return &ps->bucket[hash_u64(pid, 0) % BUCKETS];
}

struct proc *procs_find(struct procs *ps, uint32_t pid)
{
	for (uint32_t at = *bucket_of(ps, pid); at != NONE; at = ps->proc[at].next)
		if (ps->proc[at].pid == pid)
			return &ps->proc[at];
	return NULL;
}

static struct proc *place(struct procs *ps, uint32_t pid)
{
	uint32_t *bucket = bucket_of(ps, pid), at = ps->free;

	if (at != NONE) {
		ps->free = ps->proc[at].next;
	} else if (ps->n < MAX_PROCS) {
		ps->proc = xgrow(ps->proc, &ps->cap, ps->n + 1, sizeof(*ps->proc));
		at = ps->n++;
	} else {
		ps->refused++;
		return NULL;
	}
	ps->proc[at] = (struct proc){.pid = pid, .next = *bucket};
	*bucket = at;
	ps->live++;
	return &ps->proc[at];
}

/* The process anew: its place stays, all that was known of the pid goes. `comm` may be that of
 * another one, and places move. */
static struct proc *begin(struct procs *ps, uint32_t pid, const char *comm)
{
	struct proc *p = procs_find(ps, pid), fresh = {.pid = pid};

	memccpy(fresh.comm, comm, '\0', sizeof(fresh.comm) - 1);
	if (!p)
		p = place(ps, pid);
	if (!p)
		return NULL;
	maps_drop(ps, p);
	fresh.next = p->next;
	fresh.generation = p->generation;
	*p = fresh;
	return p;
}

void procs_follow(struct procs *ps, uint32_t pid)
{
	ps->follow_pid = pid;
}

struct proc *procs_add(struct procs *ps, uint32_t pid, const char *comm, bool is_kernel,
		       uint64_t known_ns)
{
	struct proc *p = procs_find(ps, pid);
	bool same = p && (!p->exited || p->threaded);
	bool followed = pid == ps->follow_pid || (same && p->followed);

	p = begin(ps, pid, comm);
	if (p) {
		p->followed = followed;
		p->is_kernel = is_kernel;
		p->known_ns = p->touched_ns = known_ns;
	}
	return p;
}

/* A table of its own for the process, with room for `more`. */
static bool maps_own(struct procs *ps, struct proc *p, uint32_t more)
{
	uint32_t n = p->maps ? p->maps->n : 0, cap = (n + more) * 5 / 4 + 6;
	bool fits = p->maps && p->maps->refs == 1 && n + more <= p->maps->cap;
	struct maps *own;

	if (n + more > MAX_MAPS_EACH || (!fits && ps->n_maps + cap > MAX_MAPS_IN_TOTAL)) {
		ps->refused++;
		return false;
	}
	if (fits) {
		forget_number(ps, p->maps);
		return true;
	}
	own = xmalloc(sizeof(*own) + cap * sizeof(own->m[0]));
	*own = (struct maps){.refs = 1, .n = n, .cap = cap};
	if (n)
		memcpy(own->m, p->maps->m, n * sizeof(own->m[0]));
	maps_drop(ps, p);
	p->maps = own;
	ps->n_maps += cap;
	return true;
}

/* The first mapping that ends behind the address. */
static uint32_t first_behind(const struct maps *maps, uint64_t address)
{
	uint32_t lo = 0, hi = maps->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (maps->m[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool known_already(const struct maps *maps, const struct mapping *map)
{
	uint32_t at = maps ? first_behind(maps, map->start) : 0;

	return maps && at < maps->n && maps->m[at].start <= map->start &&
	       maps->m[at].end >= map->end && maps->m[at].module == map->module &&
	       map->start - maps->m[at].start + maps->m[at].pgoff == map->pgoff;
}

void procs_map(struct procs *ps, struct proc *p, const struct mapping *map)
{
	struct mapping add[3];
	uint32_t from, to, n = 0;
	struct maps *maps;

	if (map->end <= map->start || known_already(p->maps, map) || !maps_own(ps, p, 2))
		return;
	maps = p->maps;
	from = to = first_behind(maps, map->start);
	while (to < maps->n && maps->m[to].start < map->end)
		to++;
	if (from < to && maps->m[from].start < map->start) {
		add[n] = maps->m[from];
		add[n++].end = map->start;
	}
	add[n++] = *map;
	if (from < to && maps->m[to - 1].end > map->end) {
		add[n] = maps->m[to - 1];
		add[n].pgoff += map->end - add[n].start;
		add[n++].start = map->end;
	}
	memmove(maps->m + from + n, maps->m + to, (maps->n - to) * sizeof(*add));
	memcpy(maps->m + from, add, n * sizeof(*add));
	maps->n += n - (to - from);
	p->generation = ++ps->generation;
}

const struct mapping *procs_lookup(const struct proc *p, uint64_t address)
{
	uint32_t at;

	if (!p->maps)
		return NULL;
	at = first_behind(p->maps, address);
	return at < p->maps->n && p->maps->m[at].start <= address ? &p->maps->m[at] : NULL;
}

static void fork_one(struct procs *ps, const struct proc_event *e)
{
	struct proc *parent, *p = procs_find(ps, e->pid);

	if (e->pid == e->parent_pid) {
		if (p && e->t_ns >= p->start_ns)
			p->threaded = true;
		return;
	}
	parent = procs_find(ps, e->parent_pid);
	/* Not in order: the pid has been used again since. */
	if (p && e->t_ns < p->start_ns)
		return;
	if (p && e->t_ns < p->known_ns) {
		/* /proc told the rest, but not this. */
		p->followed |= parent && parent->followed;
		return;
	}
	p = begin(ps, e->pid, parent ? parent->comm : "");
	if (!p)
		return;
	/* The array may have moved. */
	parent = procs_find(ps, e->parent_pid);
	p->start_ns = p->touched_ns = e->t_ns;
	p->followed = e->pid == ps->follow_pid || (parent && parent->followed);
	if (!parent)
		return;
	p->is_kernel = parent->is_kernel;
	p->maps = parent->maps;
	if (p->maps)
		p->maps->refs++;
}

static void rename_one(struct procs *ps, const struct proc_event *e)
{
	struct proc *p = procs_find(ps, e->pid);

	if (e->pid != e->tid || (p && e->t_ns < p->known_ns && e->kind != PROC_EXEC))
		return;
	/* Whatever /proc told later: from here on all is told by events. */
	if (e->kind == PROC_EXEC) {
		bool followed = e->pid == ps->follow_pid || (p && p->followed);

		p = begin(ps, e->pid, e->comm);
		if (!p)
			return;
		p->start_ns = p->touched_ns = e->t_ns;
		p->followed = followed;
	} else if (p && strncmp(p->comm, e->comm, sizeof(p->comm) - 1)) {
		memcpy(p->comm, e->comm, sizeof(p->comm) - 1);
		p->id = 0;
	}
}

void procs_event(struct procs *ps, const struct proc_event *e)
{
	struct proc *p;

	switch (e->kind) {
	case PROC_FORK:
		fork_one(ps, e);
		return;
	case PROC_COMM:
	case PROC_EXEC:
		rename_one(ps, e);
		return;
	case PROC_MAP:
	case PROC_EXIT:
		p = procs_find(ps, e->pid);
		if (!p || e->t_ns < p->known_ns)
			return;
		if (e->kind == PROC_MAP) {
			procs_map(ps, p, &e->map);
		} else if (e->pid == e->tid) {
			p->exited = true;
			p->touched_ns = e->t_ns;
		}
	}
}

void procs_on_sweep(struct procs *ps, bool (*lives)(void *arg, uint32_t pid), void *arg)
{
	ps->lives = lives;
	ps->lives_arg = arg;
}

static bool is_over(const struct procs *ps, const struct proc *p, uint64_t before_ns)
{
	if (!p->exited || p->touched_ns >= before_ns)
		return false;
	return !p->threaded || !ps->lives || !ps->lives(ps->lives_arg, p->pid);
}

void procs_sweep(struct procs *ps, uint64_t before_ns)
{
	for (size_t b = 0; b < BUCKETS; b++) {
		uint32_t *link = &ps->bucket[b];

		while (*link != NONE) {
			uint32_t at = *link;
			struct proc *p = &ps->proc[at];

			if (!is_over(ps, p, before_ns)) {
				link = &p->next;
				continue;
			}
			*link = p->next;
			maps_drop(ps, p);
			*p = (struct proc){.next = ps->free};
			ps->free = at;
			ps->live--;
		}
	}
}

const struct mapping *procs_mappings(const struct proc *p, size_t *n_ret)
{
	*n_ret = p->maps ? p->maps->n : 0;
	return p->maps ? p->maps->m : NULL;
}

uint32_t *procs_mappings_number(struct proc *p)
{
	if (!p->maps)
		return NULL;
	/* Whoever writes it, writes it for what is there now. */
	if (!p->maps->number)
		p->maps->n_numbered = p->maps->n;
	return &p->maps->number;
}

void procs_on_forget(struct procs *ps, void (*fn)(void *arg, uint32_t number, uint32_t n),
		     void *arg)
{
	ps->forget = fn;
	ps->forget_arg = arg;
}

uint64_t procs_refused(const struct procs *ps)
{
	return ps->refused;
}

size_t procs_count(const struct procs *ps)
{
	return ps->live;
}
