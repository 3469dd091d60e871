#include "capture/procfs.h"
#include "capture/procs.h"
#include "tests/test.h"

#include <unistd.h>

static struct procs *ps;

static void map(uint32_t pid, uint64_t t, uint64_t start, uint64_t end, uint64_t pgoff, uint32_t m)
{
	procs_event(ps, &(struct proc_event){.t_ns = t,
					     .kind = PROC_MAP,
					     .pid = pid,
					     .tid = pid,
					     .map = {start, end, pgoff, m}});
}

static void event(enum proc_event_kind kind, uint64_t t, uint32_t pid, uint32_t tid,
		  uint32_t parent, const char *comm)
{
	struct proc_event e = {
	    .t_ns = t, .kind = kind, .pid = pid, .tid = tid, .parent_pid = parent};

	strncpy(e.comm, comm, sizeof(e.comm) - 1);
	procs_event(ps, &e);
}

/* The module at the address, 0 for none; and the place in its file. */
static uint32_t at(uint32_t pid, uint64_t address, uint64_t *offset_ret)
{
	struct proc *p = procs_find(ps, pid);
	const struct mapping *m = p ? procs_lookup(p, address) : NULL;

	if (m && offset_ret)
		*offset_ret = address - m->start + m->pgoff;
	return m ? m->module : 0;
}

static void fresh(void)
{
	procs_destroy(ps);
	ps = procs_create();
}

TEST(a_mapping_cuts_what_it_overlays)
{
	uint64_t off;

	fresh();
	procs_add(ps, 1, "a", false, 0);
	map(1, 1, 0x1000, 0x9000, 0x100000, 1);
	map(1, 2, 0x3000, 0x5000, 0x200000, 2);
	CHECK_EQ(at(1, 0x0fff, NULL), 0);
	CHECK_EQ(at(1, 0x1000, &off), 1);
	CHECK_EQ(off, 0x100000);
	CHECK_EQ(at(1, 0x2fff, &off), 1);
	CHECK_EQ(off, 0x101fff);
	CHECK_EQ(at(1, 0x3000, &off), 2);
	CHECK_EQ(off, 0x200000);
	CHECK_EQ(at(1, 0x4fff, NULL), 2);
	CHECK_EQ(at(1, 0x5000, &off), 1);
	CHECK_EQ(off, 0x104000);
	CHECK_EQ(at(1, 0x8fff, NULL), 1);
	CHECK_EQ(at(1, 0x9000, NULL), 0);
	/* Over the edge of two, and all of a third. */
	map(1, 3, 0x2000, 0x6000, 0, 3);
	CHECK_EQ(at(1, 0x1fff, NULL), 1);
	CHECK_EQ(at(1, 0x2000, NULL), 3);
	CHECK_EQ(at(1, 0x5fff, NULL), 3);
	CHECK_EQ(at(1, 0x6000, &off), 1);
	CHECK_EQ(off, 0x105000);
	map(1, 4, 0, 0x10000, 0, 4);
	CHECK_EQ(at(1, 0x6000, NULL), 4);
	CHECK_EQ(at(1, 0x1000, NULL), 4);
	map(1, 5, 0x20000, 0x21000, 0, 5);
	map(1, 6, 0x1f000, 0x20000, 0, 6);
	CHECK_EQ(at(1, 0x1f000, NULL), 6);
	CHECK_EQ(at(1, 0x20000, NULL), 5);
	CHECK_EQ(at(1, 0x10000, NULL), 0);
}

/* Against the plain way: a byte for each page. */
TEST(random_mappings_are_as_if_painted)
{
	static uint32_t page[256];
	uint32_t seed = 1;

	fresh();
	procs_add(ps, 1, "a", false, 0);
	for (uint32_t i = 1; i < 3000; i++) {
		uint32_t a, b;

		seed = seed * 1103515245 + 12345;
		a = seed >> 16 & 255;
		seed = seed * 1103515245 + 12345;
		b = a + 1 + (seed >> 16) % (i % 5 ? 8 : 60);
		b = b > 256 ? 256 : b;
		map(1, i, a * 4096, b * 4096, a * 4096, i);
		for (uint32_t k = a; k < b; k++)
			page[k] = i;
		for (uint32_t k = 0; k < 256; k++) {
			uint64_t off = k * 4096;

			if (at(1, k * 4096, &off) != page[k] || off != k * 4096)
				TEST_FAIL("page %u after mapping %u", k, i);
		}
	}
}

