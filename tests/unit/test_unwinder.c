/*
 * The tables of the kernel, kept in plain memory instead: what capture/sampler.c would hand out is
 * here, and addresses are looked up as bpf/unwind.bpf.h does.
 */
#include "capture/unwinder.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "profile/unwind_table.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEC	 1000000000ull
#define PIDS_MAX 64
#define SEGMENTS 4

static struct unwind_rule rules[UNWIND_RULES_MAX];
static struct unwind_module modules[UNWIND_MODULES_MAX];
static struct unwind_process process[PIDS_MAX];
static uint32_t *segment[SEGMENTS];
static size_t n_segments, n_asked;
static uint32_t last_asked;
static uint64_t file_bytes[16];
static int answer_fd;	/* what the maker's channel has: -1 for no table */
static bool has_answer; /* … at all */
static int maker_error; /* how it ends */
static bool has_no_code;
static struct unwinder *u;

/* --- instead of the sampler, the modules and the channel --- */

struct unwind_rule *sampler_rules(const struct sampler *s)
{
	(void)s;
	return rules;
}

struct unwind_module *sampler_modules(const struct sampler *s)
{
	(void)s;
	return modules;
}

uint32_t *sampler_segment(void *s, uint32_t index)
{
	(void)s;
	if (index >= SEGMENTS)
		return NULL;
	n_segments = index + 1;
	segment[index] = xcalloc(UNWIND_SEGMENT_WORDS, sizeof(uint32_t));
	memset(segment[index], 0xee, UNWIND_SEGMENT_WORDS * sizeof(uint32_t));
	return segment[index];
}

int sampler_set_process(struct sampler *s, uint32_t pid, const struct unwind_process *p)
{
	(void)s;
	process[pid] = *p;
	return 0;
}

void sampler_drop_process(struct sampler *s, uint32_t pid)
{
	(void)s;
	process[pid] = (struct unwind_process){0};
}

void modules_use(struct modules *m, uint32_t id, uint32_t pid, uint64_t start, uint64_t end)
{
	(void)m, (void)id, (void)pid, (void)start, (void)end;
}

int modules_has_code(const struct modules *m, uint32_t id)
{
	(void)m, (void)id;
	return !has_no_code;
}

int chan_send(struct chan *ch, uint32_t type, const void *data, size_t size, int fd)
{
	(void)ch, (void)fd;
	CHECK_EQ(type, TABLE_WANT);
	CHECK_EQ(size, sizeof(last_asked));
	memcpy(&last_asked, data, size);
	n_asked++;
	return 0;
}

uint64_t modules_bytes(const struct modules *m, uint32_t id)
{
	(void)m;
	return id < 16 ? file_bytes[id] : 0;
}

int chan_fill(struct chan *ch)
{
	(void)ch;
	return maker_error;
}

int chan_next(struct chan *ch, struct chan_msg *msg_ret)
{
	(void)ch;
	*msg_ret = (struct chan_msg){.type = TABLE_MADE, .fd = answer_fd};
	if (!has_answer)
		return 0;
	has_answer = false;
	return 1;
}

static void stop(void)
{
	unwinder_destroy(u);
	u = NULL;
	for (size_t i = 0; i < n_segments; i++)
		free(segment[i]);
	n_segments = 0;
}

static void start(size_t max_segments)
{
	stop();
	memset(rules, 0, sizeof(rules));
	memset(modules, 0, sizeof(modules));
	memset(process, 0, sizeof(process));
	n_asked = 0;
	has_no_code = false;
	memset(file_bytes, 0, sizeof(file_bytes));
	maker_error = 0;
	u = unwinder_create(NULL, NULL, (struct chan *)rules,
			    max_segments * UNWIND_SEGMENT_WORDS * sizeof(uint32_t));
}

/* --- what the program would find --- */

static const void *words(uint32_t at, size_t size)
{
	CHECK(at / UNWIND_SEGMENT_WORDS < n_segments);
	CHECK(at % UNWIND_SEGMENT_WORDS + size / sizeof(uint32_t) <= UNWIND_SEGMENT_WORDS);
	return segment[at / UNWIND_SEGMENT_WORDS] + at % UNWIND_SEGMENT_WORDS;
}

