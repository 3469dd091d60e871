#include "render/png.h"
#include "render/sink_png.h"
#include "tests/test.h"

#include <cairo/cairo.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static struct image *new_image(int width, int height)
{
	return image_get(image_pool_create(width, height, 1));
}

static void free_image(struct image *img)
{
	struct image_pool *pool = img->pool;

	image_unref(img);
	image_pool_destroy(pool);
}

static uint32_t colour_at(const struct image *img, int x, int y)
{
	return img->colours.rgb[image_row(img, y)[x]];
}

static void fill(struct image *img, int x0, int y0, int x1, int y1, uint32_t rgb)
{
	for (int y = y0; y < y1; y++)
		memset(image_row(img, y) + x0, colours_number(&img->colours, rgb), x1 - x0);
}

/* n boxes, each of a colour of its own, in rows. */
static void draw_boxes(struct image *img, int n)
{
	image_clear(img, 0xf8f8f4);
	for (int i = 0; i < n; i++) {
		int x = i * 6 % img->width, y = i * 6 / img->width * 6;

		fill(img, x, y, x + 6, y + 5, (0x203040 + i * 0x010307) & 0xffffff);
	}
}

/* A reader that is not ours. */
static bool same_as_file(const struct image *img, const char *path)
{
	cairo_surface_t *s = cairo_image_surface_create_from_png(path);
	bool same = cairo_image_surface_get_width(s) == img->width &&
		    cairo_image_surface_get_height(s) == img->height;

	for (int y = 0; same && y < img->height; y++) {
		const uint32_t *row = (uint32_t *)(cairo_image_surface_get_data(s) +
						   y * cairo_image_surface_get_stride(s));

		for (int x = 0; x < img->width; x++)
			same &= (row[x] & 0xffffff) == colour_at(img, x, y);
	}
	cairo_surface_destroy(s);
	return same;
}

static size_t read_file(const char *path, uint8_t *data, size_t room)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(data, 1, room, f) : 0;

	if (f)
		fclose(f);
	return n;
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* Checks every CRC, and puts "IHDR sRGB …" into types; texts as key=value. */
static bool read_chunks(const uint8_t *p, size_t size, char *types, char *texts)
{
	static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	const uint8_t *end = p + size;

	*types = *texts = '\0';
	if (size < 8 || memcmp(p, signature, 8))
		return false;
	for (p += 8; p < end; p += 12 + u32(p)) {
		uint32_t n = u32(p);

		if (end - p < 12 || (size_t)(end - p) - 12 < n ||
		    crc32(0, p + 4, n + 4) != u32(p + 8 + n))
			return false;
		sprintf(types + strlen(types), "%.4s ", (const char *)p + 4);
		if (!memcmp(p + 5, "EXt", 3) || !memcmp(p + 5, "TXt", 3)) {
			size_t key = strlen((const char *)p + 8) + 1;
			size_t skip = p[4] == 'i' ? key + 4 : key;

			sprintf(texts + strlen(texts), "%s=%.*s;", (const char *)p + 8,
				(int)(n - skip), (const char *)p + 8 + skip);
		}
	}
	return p == end;
}

static char folder[64];

