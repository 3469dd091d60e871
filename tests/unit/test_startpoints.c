#include "capture/startpoints.h"
#include "tests/test.h"

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <unistd.h>

static const char *libc_path;
static uintptr_t thread_returns, main_returns, libc_base;

static int find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "libc.so"))
		return 0;
	libc_base = info->dlpi_addr;
	libc_path = info->dlpi_name;
	return 1;
}

static void *thread(void *arg)
{
	(void)arg;
	thread_returns = (uintptr_t)__builtin_return_address(0);
	return NULL;
}

static void test_libc(const struct startpoints *s)
{
	uint8_t other[BUILD_ID_MAX];
	int libc = open(libc_path, O_RDONLY), self = open("/proc/self/exe", O_RDONLY);

	memcpy(other, s->build_id, sizeof(other));
	other[0] ^= 1;
	CHECK(libc >= 0 && self >= 0);
	CHECK(startpoints_is_libc(s, s->build_id, s->build_id_size, -1));
	CHECK(!startpoints_is_libc(s, other, s->build_id_size, libc));
	CHECK(startpoints_is_libc(s, NULL, 0, libc));
	CHECK(!startpoints_is_libc(s, NULL, 0, self));
	CHECK(!startpoints_is_libc(s, NULL, 0, -1));
	close(libc);
	close(self);
}

static void test_all(void)
{
	struct startpoints s;
	pthread_t t;

	startpoints_find(&s);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	dl_iterate_phdr(find_libc, NULL);
	CHECK(libc_base);
	CHECK(s.build_id_size >= 8);
	/* In Debian's libc, as nearly everywhere, code has the same place in file and memory. */
	CHECK_EQ(s.main.returns, main_returns - libc_base);
	CHECK(s.main.function < s.main.returns && s.main.returns - s.main.function < 4096);
	CHECK(s.thread.function < s.thread.returns && s.thread.returns - s.thread.function < 4096);
#ifndef __SANITIZE_ADDRESS__
	CHECK_EQ(s.thread.returns, thread_returns - libc_base);
#endif
	CHECK(startpoints_match(&s, s.main.returns));
	CHECK(startpoints_match(&s, s.thread.returns));
	CHECK(!startpoints_match(&s, s.thread.returns + 1));
	CHECK(!startpoints_match(&s, 0));
	test_libc(&s);
}

TEST(finds_what_returns_out_of_main_and_threads)
{
	test_all();
}

/* Not TEST_MAIN(): main() must say where it returns to. */
int main(void)
{
	int bad;

	main_returns = (uintptr_t)__builtin_return_address(0);
	bad = setjmp(test_out);
	if (!bad)
		test_first->run();
	printf("%sok 1 - %s\n1..1\n", bad ? "not " : "", test_first->name);
	return bad;
}