/* The rule's number at an offset of a module. */
static uint32_t rule_at(uint32_t module, uint64_t offset)
{
	const struct unwind_module *m = &modules[module];
	uint64_t at = (offset >> UNWIND_PAGE_BITS) - m->first_page;
	const struct unwind_page *page;
	uint32_t found = 0;

	if (m->kind != UNWIND_MODULE_TABLE || at >= m->n_pages)
		return 0;
	page = words(m->pages + at * 2, sizeof(*page));
	for (uint32_t i = 0; i < page->n; i++) {
		uint32_t row = *(const uint32_t *)words(page->rows + i, sizeof(row));

		CHECK((row & UNWIND_RULE_MASK) < UNWIND_RULES_MAX);
		if (row >> UNWIND_RULE_BITS <= (offset & 4095))
			found = row & UNWIND_RULE_MASK;
	}
	return found;
}

/* The module at an address of a process, 0 for none. */
static uint32_t module_at(uint32_t pid, uint64_t address, uint64_t *offset_ret)
{
	const struct unwind_process *p = &process[pid];

	for (uint32_t i = 0; i < p->n; i++) {
		const struct unwind_mapping *m = words(p->mappings + i * 6, sizeof(*m));

		/* The program compares them as signed numbers. */
		CHECK(m->start <= INT64_MAX);
		CHECK(!i || m->start >= m[-1].start + ((uint64_t)m[-1].n_pages << 12));
		if (address - m->start < (uint64_t)m->n_pages << 12) {
			*offset_ret = address - m->start + m->pgoff;
			return m->module;
		}
	}
	return 0;
}

/* --- tables --- */

static struct strbuf sb;

/* Pages with one row each, whose rules count on from `rule`; n_rules different ones. */
static void make_table(uint32_t first_page, uint32_t n_pages, uint32_t n_rules, int rule)
{
	struct unwind_table head = {.magic = UNWIND_TABLE_MAGIC,
				    .n_rules = n_rules,
				    .n_pages = n_pages,
				    .n_rows = n_pages,
				    .first_page = first_page};

	strbuf_clear(&sb);
	strbuf_add(&sb, &head, sizeof(head));
	for (uint32_t i = 0; i < n_rules; i++) {
		struct unwind_rule r = {.cfa = UNWIND_REG, .reg = 7, .offset = rule + i};

		strbuf_add(&sb, &r, sizeof(r));
	}
	for (uint32_t i = 0; i < n_pages; i++) {
		struct unwind_page page = {i, 1};

		strbuf_add(&sb, &page, sizeof(page));
	}
	for (uint32_t i = 0; i < n_pages; i++) {
		uint32_t row = 16u << UNWIND_RULE_BITS | (1 + i % n_rules);

		strbuf_add(&sb, &row, sizeof(row));
	}
}