static const char *path_in(const char *name)
{
	static char path[8][256];
	static int turn;

	if (!*folder) {
		strcpy(folder, "/tmp/flamelapse-png.XXXXXX");
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

static uint8_t file[1 << 20], file2[1 << 20];
static char types[4096], texts[4096];

TEST(a_png_is_well_formed)
{
	static const struct png_text text[] = {{"Software", "flamelapse"},
					       {"Options", "größe ▸ 5"}};
	struct image *img = new_image(300, 200);
	struct png png = {0};
	FILE *f;

	for (int boxes = 1; boxes < 256; boxes += 127) {
		draw_boxes(img, boxes);
		CHECK_EQ(png_encode(&png, img, text, 2), 0);
		CHECK(read_chunks((uint8_t *)png.file.data, png.file.len, types, texts));
		CHECK_STR(types, "IHDR sRGB PLTE tEXt iTXt IDAT IEND ");
		CHECK_STR(texts, "Software=flamelapse;Options=größe ▸ 5;");
		f = fopen(path_in("x.png"), "wb");
		fwrite(png.file.data, 1, png.file.len, f);
		fclose(f);
		CHECK(same_as_file(img, path_in("x.png")));
		image_row(img, 199)[150] ^= 1;
		CHECK(!same_as_file(img, path_in("x.png")));
	}
	png_deinit(&png);
	free_image(img);
}

#define N_FILES 60

/* Alternating images of much and little work, so that two threads would end out of order. */
static int push_sequence(struct sink *sink, int n, int *stopped_ret)
{
	struct image_pool *pool = image_pool_create(400, 300, SINK_HOLDS_MAX + 1);
	int err = 0, i;

	for (i = 0; i < n && !err; i++) {
		struct image *img = image_get(pool);
		struct image_info info = {.t_ns = i * 1000000000ull,
					  .time_ns = 1795187007250000000ull + i * 1000000000ull,
					  .samples = 49 + i,
					  .options = "scale auto"};

		draw_boxes(img, i % 2 ? 1 : 190 + i);
		err = sink_push(sink, img, &info);
		image_unref(img);
	}
	if (stopped_ret)
		*stopped_ret = i;
	err = sink_close(sink, n * 1000000000ull, true);
	image_pool_destroy(pool);
	return err;
}

TEST(a_sequence_is_numbered_from_0_and_says_what_it_shows)
{
	struct image *img = new_image(400, 300);
	struct sink *sink;
	size_t size;

	CHECK_EQ(sink_png_open(path_in("a/b/flame%%graph%04d.png"), &sink), 0);
	CHECK_EQ(push_sequence(sink, N_FILES, NULL), 0);
	for (int i = 0; i < N_FILES; i++) {
		char name[64];

		sprintf(name, "a/b/flame%%graph%04d.png", i);
		draw_boxes(img, i % 2 ? 1 : 190 + i);
		CHECK(same_as_file(img, path_in(name)));
	}
	CHECK(!exists("a/b/flame%graph0060.png"));
	size = read_file(path_in("a/b/flame%graph0007.png"), file, sizeof(file));
	CHECK(read_chunks(file, size, types, texts));
	CHECK_STR(texts, "Software=flamelapse " VERSION ";Snapshot Time=2026-11-20T15:03:34.250Z;"
			 "Samples=56;Options=scale auto;");
	free_image(img);
}

TEST(blocked_time_is_not_called_samples)
{
	struct image *img = new_image(400, 300);
	struct image_info info = {.samples = 56, .is_blocked_us = true};
	struct sink *sink;
	size_t size;

	CHECK_EQ(sink_png_open(path_in("blocked/%d.png"), &sink), 0);
	draw_boxes(img, 3);
	CHECK_EQ(sink_push(sink, img, &info), 0);
	CHECK_EQ(sink_close(sink, 1, true), 0);
	size = read_file(path_in("blocked/0.png"), file, sizeof(file));
	CHECK(read_chunks(file, size, types, texts));
	CHECK(strstr(texts, ";Blocked Microseconds=56;") && !strstr(texts, "Samples"));
	free_image(img);
}

TEST(the_same_images_give_the_same_bytes)
{
	struct sink *sink;

	CHECK_EQ(sink_png_open(path_in("again/%d.png"), &sink), 0);
	CHECK_EQ(push_sequence(sink, N_FILES, NULL), 0);
	for (int i = 0; i < N_FILES; i++) {
		char name[64], other[64];
		size_t size;

		sprintf(name, "a/b/flame%%graph%04d.png", i);
		sprintf(other, "again/%d.png", i);
		size = read_file(path_in(name), file, sizeof(file));
		CHECK(size > 0);
		CHECK_EQ(read_file(path_in(other), file2, sizeof(file2)), size);
		CHECK(!memcmp(file, file2, size));
	}
}

TEST(a_pattern_has_one_number)
{
	static const char *const bad[] = {
	    "x.png", "%s.png", "%d%d.png", "%4d.png",	 "%00d.png",  "%010d.png", "%04x.png",
	    "%",     "%0",     "a%",	   "%04d/x.png", "%d/%d.png", "%ld.png",   "",
	};
	struct sink *sink;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_EQ(sink_png_open(path_in(bad[i]), &sink), -EINVAL);
}

TEST(what_stands_in_the_way_is_told_at_once)
{
	struct sink *sink;

	fclose(fopen(path_in("file"), "w"));
	CHECK_EQ(sink_png_open(path_in("file/x%d.png"), &sink), -ENOTDIR);
	CHECK_EQ(sink_png_open_still(path_in("none/x.png"), &sink), -ENOENT);
	CHECK_EQ(sink_png_open_still(folder, &sink), -EISDIR);
	if (geteuid() != 0) {
		mkdir(path_in("locked"), 0500);
		CHECK_EQ(sink_png_open(path_in("locked/%d.png"), &sink), -EACCES);
	}
}

TEST(older_files_stay_and_leftovers_go)
{
	struct sink *sink;

	mkdir(path_in("old"), 0777);
	fclose(fopen(path_in("old/f0090.png"), "w"));
	fclose(fopen(path_in("old/.f0090.png.part"), "w"));
	fclose(fopen(path_in("old/.f0001.png.part"), "w"));
	fclose(fopen(path_in("old/.fx.png.part"), "w"));
	fclose(fopen(path_in("old/.f12.jpg.part"), "w"));
	CHECK_EQ(sink_png_open(path_in("old/f%04d.png"), &sink), 0);
	CHECK_EQ(push_sequence(sink, 3, NULL), 0);
	CHECK(exists("old/f0002.png"));
	CHECK(exists("old/f0090.png"));
	CHECK(!exists("old/.f0090.png.part"));
	CHECK(!exists("old/.f0001.png.part"));
	CHECK(exists("old/.fx.png.part"));
	CHECK(exists("old/.f12.jpg.part"));
}

/* A folder where a file should be written; what came before it stands, nothing after it. */
TEST(an_error_stops_the_sequence_and_comes_back)
{
	struct sink *sink;
	int stopped;

	mkdir(path_in("err"), 0777);
	mkdir(path_in("err/0005.png"), 0777);
	CHECK_EQ(sink_png_open(path_in("err/%04d.png"), &sink), 0);
	CHECK_EQ(push_sequence(sink, 500, &stopped), -EISDIR);
	CHECK(stopped < 500);
	CHECK(exists("err/0004.png"));
	CHECK(!exists("err/0006.png"));
}

TEST(thrown_away_leaves_only_whole_files)
{
	struct image_pool *pool = image_pool_create(400, 300, 2);
	struct image *img = image_get(pool);
	struct sink *sink;

	draw_boxes(img, 200);
	CHECK_EQ(sink_png_open(path_in("away/%d.png"), &sink), 0);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(sink_push(sink, img, &(struct image_info){0}), 0);
	CHECK_EQ(sink_close(sink, 0, false), 0);
	CHECK_EQ(img->refs, 1);
	for (int i = 0; i < 10; i++) {
		char name[32];

		sprintf(name, "away/%d.png", i);
		CHECK(!exists(name) || same_as_file(img, path_in(name)));
		sprintf(name, "away/.%d.png.part", i);
		CHECK(!exists(name));
	}
	image_unref(img);
	image_pool_destroy(pool);
}

TEST(killed_writers_leave_only_whole_files)
{
	static const struct timespec moment = {.tv_nsec = 40000000};
	struct image *img = new_image(400, 300);
	struct sink *sink;
	int status, n = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (sink_png_open(path_in("kill/%06d.png"), &sink))
			_exit(1);
		push_sequence(sink, 100000, NULL);
		_exit(2);
	}
	while (!exists("kill/000003.png") && !waitpid(pid, &status, WNOHANG))
		nanosleep(&moment, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status));
	for (;; n++) {
		char name[32];

		sprintf(name, "kill/%06d.png", n);
		if (!exists(name))
			break;
		draw_boxes(img, n % 2 ? 1 : 190 + n);
		if (n < 50)
			CHECK(same_as_file(img, path_in(name)));
	}
	CHECK(n > 3);
	free_image(img);
}