TEST(fork_copies_and_then_they_differ)
{
	fresh();
	procs_add(ps, 1, "parent", false, 0);
	map(1, 1, 0x1000, 0x2000, 0, 1);
	event(PROC_FORK, 2, 2, 2, 1, "");
	CHECK_EQ(at(2, 0x1000, NULL), 1);
	CHECK_STR(procs_find(ps, 2)->comm, "parent");
	CHECK_EQ(procs_find(ps, 2)->start_ns, 2);
	map(2, 3, 0x3000, 0x4000, 0, 2);
	CHECK_EQ(at(2, 0x3000, NULL), 2);
	CHECK_EQ(at(1, 0x3000, NULL), 0);
	map(1, 4, 0x5000, 0x6000, 0, 3);
	CHECK_EQ(at(2, 0x5000, NULL), 0);
	CHECK_EQ(at(1, 0x1000, NULL), 1);
	/* A thread is no process. */
	event(PROC_FORK, 5, 2, 77, 2, "");
	CHECK(!procs_find(ps, 77));
	CHECK_EQ(at(2, 0x3000, NULL), 2);
}

TEST(exec_clears)
{
	uint32_t generation;

	fresh();
	procs_add(ps, 1, "sh", false, 0);
	map(1, 1, 0x1000, 0x2000, 0, 1);
	procs_find(ps, 1)->id = 5;
	procs_find(ps, 1)->perfmap_found = true;
	generation = procs_find(ps, 1)->generation;
	event(PROC_EXEC, 2, 1, 1, 0, "ls");
	CHECK_STR(procs_find(ps, 1)->comm, "ls");
	CHECK_EQ(procs_find(ps, 1)->id, 0);
	CHECK(!procs_find(ps, 1)->perfmap_found);
	CHECK_EQ(at(1, 0x1000, NULL), 0);
	CHECK(procs_find(ps, 1)->generation != generation);
}

TEST(a_name_belongs_to_the_main_thread)
{
	fresh();
	procs_add(ps, 1, "old", false, 0);
	procs_find(ps, 1)->id = 5;
	event(PROC_COMM, 1, 1, 9, 0, "worker");
	CHECK_STR(procs_find(ps, 1)->comm, "old");
	CHECK_EQ(procs_find(ps, 1)->id, 5);
	event(PROC_COMM, 1, 1, 1, 0, "new");
	CHECK_STR(procs_find(ps, 1)->comm, "new");
	CHECK_EQ(procs_find(ps, 1)->id, 0);
}

TEST(the_dead_stay_for_late_samples)
{
	fresh();
	procs_add(ps, 1, "a", false, 0);
	procs_add(ps, 2, "b", false, 0);
	map(1, 1, 0x1000, 0x2000, 0, 1);
	event(PROC_EXIT, 10, 1, 9, 0, "");
	CHECK(!procs_find(ps, 1)->exited);
	event(PROC_EXIT, 20, 1, 1, 0, "");
	CHECK(procs_find(ps, 1)->exited);
	CHECK_EQ(at(1, 0x1000, NULL), 1);
	procs_sweep(ps, 20);
	CHECK(procs_find(ps, 1));
	procs_sweep(ps, 21);
	CHECK(!procs_find(ps, 1));
	CHECK(procs_find(ps, 2));
	CHECK_EQ(procs_count(ps), 1);
}

static bool some_live(void *arg, uint32_t pid)
{
	return *(uint32_t *)arg == pid;
}

