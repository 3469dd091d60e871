#include "capture/unwinder.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "capture/arena.h"
#include "capture/procfs.h"
#include "capture/rulebook.h"
#include "profile/unwind_table.h"

/* The program may have been interrupted on a virtual CPU, and still read the old place. */
#define GRACE_NS 1000000000u
/* Rows are laid out in runs of whole pages, at most this long. */
#define RUN_WORDS 16384
/* Longer than GRACE_NS, or two that do not fit together would be made all the time. */
#define RETRY_NS 5000000000u
/* Tables that are on the way, where nothing needs them yet. */
#define EXPECTED_MAX   16
#define WORDS_OF(type) (sizeof(type) / sizeof(uint32_t))
/* Addresses in the arena as numbers of mappings, which are never 0. */
#define NUMBER(at) ((at) + 1)
#define AT(number) ((number)-1)

enum table_state { TABLE_NONE, TABLE_ASKED, TABLE_HERE, TABLE_NEVER };

struct table {
	uint8_t state; /* enum table_state */
	uint32_t n_rows;
	struct arena_extent *part; /* what it takes of the arena */
	size_t n_parts, cap_parts;
	uint32_t *rule; /* what it has in the rulebook */
	uint32_t n_rules;
	uint64_t used_ns;
	uint64_t not_before_ns; /* it did not fit: asked for again from then on */
	uint32_t n_missed;	/* samples that needed it, since it was asked for */
};

struct retired {
	struct arena_extent extent;
	uint32_t *rule; /* or these */
	uint32_t n_rules;
	uint64_t since_ns; /* 0: the next tick knows */
};

struct unwinder {
	struct sampler *sampler;
	struct modules *modules;
	struct chan *maker;
	struct arena arena;
	struct procs *procs;
	bool follows;
	uint32_t *changed; /* pids */
	size_t n_changed, cap_changed;
	struct table *table; /* by module */
	size_t n_tables, cap_tables;
	uint32_t asked;	  /* the module whose table is being made; MODULE_NONE */
	uint32_t *wanted; /* those to ask for then */
	size_t n_wanted, cap_wanted;
	struct retired *retired;
	size_t n_retired, cap_retired;
	struct rulebook rules;
	uint64_t now_ns; /* of the last tick */
	struct unwinder_stats stats;
};

static void retire(struct unwinder *u, struct retired what)
{
	u->retired = xgrow(u->retired, &u->cap_retired, u->n_retired + 1, sizeof(*u->retired));
	u->retired[u->n_retired++] = what;
}

static void retire_mappings(void *arg, uint32_t number, uint32_t n)
{
	retire(arg, (struct retired){.extent = {AT(number), n * WORDS_OF(struct unwind_mapping)}});
}

/* Those with one thread were dropped when it ended. */
static bool lives(void *arg, uint32_t pid)
{
	struct unwinder *u = arg;
	struct procfs_process p;

	if (!procfs_read(pid, &p) && !p.is_ending)
		return true;
	sampler_drop_process(u->sampler, pid);
	return false;
}

struct unwinder *unwinder_create(struct sampler *s, struct modules *modules, struct chan *maker,
				 size_t max_bytes)
{
	struct unwinder *u = xcalloc(1, sizeof(*u));

	u->sampler = s;
	u->modules = modules;
	u->maker = maker;
	u->arena.grow = sampler_segment;
	u->arena.arg = s;
	u->arena.max_segments = max_bytes / (UNWIND_SEGMENT_WORDS * sizeof(uint32_t));
	u->procs = procs_create();
	procs_on_forget(u->procs, retire_mappings, u);
	procs_on_sweep(u->procs, lives, u);
	rulebook_init(&u->rules, sampler_rules(s));
	sampler_modules(s)[0].kind = UNWIND_MODULE_POINTERS;
	return u;
}