TEST(a_still_is_one_image)
{
	struct image *img = new_image(400, 300);
	struct image_info info = {.samples = 5};
	struct sink *sink;

	draw_boxes(img, 100);
	CHECK_EQ(sink_png_open_still(path_in("still.png"), &sink), 0);
	CHECK_EQ(sink_push(sink, img, &info), 0);
	CHECK(!exists("still.png"));
	CHECK_EQ(sink_close(sink, 0, true), 0);
	CHECK(same_as_file(img, path_in("still.png")));

	CHECK_EQ(sink_png_open_still(path_in("two.png"), &sink), 0);
	CHECK_EQ(sink_push(sink, img, &info), 0);
	CHECK_EQ(sink_push(sink, img, &info), -EINVAL);
	CHECK_EQ(sink_close(sink, 0, true), -EINVAL);
	CHECK(!exists("two.png"));

	CHECK_EQ(sink_png_open_still(path_in("none.png"), &sink), 0);
	CHECK_EQ(sink_close(sink, 0, true), -ENODATA);
	CHECK(!exists("none.png") && !exists(".none.png.part"));
	free_image(img);
}

TEST(cleanup)
{
	char command[128];

	cairo_debug_reset_static_data();
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	CHECK_EQ(system(command), 0);
}

TEST_MAIN()