TEST(a_process_outlives_its_main_thread)
{
	uint32_t living = 1;

	fresh();
	procs_on_sweep(ps, some_live, &living);
	procs_add(ps, 1, "a", false, 0);
	procs_add(ps, 2, "b", false, 0);
	map(1, 1, 0x1000, 0x2000, 0, 1);
	event(PROC_FORK, 5, 1, 9, 1, "");
	event(PROC_EXIT, 10, 1, 1, 0, "");
	event(PROC_EXIT, 10, 2, 2, 0, "");
	procs_sweep(ps, 100);
	CHECK(procs_find(ps, 1) && !procs_find(ps, 2));
	CHECK_EQ(at(1, 0x1000, NULL), 1);
	living = 2;
	procs_sweep(ps, 100);
	CHECK(!procs_find(ps, 1));
}

TEST(one_thread_is_not_asked_for)
{
	uint32_t living = 1;

	fresh();
	procs_on_sweep(ps, some_live, &living);
	event(PROC_FORK, 5, 1, 1, 3, "");
	event(PROC_EXIT, 10, 1, 1, 0, "");
	procs_sweep(ps, 100);
	CHECK(!procs_find(ps, 1));
}

TEST(a_pid_used_again_is_another_process)
{
	fresh();
	procs_add(ps, 1, "init", false, 0);
	procs_add(ps, 7, "first", false, 0);
	map(7, 1, 0x1000, 0x2000, 0, 1);
	procs_find(ps, 7)->id = 3;
	event(PROC_EXIT, 2, 7, 7, 0, "");
	event(PROC_FORK, 3, 7, 7, 1, "");
	CHECK_EQ(at(7, 0x1000, NULL), 0);
	CHECK_EQ(procs_find(ps, 7)->id, 0);
	CHECK(!procs_find(ps, 7)->exited);
	CHECK_STR(procs_find(ps, 7)->comm, "init");
	procs_sweep(ps, 100);
	CHECK(procs_find(ps, 7));
}

TEST(what_happened_before_the_scan_is_in_it)
{
	fresh();
	procs_add(ps, 7, "now", false, 100);
	map(7, 150, 0x1000, 0x2000, 0, 1);
	event(PROC_FORK, 50, 7, 7, 1, "");
	event(PROC_COMM, 60, 7, 7, 0, "then");
	event(PROC_EXIT, 70, 7, 7, 0, "");
	map(7, 80, 0x1000, 0x2000, 0, 9);
	CHECK_STR(procs_find(ps, 7)->comm, "now");
	CHECK(!procs_find(ps, 7)->exited);
	CHECK_EQ(at(7, 0x1000, NULL), 1);
}

/* It was scanned when it had ended, and samples of it are still to come. */
TEST(an_exec_before_the_scan_is_told_by_events)
{
	fresh();
	procs_add(ps, 1, "late", false, 100);
	event(PROC_EXEC, 10, 1, 1, 0, "prog");
	map(1, 11, 0x1000, 0x2000, 0, 1);
	CHECK_EQ(at(1, 0x1000, NULL), 1);
	CHECK_STR(procs_find(ps, 1)->comm, "prog");
	/* A fork that comes after it is of an older process of that number. */
	event(PROC_FORK, 5, 1, 1, 7, "");
	CHECK_EQ(at(1, 0x1000, NULL), 1);
}

TEST(descendants_are_followed)
{
	fresh();
	procs_follow(ps, 5);
	procs_add(ps, 1, "shell", false, 0);
	event(PROC_FORK, 1, 5, 5, 1, "");
	event(PROC_EXEC, 2, 5, 5, 0, "make");
	event(PROC_FORK, 3, 6, 6, 5, "");
	event(PROC_EXIT, 4, 6, 6, 0, "");
	event(PROC_FORK, 4, 7, 7, 6, "");
	event(PROC_EXEC, 5, 7, 7, 0, "cc1");
	event(PROC_FORK, 6, 8, 8, 1, "");
	CHECK(procs_find(ps, 5)->followed && procs_find(ps, 6)->followed);
	CHECK(procs_find(ps, 7)->followed);
	CHECK(!procs_find(ps, 8)->followed && !procs_find(ps, 1)->followed);
	/* Read again from /proc, they still are; a pid used again is not. */
	procs_add(ps, 7, "cc1", false, 10);
	CHECK(procs_find(ps, 7)->followed);
	event(PROC_FORK, 11, 6, 6, 1, "");
	CHECK(!procs_find(ps, 6)->followed);
	/* Found in /proc before its fork was heard of. */
	procs_add(ps, 9, "as", false, 20);
	event(PROC_FORK, 15, 9, 9, 7, "");
	CHECK(procs_find(ps, 9)->followed);
}