void unwinder_destroy(struct unwinder *u)
{
	if (!u)
		return;
	procs_destroy(u->procs);
	for (size_t i = 0; i < u->n_tables; i++)
		free(u->table[i].part), free(u->table[i].rule);
	for (size_t i = 0; i < u->n_retired; i++)
		free(u->retired[i].rule);
	free(u->table);
	free(u->wanted);
	free(u->changed);
	free(u->retired);
	rulebook_deinit(&u->rules);
	arena_deinit(&u->arena);
	free(u);
}

/* --- modules --- */

static struct table *table_of(struct unwinder *u, uint32_t module)
{
	if (module >= UNWIND_MODULES_MAX)
		return NULL;
	u->table = xgrow(u->table, &u->cap_tables, module + 1, sizeof(*u->table));
	while (u->n_tables <= module)
		u->table[u->n_tables++] = (struct table){0};
	return &u->table[module];
}

void unwinder_use(struct unwinder *u, uint32_t module, uint64_t t_ns)
{
	if (module < u->n_tables)
		u->table[module].used_ns = t_ns;
}

/* What a table takes to be made, in bytes of its file, where that is small. */
#define FILE_MIN_BYTES (256u << 10)

/* The samples that are missed by the time that the table takes: whoever makes them in this order
 * misses fewest in all. The largest files take a second, and most of them milliseconds. */
static double urgency(const struct unwinder *u, uint32_t module)
{
	return (u->table[module].n_missed + 0.01) /
	       (modules_bytes(u->modules, module) + FILE_MIN_BYTES);
}

static void ask_next(struct unwinder *u)
{
	size_t best = 0;

	if (u->asked != MODULE_NONE || !u->n_wanted)
		return;
	for (size_t i = 1; i < u->n_wanted; i++)
		if (urgency(u, u->wanted[i]) > urgency(u, u->wanted[best]))
			best = i;
	u->asked = u->wanted[best];
	u->wanted[best] = u->wanted[--u->n_wanted];
	/* One that is lost is heard of. */
	chan_send(u->maker, TABLE_WANT, &u->asked, sizeof(u->asked), -1);
}

static void ask(struct unwinder *u, uint32_t module, uint32_t pid, uint64_t start, uint64_t end)
{
	struct table *t = table_of(u, module);

	if (!t || t->state != TABLE_NONE || module == MODULE_NONE || u->now_ns < t->not_before_ns ||
	    !u->maker)
		return;
	modules_use(u->modules, module, pid, start, end);
	if (!modules_has_code(u->modules, module))
		return;
	t->state = TABLE_ASKED;
	t->n_missed = 0;
	u->wanted = xgrow(u->wanted, &u->cap_wanted, u->n_wanted + 1, sizeof(*u->wanted));
	u->wanted[u->n_wanted++] = module;
	ask_next(u);
}

void unwinder_want(struct unwinder *u, uint32_t module, uint32_t pid, uint64_t start, uint64_t end)
{
	ask(u, module, pid, start, end);
	if (module < u->n_tables)
		u->table[module].n_missed++;
}

void unwinder_expect(struct unwinder *u, uint32_t module, uint32_t pid, uint64_t start,
		     uint64_t end)
{
	if (u->n_wanted < EXPECTED_MAX && module != MODULE_JIT)
		ask(u, module, pid, start, end);
}

static void set_module(struct unwinder *u, uint32_t module, const struct unwind_module *m)
{
	struct unwind_module *entry = &sampler_modules(u->sampler)[module];

	/* The program may look at any time: without a kind it goes no further. */
	__atomic_store_n(&entry->kind, UNWIND_MODULE_PENDING, __ATOMIC_SEQ_CST);
	entry->pages = m->pages;
	entry->n_pages = m->n_pages;
	entry->first_page = m->first_page;
	__atomic_store_n(&entry->kind, m->kind, __ATOMIC_SEQ_CST);
}

