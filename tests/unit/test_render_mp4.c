#include "render/sink_mp4.h"
#include "tests/film.h"
#include "tests/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WIDTH  320
#define HEIGHT 180
#define S      1000000000ull

/* An FFmpeg without libx264, when a test wants one. */
static bool no_encoder;

const AVCodec *avcodec_find_encoder_by_name(const char *name)
{
	static const AVCodec *(*real)(const char *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "avcodec_find_encoder_by_name");
	return no_encoder ? NULL : real(name);
}

static char folder[64];

static const char *path_in(const char *name)
{
	static char path[8][256];
	static int turn;

	if (!*folder) {
		strcpy(folder, "/tmp/flamelapse-mp4.XXXXXX");
		if (!mkdtemp(folder))
			abort();
	}
	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static bool exists(const char *name)
{
	return !access(path_in(name), F_OK);
}

static struct mp4_options options(void)
{
	return (struct mp4_options){.width = WIDTH, .height = HEIGHT, .fps = 30, .n_threads = 2};
}

static struct sink *sink;
static struct image_pool *pool;

static int open_film(const char *name, const struct mp4_options *opt)
{
	pool = image_pool_create(WIDTH, HEIGHT, 3);
	return sink_mp4_open(path_in(name), opt, &sink);
}

/* A flat colour, with a black bar whose place tells the time. */
static int push(uint64_t t_ns, uint32_t rgb, bool step_start)
{
	struct image *img = image_get(pool);
	struct image_info info = {.t_ns = t_ns, .step_start = step_start};
	int err, bar = t_ns / 10000000 % 40 * 2;

	image_clear(img, rgb);
	for (int y = 0; y < HEIGHT; y++)
		memset(image_row(img, y) + bar, colours_number(&img->colours, 0), 8);
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

static struct film film;

static void read_film(const char *name)
{
	film_deinit(&film);
	CHECK(film_read(&film, path_in(name)));
}

static bool near(int64_t a_ns, int64_t b_ns)
{
	return a_ns - b_ns < 20000 && b_ns - a_ns < 20000; /* a tick is 11 µs */
}

static const uint32_t colours[] = {0xf0c070, 0x7090e0, 0x90d090, 0xffffff, 0x000000, 0xff0000};

TEST(images_have_their_true_times_and_colours)
{
	/* Six moving images, a rest, six more, a long rest: pushed and expected. */
	static const int at_ms[] = {0, 33, 67, 100, 133, 167, 700, 733, 767, 800, 833, 867};
	static const int seen_ms[] = {0,   33,	67,  100, 133, 167,  667,  700,
				      733, 767, 800, 833, 867, 1367, 1867, 1967};
	struct mp4_options opt = options();

	CHECK_EQ(open_film("times.mp4", &opt), 0);
	for (int i = 0; i < 12; i++)
		CHECK_EQ(push(at_ms[i] * 1000000ull, colours[i % 6], i == 0 || i == 6), 0);
	CHECK(!exists("times.mp4"));
	CHECK_EQ(close_film(2 * S, true), 0);
	CHECK(!exists(".times.mp4.part"));
	read_film("times.mp4");
	CHECK_EQ(film.n, 16);
	for (int i = 0, k = 0; i < 16; i++) {
		CHECK(near(film.image[i].t_ns, seen_ms[i] * 1000000ll) || i == 15);
		while (k < 11 && film.image[i].t_ns + 20000 >= at_ms[k + 1] * 1000000ll)
			k++;
		CHECK(film_shows(&film.image[i], colours[k % 6], 3));
	}
	CHECK(near(film.image[15].t_ns, 2 * S - S / 30));
}

TEST(the_film_lasts_until_its_end)
{
	static const uint64_t ends[] = {2 * S, 3 * S + S / 3, 1700 * S / 1000, 40 * S};

	for (int i = 0; i < 4; i++) {
		struct mp4_options opt = options();
		const struct film_image *last;

		CHECK_EQ(open_film("end.mp4", &opt), 0);
		CHECK_EQ(push(0, colours[0], true), 0);
		CHECK_EQ(push(1690 * S / 1000, colours[1], true), 0);
		CHECK_EQ(close_film(ends[i], true), 0);
		read_film("end.mp4");
		last = &film.image[film.n - 1];
		/* The third end comes before the last image had its time. */
		CHECK(near(film.stream_duration_ns, i == 2 ? 1690 * S / 1000 + S / 30 : ends[i]));
		CHECK(near(last->t_ns + film.last_duration_ns, film.stream_duration_ns));
		CHECK(film.last_duration_ns <= (int64_t)S / 30 + 20000);
		CHECK(film_shows(last, colours[1], 3));
		for (int k = 1; k < film.n; k++)
			CHECK(film.image[k].t_ns - film.image[k - 1].t_ns <=
			      (int64_t)S / 2 + 20000);
	}
}

TEST(one_image_is_a_film)
{
	struct mp4_options opt = options();

	CHECK_EQ(open_film("one.mp4", &opt), 0);
	CHECK_EQ(push(0, colours[2], true), 0);
	CHECK_EQ(close_film(S / 4, true), 0);
	read_film("one.mp4");
	CHECK_EQ(film.n, 2);
	CHECK(near(film.stream_duration_ns, S / 4));
	CHECK(film_shows(&film.image[0], colours[2], 3));
}

TEST(one_can_seek_to_steps)
{
	struct mp4_options opt = options();

	/* Steps every 0.7 s up to 7 s, then one image that rests for 23 s. */
	CHECK_EQ(open_film("key.mp4", &opt), 0);
	for (int step = 0; step < 10; step++)
		for (int i = 0; i < 6; i++)
			CHECK_EQ(push(step * 7 * S / 10 + i * S / 30, colours[i], i == 0), 0);
	CHECK_EQ(push(7 * S, colours[0], true), 0);
	CHECK_EQ(close_film(30 * S, true), 0);
	read_film("key.mp4");
	for (int i = 0, last = -1; i < film.n; i++) {
		int64_t t = film.image[i].t_ns, since;

		if (last < 0) {
			CHECK(film.image[i].is_key);
			last = i;
			continue;
		}
		since = t - film.image[last].t_ns;
		if (t < 7 * (int64_t)S - 20000)
			/* Steps at 2.1 and 4.2 s: the third each time. */
			CHECK_EQ(film.image[i].is_key, near(t, 21 * S / 10) ||
							   near(t, 42 * S / 10) ||
							   near(t, 63 * S / 10));
		CHECK(since <= 10 * (int64_t)S + 20000);
		if (film.image[i].is_key)
			last = i;
	}
}

TEST(a_constant_rate_has_an_image_for_each_time)
{
	struct mp4_options opt = options();

	opt.cfr = true;
	opt.fps = 7;
	CHECK_EQ(open_film("cfr.mp4", &opt), 0);
	CHECK_EQ(push(0, colours[0], true), 0);
	CHECK_EQ(push(2 * S, colours[5], true), 0);
	CHECK_EQ(push(2 * S + S / 100, colours[1], false), 0); /* the same seventh: replaces it */
	CHECK_EQ(push(3 * S - S / 100, colours[2], true), 0);
	CHECK_EQ(close_film(4 * S, true), 0);
	read_film("cfr.mp4");
	CHECK_EQ(film.n, 28);
	CHECK(near(film.stream_duration_ns, 4 * S));
	for (int i = 0; i < 28; i++) {
		CHECK(near(film.image[i].t_ns, i * S / 7));
		CHECK(film_shows(&film.image[i], colours[i < 14 ? 0 : i < 21 ? 1 : 2], 3));
		CHECK_EQ(film.image[i].is_key, i == 0 || i == 14);
	}
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

TEST(the_file_says_what_it_is)
{
	static uint8_t data[1 << 20];
	struct mp4_options opt = options();
	size_t size, moov = 0, mdat = 0;
	uint8_t *colr;
	FILE *f;

	opt.title = "database ▸ host";
	opt.comment = "scale auto";
	opt.time_ns = 1795187007250000000ull;
	CHECK_EQ(open_film("tags.mp4", &opt), 0);
	CHECK_EQ(push(0, colours[0], true), 0);
	CHECK_EQ(close_film(2 * S, true), 0);
	read_film("tags.mp4");
	CHECK_STR(film.title, "database ▸ host");
	CHECK_STR(film.comment, "scale auto");
	CHECK_STR(film.created, "2026-11-20T15:03:27.000000Z");
	CHECK_EQ(film.par->codec_id, AV_CODEC_ID_H264);
	CHECK_EQ(film.par->profile, 100); /* High */
	CHECK_EQ(film.par->format, AV_PIX_FMT_YUV420P);
	CHECK_EQ(film.par->width, WIDTH);
	CHECK_EQ(film.par->height, HEIGHT);
	CHECK_EQ(film.par->color_range, AVCOL_RANGE_MPEG);
	CHECK_EQ(film.par->color_primaries, AVCOL_PRI_BT709);
	CHECK_EQ(film.par->color_trc, AVCOL_TRC_BT709);
	CHECK_EQ(film.par->color_space, AVCOL_SPC_BT709);
	CHECK_EQ(film.par->chroma_location, AVCHROMA_LOC_CENTER);

	/* The boxes: index before data, and the tags in the container too. */
	f = fopen(path_in("tags.mp4"), "rb");
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	for (size_t at = 0; at + 8 <= size && u32(data + at) >= 8; at += u32(data + at)) {
		if (!memcmp(data + at + 4, "moov", 4))
			moov = at;
		if (!memcmp(data + at + 4, "mdat", 4))
			mdat = at;
	}
	CHECK(moov && moov < mdat);
	colr = memmem(data, size, "colrnclx\0\1\0\1\0\1\0", 15);
	CHECK(colr && colr < data + mdat);
	CHECK(!memmem(data, size, "/tmp/", 5));
	/* Without B-frames there is no offset from decoding to showing. */
	CHECK(!memmem(data, mdat, "ctts", 4));
}

TEST(the_same_images_give_the_same_bytes)
{
	static uint8_t data[2][1 << 20];
	size_t size[2];

	for (int i = 0; i < 2; i++) {
		struct mp4_options opt = options();
		FILE *f;

		CHECK_EQ(open_film("same.mp4", &opt), 0);
		for (int k = 0; k < 40; k++)
			CHECK_EQ(push(k * S / 30, colours[k / 10], k % 20 == 0), 0);
		CHECK_EQ(close_film(2 * S, true), 0);
		f = fopen(path_in("same.mp4"), "rb");
		size[i] = fread(data[i], 1, sizeof(data[i]), f);
		fclose(f);
	}
	CHECK_EQ(size[0], size[1]);
	CHECK(!memcmp(data[0], data[1], size[0]));
}

TEST(bad_sizes_rates_and_orders_are_refused)
{
	static const int sizes[][2] = {{321, 180}, {320, 181}, {0, 0}, {-2, 180}, {320, 20000}};
	struct mp4_options opt = options();

	for (int i = 0; i < 5; i++) {
		opt.width = sizes[i][0];
		opt.height = sizes[i][1];
		CHECK_EQ(sink_mp4_open(path_in("bad.mp4"), &opt, &sink), -EINVAL);
	}
	opt = options();
	opt.fps = 0;
	CHECK_EQ(sink_mp4_open(path_in("bad.mp4"), &opt, &sink), -EINVAL);
	opt = options();
	CHECK_EQ(sink_mp4_open(path_in("none/bad.mp4"), &opt, &sink), -ENOENT);
	CHECK_EQ(sink_mp4_open(folder, &opt, &sink), -EISDIR);

	CHECK_EQ(open_film("bad.mp4", &opt), 0);
	CHECK_EQ(close_film(S, true), -ENODATA);
	CHECK_EQ(open_film("bad.mp4", &opt), 0);
	CHECK_EQ(push(0, colours[0], true), 0);
	CHECK_EQ(push(S, colours[0], true), 0);
	push(S / 2, colours[0], true);
	CHECK_EQ(close_film(2 * S, true), -ERANGE);
	CHECK_EQ(open_film("bad.mp4", &opt), 0);
	push(S, colours[0], true);
	CHECK_EQ(close_film(2 * S, true), -ERANGE);
	CHECK(!exists("bad.mp4") && !exists(".bad.mp4.part"));
}

TEST(a_missing_encoder_is_told)
{
	struct mp4_options opt = options();

	CHECK(sink_mp4_available());
	no_encoder = true;
	CHECK(!sink_mp4_available());
	CHECK_EQ(sink_mp4_open(path_in("no.mp4"), &opt, &sink), -ENOSYS);
	no_encoder = false;
	CHECK(!exists("no.mp4") && !exists(".no.mp4.part"));
}

TEST(thrown_away_leaves_nothing)
{
	struct mp4_options opt = options();

	CHECK_EQ(open_film("away.mp4", &opt), 0);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(push(i * S / 30, colours[i % 6], false), 0);
	CHECK_EQ(close_film(S, false), 0);
	CHECK(!exists("away.mp4") && !exists(".away.mp4.part"));
}

TEST(a_killed_writer_leaves_nothing_under_the_name_and_the_next_one_clears_up)
{
	struct mp4_options opt = options();
	int ends[2], status;
	pid_t pid;
	char c;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		if (open_film("kill.mp4", &opt))
			_exit(1);
		for (uint64_t i = 0;; i++) {
			if (push(i * S / 30, colours[i % 6], i % 10 == 0))
				_exit(2);
			if (i == 100 && write(ends[1], "x", 1) != 1)
				_exit(3);
		}
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &c, 1), 1);
	CHECK(exists(".kill.mp4.part"));
	/* While it is at work, no other writes this very file. */
	CHECK_EQ(open_film("kill.mp4", &opt), -EBUSY);
	image_pool_destroy(pool);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ends[0]);
	CHECK(WIFSIGNALED(status));
	CHECK(!exists("kill.mp4"));
	CHECK(exists(".kill.mp4.part"));
	CHECK_EQ(open_film("kill.mp4", &opt), 0);
	CHECK_EQ(push(0, colours[3], true), 0);
	CHECK_EQ(close_film(S, true), 0);
	CHECK(!exists(".kill.mp4.part"));
	read_film("kill.mp4");
	CHECK_EQ(film.n, 3);
}