TEST(bounds_hold_and_are_counted)
{
	fresh();
	procs_add(ps, 1, "a", false, 0);
	for (uint64_t i = 0; i < 20000; i++)
		map(1, i, i * 0x2000, i * 0x2000 + 0x1000, 0, 1);
	CHECK_EQ(procs_refused(ps), 20000 - 16383);
	CHECK_EQ(at(1, 0x2000, NULL), 1);
	CHECK_EQ(at(1, 19999 * 0x2000, NULL), 0);
	fresh();
	procs_add(ps, 1, "a", false, 0);
	for (uint32_t i = 2; i <= 131072 + 5; i++)
		event(PROC_FORK, 1, i, i, 1, "");
	CHECK_EQ(procs_refused(ps), 5);
	CHECK_EQ(procs_count(ps), 131072);
	for (uint32_t i = 1; i <= 131072; i += 2)
		event(PROC_EXIT, 2, i, i, 0, "");
	procs_sweep(ps, 3);
	CHECK_EQ(procs_count(ps), 65536);
	event(PROC_FORK, 4, 1, 1, 0, "");
	CHECK(procs_find(ps, 1));
}

/* The numbers that were forgotten, and how many mappings had each. */
static struct {
	uint32_t number, n;
} forgotten[64];
static size_t n_forgotten;

static void take_forgotten(void *arg, uint32_t number, uint32_t n)
{
	CHECK(arg == &n_forgotten);
	CHECK(n_forgotten < 64);
	forgotten[n_forgotten].number = number;
	forgotten[n_forgotten++].n = n;
}

static bool was_forgotten(uint32_t number, uint32_t n)
{
	bool yes = n_forgotten == 1 && forgotten[0].number == number && forgotten[0].n == n;

	n_forgotten = 0;
	return yes;
}

static uint32_t *number_of(uint32_t pid)
{
	return procs_mappings_number(procs_find(ps, pid));
}

static void numbered(void)
{
	fresh();
	n_forgotten = 0;
	procs_on_forget(ps, take_forgotten, &n_forgotten);
	procs_add(ps, 1, "a", false, 0);
	CHECK(!number_of(1));
	map(1, 1, 0x1000, 0x2000, 0, 1);
	map(1, 2, 0x3000, 0x4000, 0, 2);
	CHECK_EQ(*number_of(1), 0);
	*number_of(1) = 7;
	CHECK_EQ(n_forgotten, 0);
}

TEST(mappings_are_told_in_order)
{
	const struct mapping *m;
	size_t n;

	numbered();
	map(1, 3, 0x2000, 0x3000, 0x5000, 3);
	m = procs_mappings(procs_find(ps, 1), &n);
	CHECK_EQ(n, 3);
	CHECK(m[0].start == 0x1000 && m[1].start == 0x2000 && m[2].start == 0x3000);
	CHECK(m[1].end == 0x3000 && m[1].pgoff == 0x5000 && m[1].module == 3);
	procs_add(ps, 2, "b", false, 0);
	CHECK(!procs_mappings(procs_find(ps, 2), &n));
	CHECK_EQ(n, 0);
}

TEST(a_number_is_forgotten_when_mappings_change)
{
	numbered();
	/* What is known already changes nothing. */
	map(1, 3, 0x1000, 0x2000, 0, 1);
	CHECK_EQ(*number_of(1), 7);
	map(1, 4, 0x5000, 0x6000, 0, 3);
	CHECK(was_forgotten(7, 2));
	CHECK_EQ(*number_of(1), 0);
	/* Without one there is nothing to forget. */
	map(1, 5, 0x7000, 0x8000, 0, 3);
	CHECK_EQ(n_forgotten, 0);
	*number_of(1) = 9;
	event(PROC_EXEC, 6, 1, 1, 0, "b");
	CHECK(was_forgotten(9, 4));
	CHECK(!number_of(1));
}

