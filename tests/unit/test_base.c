#include "base/chan.h"
#include "base/hash.h"
#include "base/outfile.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/varint.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *clean(const char *s, size_t n)
{
	static struct strbuf sb;

	strbuf_clear(&sb);
	utf8_add_clean(&sb, s, n);
	return strbuf_str(&sb);
}

TEST(names_are_made_harmless)
{
	CHECK_STR(clean("main", 4), "main");
	CHECK_STR(clean("größe▸", strlen("größe▸")), "größe▸");
	CHECK_STR(clean("a\nb\033[2J", 7), "a\\x0ab\\x1b[2J");
	CHECK_STR(clean("\xff\xc0\x80", 3), "\\xff\\xc0\\x80");
	CHECK_STR(clean("a\xe2\x80\xae"
			"b",
			5),
		  "a\\u{202e}b");
	CHECK_STR(clean("\xc2\x85", 2), "\\x85");
	CHECK_STR(clean("\xed\xa0\x80", 3), "\\xed\\xa0\\x80");
}

TEST(long_names_are_cut)
{
	char *s = malloc(200000);

	memset(s, 'x', 200000);
	CHECK(strlen(clean(s, 200000)) <= NAME_MAX_BYTES);
	CHECK_STR(clean(s, 200000) + strlen(clean(s, 200000)) - 3, "…");
	memset(s, 1, 200000);
	CHECK(strlen(clean(s, 200000)) <= NAME_MAX_BYTES);
	free(s);
}

TEST(varint_round_trip)
{
	static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
	uint8_t buf[VARINT_MAX];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		size_t n = varint_put(buf, values[i]);
		uint64_t v = 0;

		CHECK_EQ(varint_get(buf, buf + n, &v), n);
		CHECK_EQ(v, values[i]);
		CHECK_EQ(varint_get(buf, buf + n - 1, &v), 0);
	}
	memset(buf, 0xff, sizeof(buf));
	CHECK_EQ(varint_get(buf, buf + sizeof(buf), &(uint64_t){0}), 0);
}

TEST(index_finds_what_was_added)
{
	struct index ix = {0};

	for (uint32_t i = 0; i < 5000; i++)
		index_add(&ix, hash_u64(i, 7), i);
	for (uint32_t i = 0; i < 5000; i++) {
		int found = 0;

		for (uint32_t it = 0, id; index_next(&ix, hash_u64(i, 7), &it, &id);)
			found += id == i;
		CHECK_EQ(found, 1);
	}
	index_deinit(&ix);
}

TEST(chan_carries_bytes_and_descriptors)
{
	int sock[2], fd = open("/dev/null", O_RDONLY);
	struct chan *a, *b;
	struct chan_msg msg;
	struct stat st;
	char *big = calloc(1, 3000000);

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	a = chan_create(sock[0]);
	b = chan_create(sock[1]);
	CHECK(!chan_send(a, 1, "hello", 5, -1));
	CHECK(!chan_send(a, 2, "", 0, fd));
	CHECK(!chan_send(a, 3, big, 3000000, -1));
	CHECK(!chan_send(a, 4, "x", 1, fd));
	CHECK_EQ(chan_wait(b, 1000, &msg), 1);
	CHECK_EQ(msg.type, 1);
	CHECK(msg.size == 5 && !memcmp(msg.data, "hello", 5) && msg.fd == -1);
	CHECK_EQ(chan_wait(b, 1000, &msg), 1);
	CHECK(msg.type == 2 && msg.fd >= 0);
	CHECK(!fstat(msg.fd, &st) && S_ISCHR(st.st_mode));
	close(msg.fd);
	CHECK(chan_backlog(a) > 0);
	for (int got = 0; !got;) {
		CHECK(chan_flush(a) == 0 && chan_fill(b) >= 0);
		got = chan_next(b, &msg);
		CHECK(got >= 0);
	}
	CHECK(msg.type == 3 && msg.size == 3000000);
	CHECK(chan_drain(a) == 0);
	CHECK_EQ(chan_wait(b, 1000, &msg), 1);
	CHECK(msg.type == 4 && msg.fd >= 0);
	close(msg.fd);
	chan_destroy(a);
	CHECK_EQ(chan_wait(b, 1000, &msg), -EPIPE);
	chan_destroy(b);
	close(fd);
	free(big);
}

TEST(outfile_shows_only_whole_files)
{
	struct outfile out, second;
	char dir[] = "/tmp/flamelapse-test-XXXXXX";
	int fd;

	CHECK(mkdtemp(dir) && !chdir(dir));
	fd = open(".x.part", O_CREAT | O_WRONLY, 0600);
	CHECK(!write_all(fd, "left over", 9));
	close(fd);
	CHECK_EQ(outfile_open(&out, "x"), 0);
	CHECK_EQ(outfile_open(&second, "x"), -EBUSY);
	CHECK(!write_all(out.fd, "new", 3));
	CHECK(access("x", F_OK) < 0);
	CHECK_EQ(outfile_commit(&out), 0);
	CHECK(!access("x", F_OK) && access(".x.part", F_OK) < 0);
	CHECK_EQ(outfile_open(&out, "no/such/folder"), -ENOENT);
	CHECK_EQ(outfile_open(&out, dir), -EISDIR);
	unlink("x");
	rmdir(dir);
}

TEST_MAIN()
