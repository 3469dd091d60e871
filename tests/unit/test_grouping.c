#include "profile/grouping.h"

#include <string.h>

#include "tests/test.h"

static struct dict dict;

static uint32_t text(const char *s)
{
	return dict_string(&dict, s, strlen(s));
}

static const char *name(const struct process *p, enum grouping by)
{
	static struct strbuf sb;

	strbuf_clear(&sb);
	grouping_add_name(&dict, p, by, &sb);
	return strbuf_str(&sb);
}

TEST(a_whole_process)
{
	struct process p = {.pid = 12};

	dict_init(&dict);
	p.comm = text("worker-12");
	CHECK_STR(name(&p, BY_PROCESS), "worker-12");
	CHECK_STR(name(&p, BY_PID), "worker-12 (12)");
	CHECK_STR(name(&p, BY_THREAD), "worker-N");
	CHECK_STR(name(&p, BY_CPU), "[all CPUs]");
	CHECK_STR(name(&p, BY_CGROUP), "[cgroup unknown]");
	dict_deinit(&dict);
}

TEST(a_part_of_it)
{
	struct process p = {.pid = 12, .tid = 14, .cpu = 1};

	dict_init(&dict);
	p.comm = text("java");
	p.thread = text("pool-10-thread-3");
	p.cgroup = text("/system.slice/x.service");
	CHECK_STR(name(&p, BY_PROCESS), "java");
	CHECK_STR(name(&p, BY_THREAD), "pool-N-thread-N");
	CHECK_STR(name(&p, BY_CPU), "CPU 0");
	CHECK_STR(name(&p, BY_CGROUP), "/system.slice/x.service");
	p.thread = text("");
	CHECK_STR(name(&p, BY_THREAD), "");
	dict_deinit(&dict);
}

TEST(numbers_are_one_letter)
{
	struct strbuf sb = {0};

	grouping_add_without_numbers(&sb, "kworker/u16:3-events 007");
	CHECK_STR(strbuf_str(&sb), "kworker/uN:N-events N");
	strbuf_clear(&sb);
	grouping_add_without_numbers(&sb, "");
	CHECK_STR(strbuf_str(&sb), "");
	strbuf_deinit(&sb);
}

TEST_MAIN()