static void drop_table(struct unwinder *u, uint32_t module)
{
	struct table *t = &u->table[module];

	set_module(u, module, &(struct unwind_module){.kind = UNWIND_MODULE_PENDING});
	for (size_t i = 0; i < t->n_parts; i++)
		retire(u, (struct retired){.extent = t->part[i]});
	retire(u, (struct retired){.rule = t->rule, .n_rules = t->n_rules});
	t->rule = NULL;
	u->stats.tables -= t->state == TABLE_HERE;
	u->stats.rows -= t->n_rows;
	t->n_parts = t->n_rows = t->n_rules = 0;
	t->state = TABLE_NONE;
}

static void evict_one(struct unwinder *u, uint32_t keep)
{
	size_t oldest = 0;

	for (size_t i = 1; i < u->n_tables; i++)
		if (u->table[i].state == TABLE_HERE && i != keep &&
		    (!oldest || u->table[i].used_ns < u->table[oldest].used_ns))
			oldest = i;
	if (!oldest)
		return;
	drop_table(u, oldest);
	u->stats.evicted++;
}

/* The one with most rules: files that are as their compiler made them have no thousands. */
static void evict_rules(struct unwinder *u)
{
	size_t most = 0;

	for (size_t i = 1; i < u->n_tables; i++)
		if (u->table[i].state == TABLE_HERE &&
		    (!most || u->table[i].n_rules > u->table[most].n_rules))
			most = i;
	if (!most)
		return;
	drop_table(u, most);
	u->stats.evicted++;
}

/* A table as it came: its parts, which are inside of what was mapped. */
struct came {
	const struct unwind_table *head;
	const struct unwind_rule *rule;
	const struct unwind_page *page;
	const uint32_t *row;
	size_t size;
	const uint32_t *number; /* of each rule but 0, for all modules */
};

static bool fits(const struct unwind_table *head, size_t size)
{
	return size >= sizeof(*head) && head->magic == UNWIND_TABLE_MAGIC &&
	       head->n_rules <= UNWIND_TABLE_RULES_MAX && head->n_pages &&
	       head->n_pages <= UNWIND_TABLE_PAGES_MAX && head->n_rows <= UNWIND_TABLE_ROWS_MAX &&
	       unwind_table_bytes(head) == size;
}

/* Sealed, so that nobody changes it after it was looked at, and mapping it cannot fail later. */
static bool map_table(int fd, struct came *c)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK;
	struct stat st;
	void *p;

	*c = (struct came){0};
	if ((fcntl(fd, F_GET_SEALS) & seals) != seals || fstat(fd, &st) || st.st_size <= 0)
		return false;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	c->size = st.st_size;
	c->head = p;
	if (!fits(c->head, c->size)) {
		munmap(p, st.st_size);
		return false;
	}
	c->rule = (const void *)(c->head + 1);
	c->page = (const void *)(c->rule + c->head->n_rules);
	c->row = (const void *)(c->page + c->head->n_pages);
	return true;
}

/* false: there are too many */
static bool number_rules(struct unwinder *u, struct table *t, struct came *c)
{
	c->number = t->rule = xcalloc(c->head->n_rules + 1, sizeof(*t->rule));
	for (; t->n_rules < c->head->n_rules; t->n_rules++) {
		t->rule[t->n_rules] = rulebook_take(&u->rules, &c->rule[t->n_rules]);
		if (!t->rule[t->n_rules])
			return false;
	}
	return true;
}

/* Even sizes alone, so that all begins on 8 bytes. */
static uint32_t take_part(struct unwinder *u, struct table *t, uint32_t words)
{
	uint32_t at = arena_alloc(&u->arena, words += words % 2);

	if (at == ARENA_NONE)
		return at;
	t->part = xgrow(t->part, &t->cap_parts, t->n_parts + 1, sizeof(*t->part));
	t->part[t->n_parts++] = (struct arena_extent){at, words};
	return at;
}

static void copy_rows(const struct came *c, uint32_t from, uint32_t n, uint32_t *out)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = c->row[from + i], rule = row & UNWIND_RULE_MASK;

		rule = rule && rule <= c->head->n_rules ? c->number[rule - 1] : 0;
		out[i] = (row & ~UNWIND_RULE_MASK) | rule;
	}
}