TEST(those_who_share_mappings_share_the_number)
{
	numbered();
	event(PROC_FORK, 3, 2, 2, 1, "");
	event(PROC_FORK, 4, 3, 3, 2, "");
	CHECK_EQ(*number_of(2), 7);
	CHECK(number_of(1) == number_of(3));
	/* Whoever changes its own leaves it to the others. */
	map(2, 5, 0x5000, 0x6000, 0, 3);
	CHECK_EQ(*number_of(2), 0);
	CHECK_EQ(*number_of(1), 7);
	*number_of(2) = 8;
	event(PROC_EXEC, 6, 1, 1, 0, "b");
	CHECK_EQ(n_forgotten, 0);
	CHECK_EQ(*number_of(3), 7);
	event(PROC_EXIT, 7, 3, 3, 0, "");
	CHECK_EQ(*number_of(3), 7);
	procs_sweep(ps, 8);
	CHECK(was_forgotten(7, 2));
	procs_add(ps, 2, "again", false, 9);
	CHECK(was_forgotten(8, 3));
}

TEST(every_number_is_forgotten_once)
{
	uint32_t seed = 1, given = 0;

	numbered();
	for (uint32_t i = 1; given < 60; i++) {
		uint32_t pid;

		seed = seed * 1103515245 + 12345;
		pid = 1 + (seed >> 16) % 8;
		if (i % 3 == 0)
			event(PROC_FORK, i, pid, pid, 1 + (seed >> 20) % 8, "");
		else if (procs_find(ps, pid))
			map(pid, i, (seed >> 24) * 0x1000, (seed >> 24) * 0x1000 + 0x1000, 0, i);
		if (procs_find(ps, pid) && number_of(pid) && !*number_of(pid))
			*number_of(pid) = 100 + given++;
	}
	procs_destroy(ps);
	ps = NULL;
	/* And the 7 of before. */
	CHECK_EQ(n_forgotten, given + 1);
	for (size_t i = 0; i < n_forgotten; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(forgotten[i].number != forgotten[k].number);
}

static bool parse(const char *text, struct mapped *m, uint64_t *pgoff)
{
	static char line[256];

	snprintf(line, sizeof(line), "%s", text);
	return procfs_parse_map(line, m, pgoff);
}

TEST(lines_of_proc_maps)
{
	struct mapped m;
	uint64_t off;

	CHECK(parse("7f00-8f00 r-xp 00026000 fe:0a 332835                     /usr/lib/libc.so.6",
		    &m, &off));
	CHECK(m.start == 0x7f00 && m.end == 0x8f00 && off == 0x26000);
	CHECK(m.dev_major == 0xfe && m.dev_minor == 10 && m.inode == 332835);
	CHECK_STR(m.path, "/usr/lib/libc.so.6");
	CHECK(parse("7f00-8f00 rwxp 00000000 00:00 0 ", &m, &off));
	CHECK_STR(m.path, "");
	CHECK(parse("7f00-8f00 r-xs 00000000 00:01 5 /a b\\012c (deleted)", &m, &off));
	CHECK_STR(m.path, "/a b\nc (deleted)");
	CHECK(!parse("7f00-8f00 rw-p 00000000 00:00 0 ", &m, &off));
	CHECK(!parse("8f00-7f00 r-xp 00000000 00:00 0 ", &m, &off));
	CHECK(!parse("8f00 r-xp", &m, &off));
	CHECK(!parse("", &m, &off));
}

TEST(ourselves_in_proc)
{
	struct procfs_process p;

	CHECK_EQ(procfs_read(getpid(), &p), 0);
	CHECK_STR(p.comm, "test_procs");
	CHECK(!p.is_kernel);
	CHECK_EQ(procfs_read(2, &p) == 0 && !strcmp(p.comm, "kthreadd") && !p.is_kernel, 0);
	CHECK(procfs_read(0x7ffffff0, &p) < 0);
	procs_destroy(ps);
	ps = NULL;
}

TEST_MAIN()