/* Noise, so that bytes come quickly. Returns what push or close said. */
static int film_of_noise(const char *name, int n)
{
	struct mp4_options opt = options();
	uint32_t state = 1;
	int err;

	err = open_film(name, &opt);
	for (int i = 0; i < n && !err; i++) {
		struct image *img = image_get(pool);
		struct image_info info = {.t_ns = i * S / 30};

		colours_clear(&img->colours);
		for (uint32_t k = 0; k < COLOURS_MAX; k++)
			colours_number(&img->colours, k * 0x9e3779b1u);
		for (size_t k = 0; k < img->stride_bytes * HEIGHT; k++)
			img->pixels[k] = (state = state * 1664525 + 1013904223) >> 24;
		err = sink_push(sink, img, &info);
		image_unref(img);
	}
	return close_film(n * S / 30, true);
}

static int in_full_disk(const char *where, int n)
{
	char name[64];

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", path_in(where), "tmpfs", 0, "size=256k"))
		return 100;
	snprintf(name, sizeof(name), "%s/x.mp4", where);
	if (film_of_noise(name, n) != -ENOSPC)
		return 1;
	snprintf(name, sizeof(name), "%s/.x.mp4.part", where);
	return exists(name) ? 2 : 0;
}

TEST(a_full_disk_is_told_and_leaves_nothing)
{
	/* Full while images come, and full only when the last of them leave the encoder. */
	static const int n[] = {200, 10};

	mkdir(path_in("full"), 0777);
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(in_full_disk("full", n[i]));
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status));
		if (WEXITSTATUS(status) == 100) {
			printf("# a tmpfs may not be mounted here\n");
			return;
		}
		CHECK_EQ(WEXITSTATUS(status), 0);
	}
}

TEST(cleanup)
{
	char command[128];

	film_deinit(&film);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	CHECK_EQ(system(command), 0);
}

TEST_MAIN()