/* The pages from `first` on that make one run: the page behind them. */
static uint32_t run_end(const struct came *c, uint32_t first, uint32_t *n_ret)
{
	uint32_t i = first, n = 0;

	for (; i < c->head->n_pages && (i == first || n + c->page[i].n <= RUN_WORDS); i++)
		n += c->page[i].n;
	*n_ret = n;
	return i;
}

static bool pages_are_sound(const struct came *c)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < c->head->n_pages; i++) {
		if (c->page[i].rows != rows || c->page[i].n > UNWIND_PAGE_ROWS_MAX)
			return false;
		rows += c->page[i].n;
	}
	return rows == c->head->n_rows;
}

/* false: no room */
static bool install(struct unwinder *u, uint32_t module, const struct came *c)
{
	struct table *t = &u->table[module];
	uint32_t pages = take_part(u, t, c->head->n_pages * WORDS_OF(struct unwind_page));
	struct unwind_page *page;

	if (pages == ARENA_NONE)
		return false;
	page = (void *)arena_words(&u->arena, pages);
	for (uint32_t i = 0, end, n; i < c->head->n_pages; i = end) {
		uint32_t rows = 0;

		end = run_end(c, i, &n);
		if (n && (rows = take_part(u, t, n)) == ARENA_NONE)
			return false;
		if (n)
			copy_rows(c, c->page[i].rows, n, arena_words(&u->arena, rows));
		for (uint32_t k = i; k < end; k++)
			page[k] = (struct unwind_page){rows + c->page[k].rows - c->page[i].rows,
						       c->page[k].n};
	}
	set_module(u, module,
		   &(struct unwind_module){.pages = pages,
					   .n_pages = c->head->n_pages,
					   .first_page = c->head->first_page,
					   .kind = UNWIND_MODULE_TABLE});
	t->state = TABLE_HERE;
	t->n_rows = c->head->n_rows;
	u->stats.tables++;
	u->stats.rows += t->n_rows;
	return true;
}

void unwinder_take_table(struct unwinder *u, uint32_t module, int fd)
{
	struct table *t = module < u->n_tables ? &u->table[module] : NULL;
	struct came c;

	if (!t || t->state != TABLE_ASKED)
		return;
	if (module == u->asked)
		u->asked = MODULE_NONE;
	if (fd < 0 || !map_table(fd, &c)) {
		t->state = TABLE_NEVER;
		return;
	}
	if (!pages_are_sound(&c)) {
		t->state = TABLE_NEVER;
	} else {
		bool has_rules = number_rules(u, t, &c);

		if (!has_rules || !install(u, module, &c)) {
			/* What is freed now can be used a moment later, when it is asked for again.
			 */
			drop_table(u, module);
			if (has_rules)
				evict_one(u, module);
			else
				evict_rules(u);
			t->not_before_ns = u->now_ns + RETRY_NS;
		}
	}
	munmap((void *)c.head, c.size);
}

static void lose_maker(struct unwinder *u, int err)
{
	log_warn("the process that makes unwinding tables is lost (%s): callers are missing in "
		 "code that has none yet",
		 strerror(-err));
	u->maker = NULL;
}

bool unwinder_hear(struct unwinder *u)
{
	struct chan_msg msg;
	int err, more;

	if (!u->maker)
		return false;
	err = chan_fill(u->maker);
	while ((more = chan_next(u->maker, &msg)) == 1) {
		unwinder_take_table(u, u->asked, msg.fd);
		if (msg.fd >= 0)
			close(msg.fd);
		ask_next(u);
	}
	if (err < 0 || more < 0)
		lose_maker(u, err < 0 ? err : more);
	return u->maker;
}

/* --- processes --- */

void unwinder_follow(struct unwinder *u, uint32_t pid)
{
	u->follows = true;
	procs_follow(u->procs, pid);
}

struct procs *unwinder_procs(struct unwinder *u)
{
	return u->procs;
}

