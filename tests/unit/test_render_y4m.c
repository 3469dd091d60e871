#include "render/sink_y4m.h"
#include "tests/film.h"
#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH  70
#define HEIGHT 46
#define S      1000000000ull

static char path[] = "/tmp/flamelapse-y4m.XXXXXX/x.y4m";
static char part[] = "/tmp/flamelapse-y4m.XXXXXX/.x.y4m.part";
static struct film film;
static struct sink *sink;
static struct image_pool *pool;

static int open_film(const char *to, int fps)
{
	struct y4m_options opt = {.width = WIDTH, .height = HEIGHT, .fps = fps};

	pool = image_pool_create(WIDTH, HEIGHT, 1);
	return sink_y4m_open(to, &opt, &sink);
}

static int push(uint64_t t_ns, uint32_t rgb)
{
	struct image *img = image_get(pool);
	struct image_info info = {.t_ns = t_ns};
	int err;

	image_clear(img, rgb);
	err = sink_push(sink, img, &info);
	image_unref(img);
	return err;
}

static int close_film(uint64_t end_ns, bool keep)
{
	int err = sink_close(sink, end_ns, keep);

	image_pool_destroy(pool);
	return err;
}

TEST(images_are_repeated_at_a_constant_rate)
{
	strrchr(path, '/')[0] = '\0';
	CHECK(mkdtemp(path));
	memcpy(part, path, strlen(path));
	path[strlen(path)] = '/';

	CHECK_EQ(open_film(path, 30), 0);
	CHECK_EQ(push(0, 0xf0c070), 0);
	CHECK_EQ(push(S / 30, 0x7090e0), 0);
	CHECK_EQ(push(S / 2, 0xff0000), 0);
	CHECK_EQ(push(S / 2 + S / 100, 0x90d090), 0); /* the same thirtieth: replaces it */
	CHECK(access(path, F_OK));
	CHECK_EQ(close_film(2 * S, true), 0);
	CHECK(film_read(&film, path));
	CHECK_EQ(film.n, 60);
	CHECK_EQ(film.par->width, WIDTH);
	CHECK_EQ(film.par->height, HEIGHT);
	CHECK_EQ(film.par->format, AV_PIX_FMT_YUV420P);
	CHECK_EQ(film.par->color_range, AVCOL_RANGE_MPEG);
	CHECK_EQ(film.par->chroma_location, AVCHROMA_LOC_CENTER);
	for (int i = 0; i < 60; i++) {
		CHECK(llabs((long long)(film.image[i].t_ns - i * S / 30)) < 2);
		CHECK(film_shows(&film.image[i],
				 i == 0	  ? 0xf0c070
				 : i < 15 ? 0x7090e0
					  : 0x90d090,
				 1));
	}
	film_deinit(&film);
}

TEST(nothing_is_left_of_what_failed)
{
	unlink(path);
	CHECK_EQ(open_film(path, 30), 0);
	CHECK_EQ(push(0, 0), 0);
	CHECK_EQ(close_film(S, false), 0);
	CHECK_EQ(open_film(path, 30), 0);
	CHECK_EQ(close_film(S, true), -ENODATA);
	CHECK_EQ(open_film(path, 30), 0);
	CHECK_EQ(push(S, 0), -ERANGE);
	CHECK_EQ(push(0, 0), -ERANGE);
	CHECK_EQ(close_film(S, true), -ERANGE);
	CHECK_EQ(open_film(path, 0), -EINVAL);
	image_pool_destroy(pool);
	CHECK(access(path, F_OK) && access(part, F_OK));
}

/* A rename would put a file in its place: think of root and /dev/null. */
TEST(what_is_no_file_is_not_replaced)
{
	struct stat st;

	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(open_film(path, 30), -ENOTSUP);
	image_pool_destroy(pool);
	CHECK_EQ(stat(path, &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK(access(part, F_OK));
	unlink(path);
}

TEST(stdout_can_be_read_or_closed)
{
	const size_t size = 6 + WIDTH * HEIGHT * 3 / 2;
	char *text = malloc(1 << 20), *line;
	int saved = dup(STDOUT_FILENO), ends[2], err[4];
	size_t n = 0;
	ssize_t got;

	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	err[0] = open_film("-", 30);
	err[1] = push(0, 0x808080);
	err[2] = close_film(S / 10, true);
	/* Still open: the caller's it stays. */
	err[3] = write(STDOUT_FILENO, "", 1) == 1;
	dup2(saved, STDOUT_FILENO);
	while ((got = read(ends[0], text + n, (1 << 20) - n)) > 0)
		n += got;
	close(ends[0]);
	CHECK_EQ(err[0] | err[1] | err[2], 0);
	CHECK_EQ(err[3], 1);
	line = memchr(text, '\n', n);
	CHECK(line);
	CHECK_EQ(n, line + 1 - text + 3 * size + 1);
	*line = '\0';
	CHECK_STR(text, "YUV4MPEG2 W70 H46 F30:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED");
	CHECK(!memcmp(line + 1 + size, "FRAME\n", 6));
	free(text);

	CHECK_EQ(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	err[0] = open_film("-", 30);
	close(ends[0]);
	err[1] = push(0, 0x808080);
	err[2] = push(S, 0x808080);
	err[3] = close_film(2 * S, true);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	CHECK_EQ(err[0] | err[1], 0);
	CHECK_EQ(err[2], -EPIPE);
	CHECK_EQ(err[3], -EPIPE);
}

TEST(cleanup)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	CHECK_EQ(rmdir(path), 0);
}

TEST_MAIN()