static int sealed(int seals)
{
	int fd = memfd_create("table", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0 && write(fd, sb.data, sb.len) == (ssize_t)sb.len);
	CHECK(!fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static void give(uint32_t module)
{
	int fd = sealed(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);

	unwinder_take_table(u, module, fd);
	close(fd);
}

static void ask_and_give(uint32_t module)
{
	unwinder_want(u, module, 1, 0x1000, 0x2000);
	give(module);
}

static void event(enum proc_event_kind kind, uint64_t t, uint32_t pid, uint32_t parent, uint64_t at,
		  uint32_t module)
{
	unwinder_event(u, &(struct proc_event){.t_ns = t,
					       .kind = kind,
					       .pid = pid,
					       .tid = pid,
					       .parent_pid = parent,
					       .map = {at, at + 0x4000, 0x7000, module}});
	unwinder_flush(u);
}

TEST(a_table_is_asked_for_once_and_taken)
{
	start(2);
	CHECK_EQ(modules[0].kind, UNWIND_MODULE_POINTERS);
	make_table(5, 3, 2, 100);
	give(4);
	CHECK_EQ(modules[4].kind, UNWIND_MODULE_PENDING);
	unwinder_want(u, 4, 1, 0, 0);
	unwinder_want(u, 4, 1, 0, 0);
	CHECK_EQ(n_asked, 1);
	give(4);
	CHECK_EQ(modules[4].kind, UNWIND_MODULE_TABLE);
	CHECK_EQ(rule_at(4, 0x500f), 0);
	CHECK_EQ(rules[rule_at(4, 0x5010)].offset, 100);
	CHECK_EQ(rules[rule_at(4, 0x6fff)].offset, 101);
	CHECK_EQ(rules[rule_at(4, 0x7010)].offset, 100);
	CHECK_EQ(rule_at(4, 0x8010), 0);
	CHECK_EQ(rule_at(4, 0x4010), 0);
	/* Nobody asks again, and what comes unasked is not taken. */
	unwinder_want(u, 4, 1, 0, 0);
	CHECK_EQ(n_asked, 1);
	make_table(5, 3, 2, 200);
	give(4);
	CHECK_EQ(rules[rule_at(4, 0x5010)].offset, 100);
	/* Equal rules of two modules are one. */
	make_table(0, 1, 2, 101);
	ask_and_give(9);
	CHECK_EQ(rule_at(9, 0x10), rule_at(4, 0x6010));
	CHECK_EQ(unwinder_stats(u).tables, 2);
	CHECK_EQ(unwinder_stats(u).rows, 4);
}

TEST(what_has_no_code_is_not_asked_for)
{
	start(1);
	has_no_code = true;
	unwinder_want(u, 3, 1, 0, 0);
	unwinder_want(u, MODULE_NONE, 1, 0, 0);
	unwinder_want(u, MODULE_JIT, 1, 0, 0);
	CHECK_EQ(n_asked, 0);
	has_no_code = false;
	unwinder_want(u, 3, 1, 0, 0);
	CHECK_EQ(n_asked, 1);
	/* There is none to be had: nobody asks again. */
	unwinder_take_table(u, 3, -1);
	unwinder_want(u, 3, 1, 0, 0);
	CHECK_EQ(n_asked, 1);
	CHECK_EQ(modules[3].kind, UNWIND_MODULE_PENDING);
}

/* The table that was asked for, or none, by the channel. */
static void hear(int fd)
{
	answer_fd = fd;
	has_answer = true;
	CHECK(unwinder_hear(u));
}

TEST(tables_are_asked_for_one_by_one_and_the_urgent_first)
{
	static const uint32_t order[] = {2, 4, 5, 3};

	start(1);
	for (uint32_t i = 2; i < 6; i++)
		file_bytes[i] = i == 5 ? 1 << 20 : 3 << 20;
	unwinder_want(u, 2, 1, 0, 0);
	unwinder_expect(u, 3, 1, 0, 0);
	unwinder_want(u, 5, 1, 0, 0);
	/* Three times as much, and four samples that miss it. */
	for (int i = 0; i < 4; i++)
		unwinder_want(u, 4, 1, 0, 0);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(n_asked, i + 1);
		CHECK_EQ(last_asked, order[i]);
		make_table(0, 1, 1, order[i]);
		hear(sealed(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
		CHECK_EQ(modules[order[i]].kind, UNWIND_MODULE_TABLE);
		CHECK_EQ(rules[rule_at(order[i], 0x10)].offset, order[i]);
	}
	CHECK_EQ(n_asked, 4);
	/* One that has none does not hold up the next. */
	unwinder_want(u, 6, 1, 0, 0);
	unwinder_want(u, 7, 1, 0, 0);
	CHECK_EQ(last_asked, 6);
	hear(-1);
	CHECK_EQ(last_asked, 7);
	/* What comes unasked is not taken. */
	hear(-1);
	make_table(0, 1, 1, 1);
	hear(sealed(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
	CHECK_EQ(unwinder_stats(u).tables, 4);
	CHECK_EQ(n_asked, 6);
}

TEST(a_maker_that_is_lost_is_not_asked)
{
	start(1);
	unwinder_want(u, 2, 1, 0, 0);
	unwinder_want(u, 3, 1, 0, 0);
	maker_error = -EPIPE;
	CHECK(!unwinder_hear(u));
	unwinder_want(u, 4, 1, 0, 0);
	CHECK_EQ(n_asked, 1);
	CHECK(!unwinder_hear(u));
}

static void refuses(uint32_t module)
{
	ask_and_give(module);
	CHECK_EQ(modules[module].kind, UNWIND_MODULE_PENDING);
	CHECK_EQ(unwinder_stats(u).tables, 0);
}

#define HEAD ((struct unwind_table *)sb.data)
#define PAGE ((struct unwind_page *)(sb.data + sizeof(*HEAD) + 2 * sizeof(struct unwind_rule)))

TEST(hostile_tables_are_refused)
{
	static const int too_few[] = {0, F_SEAL_WRITE, F_SEAL_SHRINK};
	uint32_t module = 1;

	start(1);
	for (int i = 0; i < 3; i++) {
		int fd;

		make_table(0, 4, 2, 1);
		fd = sealed(too_few[i]);
		unwinder_want(u, module, 1, 0, 0);
		unwinder_take_table(u, module, fd);
		CHECK_EQ(modules[module++].kind, UNWIND_MODULE_PENDING);
		close(fd);
	}
	for (int change = 0; change < 11; change++) {
		make_table(0, 4, 2, 1);
		switch (change) {
		case 0:
			sb.len--;
			break;
		case 1:
			strbuf_addc(&sb, 0);
			break;
		case 2:
			sb.len = sizeof(struct unwind_table) - 1;
			break;
		case 3:
			HEAD->magic++;
			break;
		case 4:
			HEAD->n_pages = 0;
			break;
		case 5:
			HEAD->n_rows = UINT32_MAX;
			break;
		case 6:
			HEAD->n_rules = UINT32_MAX;
			break;
		case 7:
			PAGE[1].rows = 0;
			break;
		case 8:
			PAGE[3].n = 2;
			break;
		case 9:
			PAGE[0].n = UINT32_MAX;
			break;
		case 10:
			PAGE[3].n = 0;
			break;
		}
		refuses(module++);
	}
	/* A rule that is not there is none. */
	make_table(0, 4, 2, 1);
	((uint32_t *)(PAGE + 4))[1] = 16u << UNWIND_RULE_BITS | 3;
	ask_and_give(module);
	CHECK_EQ(modules[module].kind, UNWIND_MODULE_TABLE);
	CHECK_EQ(rule_at(module, 0x1020), 0);
	CHECK_EQ(rules[rule_at(module, 0x20)].offset, 1);
}

/* Any bytes: all that the program could be led to stays inside the arena. */
TEST(random_tables_lead_nowhere_else)
{
	uint64_t seed = 1;
	size_t taken = 0;

	start(SEGMENTS);
	for (uint32_t module = 1; module < 3000; module++) {
		make_table(module % 7, 1 + module % 5, 1 + module % 3, module % 50);
		for (int i = module % 4; i--;) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			sb.data[(seed >> 33) % sb.len] = seed >> 57;
		}
		ask_and_give(module);
		taken += modules[module].kind == UNWIND_MODULE_TABLE;
		for (uint64_t page = 0; page < 16; page++)
			rule_at(module, page << UNWIND_PAGE_BITS | 0xfff);
	}
	CHECK(taken > 750 && taken < 2999);
	CHECK_EQ(unwinder_stats(u).tables, taken);
}

/* Rows of many pages do not cross the end of a segment, wherever it comes. */
TEST(large_tables_are_whole)
{
	start(SEGMENTS);
	make_table(0, UNWIND_TABLE_PAGES_MAX / 2, 2000, 0);
	ask_and_give(1);
	make_table(0, 90000, 1000, 5000);
	ask_and_give(2);
	CHECK_EQ(unwinder_stats(u).tables, 2);
	for (uint64_t page = 0; page < UNWIND_TABLE_PAGES_MAX / 2; page++)
		CHECK_EQ(rules[rule_at(1, page << 12 | 0x10)].offset, page % 2000);
	for (uint64_t page = 0; page < 90000; page++)
		CHECK_EQ(rules[rule_at(2, page << 12 | 0x10)].offset, 5000 + page % 1000);
}

TEST(the_longest_unused_table_makes_room)
{
	start(1);
	for (uint32_t module = 1; module <= 3; module++) {
		make_table(0, 25000, 1, module);
		ask_and_give(module);
		unwinder_use(u, module, module == 1 ? 50 : module);
	}
	CHECK_EQ(unwinder_stats(u).tables, 3);
	unwinder_want(u, 4, 1, 0, 0);
	give(4);
	/* Module 2 went, and its memory waits until nobody can be reading it. */
	CHECK_EQ(modules[2].kind, UNWIND_MODULE_PENDING);
	CHECK_EQ(modules[4].kind, UNWIND_MODULE_PENDING);
	CHECK(modules[1].kind == UNWIND_MODULE_TABLE && modules[3].kind == UNWIND_MODULE_TABLE);
	CHECK_EQ(unwinder_stats(u).evicted, 1);
	unwinder_tick(u, 100 * SEC);
	unwinder_tick(u, 101 * SEC);
	make_table(0, 25000, 1, 4);
	ask_and_give(4);
	CHECK_EQ(modules[4].kind, UNWIND_MODULE_TABLE);
	CHECK_EQ(unwinder_stats(u).evicted, 1);
	for (uint64_t page = 0; page < 25000; page++) {
		CHECK_EQ(rules[rule_at(1, page << 12 | 0x10)].offset, 1);
		CHECK_EQ(rules[rule_at(3, page << 12 | 0x10)].offset, 3);
		CHECK_EQ(rules[rule_at(4, page << 12 | 0x10)].offset, 4);
	}
}

/* Hostile files take as many rules as they may, until there are no more. */
TEST(rules_of_many_files_do_not_starve_another)
{
	const uint32_t n = UNWIND_RULES_MAX / UNWIND_TABLE_RULES_MAX;
	uint64_t t = 100;

	start(SEGMENTS);
	make_table(0, 1, 1, 7);
	ask_and_give(1);
	for (uint32_t module = 2; module < n + 2; module++) {
		make_table(0, 5000, UNWIND_TABLE_RULES_MAX, module * 10000);
		ask_and_give(module);
		unwinder_use(u, module, module * SEC);
	}
	/* The last one did not fit, and another one went with it: not the one that is used least,
	 * but has one rule. */
	CHECK_EQ(modules[n + 1].kind, UNWIND_MODULE_PENDING);
	CHECK_EQ(modules[1].kind, UNWIND_MODULE_TABLE);
	CHECK_EQ(unwinder_stats(u).tables, n - 1);
	CHECK_EQ(unwinder_stats(u).evicted, 1);
	/* The program may still read them. */
	make_table(0, 1, 2, 7);
	ask_and_give(50);
	CHECK_EQ(modules[50].kind, UNWIND_MODULE_PENDING);
	unwinder_tick(u, t * SEC);
	unwinder_tick(u, ++t * SEC);
	/* Later there is room for others, as often as they come and go. */
	for (uint32_t module = 60; module < 120; module++) {
		t += 10;
		unwinder_tick(u, t * SEC);
		make_table(0, 5000, 4000, module * 10000);
		ask_and_give(module);
		unwinder_tick(u, ++t * SEC);
		unwinder_tick(u, ++t * SEC);
	}
	t += 10;
	unwinder_tick(u, t * SEC);
	make_table(0, 1, 2, 7);
	ask_and_give(50);
	if (modules[50].kind != UNWIND_MODULE_TABLE) {
		t += 10;
		unwinder_tick(u, t * SEC);
		unwinder_tick(u, ++t * SEC);
		t += 10;
		unwinder_tick(u, t * SEC);
		ask_and_give(50);
	}
	CHECK_EQ(modules[50].kind, UNWIND_MODULE_TABLE);
	CHECK_EQ(rules[rule_at(50, 0x10)].offset, 7);
	CHECK_EQ(rule_at(50, 0x10), rule_at(1, 0x10));
	/* What is there is as it was. */
	for (uint32_t module = 2; module < 120; module++)
		for (uint64_t page = 0;
		     page < 100 && modules[module].kind == UNWIND_MODULE_TABLE && module != 50;
		     page++)
			CHECK_EQ(rules[rule_at(module, page << 12 | 0x10)].offset,
				 module * 10000 + page);
}

TEST(mappings_follow_what_happens)
{
	uint64_t off = 0;

	start(1);
	procs_add(unwinder_procs(u), 1, "a", false, 0);
	event(PROC_MAP, 1, 1, 0, 0x10000, 5);
	CHECK_EQ(module_at(1, 0x10000, &off), 5);
	CHECK_EQ(off, 0x7000);
	event(PROC_MAP, 2, 1, 0, 0x11000, 6);
	CHECK_EQ(module_at(1, 0x10fff, &off), 5);
	CHECK_EQ(module_at(1, 0x11001, &off), 6);
	CHECK_EQ(off, 0x7001);
	event(PROC_FORK, 3, 2, 1, 0, 0);
	CHECK_EQ(process[2].mappings, process[1].mappings);
	event(PROC_MAP, 4, 2, 0, 0x50000, MODULE_JIT);
	CHECK(process[2].mappings != process[1].mappings);
	CHECK_EQ(process[2].n, process[1].n + 1);
	CHECK_EQ(module_at(2, 0x10fff, &off), 5);
	CHECK_EQ(module_at(2, 0x50001, &off), 0);
	CHECK_EQ(off, 0x7001);
	event(PROC_MAP, 4, 2, 0, 0xffffffffff600000, 7);
	CHECK_EQ(process[2].n, process[1].n + 2);
	CHECK_EQ(module_at(2, 0x10fff, &off), 5);
	CHECK_EQ(module_at(2, 0xffffffffff600000, &off), 0);
	event(PROC_EXEC, 5, 1, 0, 0, 0);
	CHECK_EQ(process[1].n, 0);
	event(PROC_EXIT, 6, 2, 0, 0, 0);
	CHECK_EQ(process[2].n, 0);
}

/* The program tells one that does not count from one that it knows nothing of. */
TEST(only_what_is_followed_is_unwound)
{
	start(1);
	memset(process, 0xff, sizeof(process));
	unwinder_follow(u, 2);
	procs_add(unwinder_procs(u), 1, "shell", false, 0);
	event(PROC_MAP, 1, 1, 0, 0x10000, 5);
	CHECK_EQ(process[1].n, 0);
	event(PROC_FORK, 2, 2, 1, 0, 0);
	CHECK_EQ(process[2].n, 1);
	event(PROC_FORK, 3, 3, 2, 0, 0);
	event(PROC_EXEC, 4, 3, 0, 0, 0);
	event(PROC_MAP, 5, 3, 0, 0x20000, 6);
	CHECK_EQ(process[3].n, 1);
	event(PROC_FORK, 6, 4, 1, 0, 0);
	CHECK_EQ(process[4].n, 0);
}

/* What a change leaves behind is not written again while the program may be reading it. */
TEST(the_old_mappings_stay_a_while)
{
	struct unwind_process old;
	const struct unwind_mapping *m;

	start(1);
	procs_add(unwinder_procs(u), 1, "a", false, 0);
	procs_add(unwinder_procs(u), 2, "b", false, 0);
	event(PROC_MAP, 1, 1, 0, 0x10000, 5);
	old = process[1];
	event(PROC_MAP, 2, 1, 0, 0x20000, 6);
	CHECK(old.mappings != process[1].mappings);
	unwinder_tick(u, 100 * SEC);
	unwinder_tick(u, 101 * SEC - 1);
	event(PROC_MAP, 3, 2, 0, 0x30000, 7);
	m = words(old.mappings, sizeof(*m));
	CHECK(m->start == 0x10000 && m->module == 5);
	unwinder_tick(u, 101 * SEC);
	event(PROC_MAP, 4, 2, 0, 0x40000, 8);
	event(PROC_EXEC, 5, 2, 0, 0, 0);
	event(PROC_MAP, 6, 2, 0, 0x30000, 9);
	CHECK_EQ(process[2].mappings, old.mappings);
}

TEST(without_room_a_process_has_no_mappings)
{
	start(0);
	procs_add(unwinder_procs(u), 1, "a", false, 0);
	process[1].n = 1;
	event(PROC_MAP, 1, 1, 0, 0x10000, 5);
	CHECK_EQ(process[1].n, 0);
	CHECK_EQ(unwinder_stats(u).refused, 1);
	make_table(0, 1, 1, 1);
	ask_and_give(1);
	CHECK_EQ(modules[1].kind, UNWIND_MODULE_PENDING);
	stop();
	strbuf_deinit(&sb);
}

TEST_MAIN()