void unwinder_changed(struct unwinder *u, struct proc *p)
{
	if (p->changed)
		return;
	p->changed = true;
	u->changed = xgrow(u->changed, &u->cap_changed, u->n_changed + 1, sizeof(*u->changed));
	u->changed[u->n_changed++] = p->pid;
}

void unwinder_event(struct unwinder *u, const struct proc_event *e)
{
	struct proc *p;

	procs_event(u->procs, e);
	p = procs_find(u->procs, e->pid);
	if (p && e->kind != PROC_COMM && (e->kind != PROC_FORK || e->pid != e->parent_pid))
		unwinder_changed(u, p);
}

static uint32_t write_mappings(struct unwinder *u, const struct mapping *m, size_t n)
{
	struct unwind_mapping *out;
	uint32_t at = arena_alloc(&u->arena, n * WORDS_OF(*out));

	if (at == ARENA_NONE)
		return at;
	out = (void *)arena_words(&u->arena, at);
	for (size_t i = 0; i < n; i++) {
		/* [vsyscall] is the last one, and beyond what the program can compare. */
		if (m[i].start >> 63) {
			out[i] = (struct unwind_mapping){.start = INT64_MAX};
			continue;
		}
		out[i] = (struct unwind_mapping){
		    .start = m[i].start,
		    .n_pages = (m[i].end - m[i].start) >> UNWIND_PAGE_BITS,
		    .module = m[i].module == MODULE_JIT ? 0 : m[i].module,
		    .pgoff = m[i].pgoff,
		};
	}
	return at;
}

static void tell_kernel(struct unwinder *u, struct proc *p)
{
	bool ended = p->exited && !p->threaded;
	uint32_t *number = procs_mappings_number(p), at;
	struct unwind_process entry;
	size_t n;
	const struct mapping *m = procs_mappings(p, &n);

	if (u->follows && !p->followed && !ended) {
		entry = (struct unwind_process){0};
		sampler_set_process(u->sampler, p->pid, &entry);
		return;
	}
	if (!n || n > UNWIND_MAPPINGS_MAX || ended) {
		sampler_drop_process(u->sampler, p->pid);
		return;
	}
	if (!*number) {
		at = write_mappings(u, m, n);
		if (at == ARENA_NONE) {
			evict_one(u, 0);
			u->stats.refused++;
			sampler_drop_process(u->sampler, p->pid);
			return;
		}
		*number = NUMBER(at);
	}
	entry = (struct unwind_process){.mappings = AT(*number), .n = n};
	if (sampler_set_process(u->sampler, p->pid, &entry))
		u->stats.refused++;
}

void unwinder_flush(struct unwinder *u)
{
	for (size_t i = 0; i < u->n_changed; i++) {
		struct proc *p = procs_find(u->procs, u->changed[i]);

		if (!p)
			continue;
		p->changed = false;
		tell_kernel(u, p);
	}
	u->n_changed = 0;
}

void unwinder_tick(struct unwinder *u, uint64_t now_ns)
{
	size_t kept = 0;

	u->now_ns = now_ns;
	procs_sweep(u->procs, now_ns - GRACE_NS);
	for (size_t i = 0; i < u->n_retired; i++) {
		struct retired *r = &u->retired[i];

		if (!r->since_ns)
			r->since_ns = now_ns;
		if (now_ns - r->since_ns < GRACE_NS) {
			u->retired[kept++] = *r;
			continue;
		}
		if (r->extent.n)
			arena_free(&u->arena, r->extent.at, r->extent.n);
		rulebook_release(&u->rules, r->rule, r->n_rules);
		free(r->rule);
	}
	u->n_retired = kept;
}

struct unwinder_stats unwinder_stats(const struct unwinder *u)
{
	struct unwinder_stats stats = u->stats;

	stats.bytes = (size_t)u->arena.n_segments * UNWIND_SEGMENT_WORDS * sizeof(uint32_t);
	return stats;
}
