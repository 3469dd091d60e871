#include "import/folded.h"
#include "render/canvas.h"
#include "render/draw.h"
#include "render/text.h"
#include "tests/test.h"

static struct image *new_image(int width, int height, uint32_t ground)
{
	struct image *img = image_get(image_pool_create(width, height, 1));

	image_clear(img, ground);
	return img;
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

/* Numbers are drawn as shares of opacity: each must come out as it went in. */
TEST(every_number_of_a_colour_is_drawn_exactly)
{
	struct image *img = new_image(512, 6, 0);
	struct canvas *c = canvas_begin(img);

	for (int i = 0; i < 256; i++)
		canvas_rect(c, i * 0x010203, i * 2, 2, 2, 2);
	canvas_end(c);
	CHECK_EQ(img->colours.n, 256);
	for (int y = 0; y < 6; y++)
		for (int x = 0; x < 512; x++)
			CHECK_EQ(image_row(img, y)[x], y == 2 || y == 3 ? x / 2 : 0);
	free_image(img);
}

TEST(later_shapes_cover_earlier_ones_and_edges_are_hard)
{
	struct image *img = new_image(64, 64, 0xffffff);
	struct canvas *c = canvas_begin(img);

	canvas_rect(c, 0xff0000, 10, 10, 30, 30);
	canvas_rect(c, 0x00ff00, 21, 21, 30, 30);
	canvas_rect(c, 0xff0000, 30, 30, 3, 3);
	canvas_rect(c, 0x0000ff, 60, -5, 30, 8);
	canvas_rect(c, 0x123456, 5, 5, 0, 9);
	canvas_rect(c, 0x123456, 5, 5, 9, -1);
	canvas_end(c);
	for (int y = 0; y < 64; y++) {
		for (int x = 0; x < 64; x++) {
			uint32_t want = 0xffffff;

			if (x >= 10 && x < 40 && y >= 10 && y < 40)
				want = 0xff0000;
			if (x >= 21 && x < 51 && y >= 21 && y < 51)
				want = 0x00ff00;
			if (x >= 30 && x < 33 && y >= 30 && y < 33)
				want = 0xff0000;
			if (x >= 60 && y < 3)
				want = 0x0000ff;
			CHECK_EQ(colour_at(img, x, y), want);
		}
	}
	CHECK_EQ(img->colours.n, 4);
	free_image(img);
}

static bool between(uint32_t c, uint32_t ground, uint32_t ink)
{
	for (int shift = 0; shift < 24; shift += 8)
		if ((c >> shift & 255) > (ground >> shift & 255) ||
		    (c >> shift & 255) < (ink >> shift & 255))
			return false;
	return true;
}

/* Half on one fill, half on another; the second line overlaps the first. */
TEST(text_takes_shades_of_the_ground_that_is_there)
{
	const uint32_t ground[] = {0xffffff, 0xf0c060, 0x80b0e0}, ink = 0x101010;
	struct image *img = new_image(400, 60, ground[0]);
	struct text_style style = {FACE_REGULAR, 24, ink};
	struct canvas *c = canvas_begin(img);
	struct text *t = text_create(false);
	unsigned inked[3] = {0};

	canvas_rect(c, ground[1], 0, 10, 100, 40);
	canvas_rect(c, ground[2], 100, 10, 100, 40);
	canvas_end(c);
	text_draw(t, img, &style, ALIGN_LEFT, 5, 38, 0, 290, "WAVE fjord AWAY gruff MMM %%%");
	for (int y = 0; y < 60; y++) {
		for (int x = 0; x < 400; x++) {
			int g = y < 10 || y >= 50 || x >= 200 ? 0 : x < 100 ? 1 : 2;

			CHECK(between(colour_at(img, x, y), ground[g], ink));
			inked[g] += colour_at(img, x, y) == ink;
			CHECK(x < 290 || colour_at(img, x, y) == ground[0]);
		}
	}
	CHECK(inked[0] > 50 && inked[1] > 50 && inked[2] > 50);
	/* Three grounds with six shades each, and the ink: where glyphs overlap, none is added. */
	CHECK_EQ(img->colours.n, 3 + 3 * 6 + 1);
	text_destroy(t);
	free_image(img);
}

/* More fills and shades than the table holds: what came first is exact, the rest comes near. */
TEST(too_many_colours_come_near)
{
	struct image *img = new_image(1000, 400, 0xffffff);
	struct text_style style = {FACE_REGULAR, 16, 0x17120c};
	struct text *t = text_create(false);
	struct canvas *c = canvas_begin(img);
	unsigned far_off = 0;

	for (int i = 0; i < 100; i++)
		canvas_rect(c, 0x507090 + i * 0x010101, i % 10 * 100, i / 10 * 40, 100, 40);
	canvas_end(c);
	for (int i = 0; i < 100; i++)
		text_draw(t, img, &style, ALIGN_LEFT, i % 10 * 100 + 4, i / 10 * 40 + 25,
			  i % 10 * 100, i % 10 * 100 + 96, "function_name");
	CHECK_EQ(img->colours.n, COLOURS_MAX);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(colour_at(img, i % 10 * 100 + 1, i / 10 * 40 + 1),
			 0x507090 + i * 0x010101);
	for (int y = 0; y < 400; y++)
		for (int x = 0; x < 1000; x++) {
			uint32_t rgb = colour_at(img, x, y);
			int red = rgb >> 16, green = rgb >> 8 & 255;

			/* All lie near the line from the fills to the ink. */
			far_off += green - red > 34 || green - red < -8;
		}
	CHECK_EQ(far_off, 0);
	text_destroy(t);
	free_image(img);
}

struct film_of_one {
	struct recording rec;
	struct scene *scene;
	struct geometry geo;
	struct drawing *drawing;
	struct state state;
};

static void open_film(struct film_of_one *f)
{
	static const struct render_options opt = {.no_system_fonts = true};
	struct strbuf text = {0};

	/* Other functions in each, so that their fills come in another order. */
	for (int t = 0; t < 12; t++) {
		strbuf_addf(&text, "# t=%d dur=1\n", 1763647407 + t);
		for (int i = 0; i < 20; i++)
			strbuf_addf(&text, "process;main;f%d;g%d 5\n", t * 20 + i, t * 7 + i);
	}
	CHECK_EQ(import_folded_text("test", text.data, text.len, NULL, &f->rec), 0);
	strbuf_deinit(&text);
	geometry_plan(&f->geo, &opt);
	CHECK_EQ(scene_create(&f->rec, &opt, f->geo.flame_width, f->geo.max_rows, &f->scene), 0);
	f->drawing = drawing_create(f->scene, &f->geo);
	f->state.self = calloc(f->scene->tree.cap, sizeof(*f->state.self));
}

static void close_film(struct film_of_one *f)
{
	free(f->state.self);
	drawing_destroy(f->drawing);
	scene_destroy(f->scene);
	recording_deinit(&f->rec);
}

static void draw(struct film_of_one *f, struct image *img, uint32_t snapshot)
{
	struct moment m = {.self = f->state.self, .numbers = &f->state, .at_rest = true};

	CHECK_EQ(scene_state(f->scene, snapshot, &f->state), 0);
	m.from_ns = f->state.t0_ns;
	m.to_ns = f->state.t1_ns;
	drawing_image(f->drawing, img, &m);
}

/* The numbers of its colours too: they are in the bytes of the files. */
TEST(an_image_drawn_alone_is_the_same_as_in_the_film)
{
	struct film_of_one whole = {0}, alone = {0};
	struct image *a = new_image(1920, 1080, 1), *b = new_image(1920, 1080, 2);

	open_film(&whole);
	open_film(&alone);
	for (uint32_t i = 0; i < 12; i++)
		draw(&whole, a, i);
	draw(&alone, b, 11);
	CHECK(a->colours.n > 30 && a->colours.n == b->colours.n);
	CHECK(!memcmp(a->colours.rgb, b->colours.rgb, a->colours.n * sizeof(*a->colours.rgb)));
	for (int y = 0; y < 1080; y++)
		CHECK(!memcmp(image_row(a, y), image_row(b, y), 1920));
	close_film(&whole);
	close_film(&alone);
	free_image(a);
	free_image(b);
}

TEST_MAIN()
