#include "symbols/perfmap.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_file(void)
{
	int fd = memfd_create("perf-1.map", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void append(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static const char *name_at(const struct perfmap *pm, uint64_t addr)
{
	const char *name = perfmap_find(pm, addr);

	return name ? name : "none";
}

TEST(lines)
{
	struct perfmap pm = {0};
	int fd = map_file();

	append(fd, "7f0000001000 100 LazyCompile:*foo /srv/app.js:10:5\n"
		   "0x7f0000002000 0x80 void Bar::baz(int)\r\n"
		   "7F0000003000\t1 \ttabs  inside \n");
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_STR(name_at(&pm, 0x7f0000001000), "LazyCompile:*foo /srv/app.js:10:5");
	CHECK_STR(name_at(&pm, 0x7f00000010ff), "LazyCompile:*foo /srv/app.js:10:5");
	CHECK_STR(name_at(&pm, 0x7f0000001100), "none");
	CHECK_STR(name_at(&pm, 0x7f000000207f), "void Bar::baz(int)");
	CHECK_STR(name_at(&pm, 0x7f0000003000), "tabs  inside");
	CHECK_STR(name_at(&pm, 0x7f0000003001), "none");
	perfmap_deinit(&pm);
	close(fd);
}

TEST(hostile_lines_are_skipped)
{
	struct perfmap pm = {0};
	int fd = map_file();

	append(fd, "\n \n1000\n1000 \n1000 10\n1000 10 \n1000 0 empty\n-1000 10 minus\n"
		   "g 10 nohex\n11111111111111111 10 too long\nffffffffffffff00 200 wraps\n"
		   "0x 10 nothing\n1000 10\tok\n; 2 x\n");
	CHECK(write(fd, "2000 10 \0zero\n", 14) == 14);
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_EQ(pm.ranges.n, 2);
	CHECK_STR(name_at(&pm, 0x1000), "ok");
	CHECK_STR(name_at(&pm, 0x2000), "");
	perfmap_deinit(&pm);
	close(fd);
}

TEST(a_growing_file)
{
	struct perfmap pm = {0};
	int fd = map_file();

	CHECK_EQ(perfmap_update(&pm, fd), 0);
	append(fd, "1000 100 one\n2000 100 tw");
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_STR(name_at(&pm, 0x1000), "one");
	CHECK_STR(name_at(&pm, 0x2000), "none");
	append(fd, "o\n1080 40 three\n");
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_STR(name_at(&pm, 0x2000), "two");
	CHECK_STR(name_at(&pm, 0x107f), "one");
	CHECK_STR(name_at(&pm, 0x1080), "three");
	CHECK_STR(name_at(&pm, 0x10c0), "one");
	CHECK_EQ(pm.n_lines, 3);
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_EQ(pm.n_lines, 3);
	CHECK(!ftruncate(fd, 0) && lseek(fd, 0, SEEK_SET) == 0);
	append(fd, "3000 10 new\n");
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_STR(name_at(&pm, 0x1000), "none");
	CHECK_STR(name_at(&pm, 0x3000), "new");
	perfmap_deinit(&pm);
	close(fd);
}

TEST(what_is_no_map)
{
	struct perfmap pm = {0};
	int fd = map_file(), pipe_fd[2];
	char *text = malloc(200001);

	CHECK(!pipe(pipe_fd));
	CHECK_EQ(perfmap_update(&pm, pipe_fd[0]), -EINVAL);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	memset(text, 'a', 200000);
	text[200000] = '\0';
	append(fd, text);
	append(fd, "\n1000 100 after\n1000 10 ");
	append(fd, text);
	free(text);
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK_STR(name_at(&pm, 0x1050), "after");
	close(fd);
	fd = map_file();
	CHECK(!ftruncate(fd, PERFMAP_MAX_BYTES + (1 << 20)));
	CHECK_EQ(perfmap_update(&pm, fd), 0);
	CHECK(pm.at <= PERFMAP_MAX_BYTES);
	perfmap_deinit(&pm);
	close(fd);
}

TEST_MAIN()
