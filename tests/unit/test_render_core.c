#include "render/core/labels.h"
#include "render/core/layout.h"
#include "render/core/palette.h"
#include "render/core/timeline.h"
#include "tests/test.h"

#include <math.h>

static struct advances cells; /* every character is half an em wide */

static const char *fitted(const char *name, int n_cells)
{
	static char buf[LABEL_MAX_BYTES];

	for (size_t i = 0; !cells.other && i < 0x10000; i++)
		cells.of[i] = 2048;
	cells.other = 2048;
	label_fit(&cells, 20, n_cells * 10, name, buf);
	return buf;
}

static const char *chained(int n_cells, size_t n, const char *const *name)
{
	static char buf[LABEL_MAX_BYTES];

	fitted("", 1);
	label_fit_chain(&cells, 20, n_cells * 10, name, n, buf);
	return buf;
}

TEST(labels_get_shorter_form_by_form)
{
	const char *name = "std::vector<int, std::allocator<int> >::push_back(int const&)";

	CHECK_STR(fitted("main", 4), "main");
	CHECK_STR(fitted(name, 61), "std::vector::push_back");
	CHECK_STR(fitted(name, 22), "std::vector::push_back");
	CHECK_STR(fitted(name, 21), "vector::push_back");
	CHECK_STR(fitted(name, 16), "push_back");
	CHECK_STR(fitted(name, 8), "push_ba…");
	CHECK_STR(fitted("a_function_with_a_long_name", 16), "a_function…_name");
	CHECK_STR(fitted("abcdef", 4), "abc…");
	CHECK_STR(fitted("abcdef", 3), "");
	CHECK_STR(fitted("abc", 3), "abc");
	CHECK_STR(fitted("größe_zählen", 8), "größe_z…");
	CHECK_STR(fitted("operator<< (std::ostream&, int)", 12), "operator<<");
	CHECK_STR(fitted("", 10), "");
	CHECK_STR(fitted("org.example.Service.handle", 14), "Service.handle");
}

TEST(labels_of_rust_and_script_functions)
{
	const char *rust = "hashbrown::rustc_entry::<impl hashbrown::map::HashMap<K,V>>::entry";
	const char *script = "JS:*sortStuff /tmp/real/load.js:3:19";

	CHECK_STR(fitted(rust, 30), "hashbrown::rustc_entry::entry");
	CHECK_STR(fitted(rust, 20), "rustc_entry::entry");
	CHECK_STR(fitted(rust, 17), "entry");
	CHECK_STR(fitted("<words::B as words::Step>::run", 20), "run");
	CHECK_STR(fitted("(anonymous namespace)::run(int)", 20), "run");
	CHECK_STR(fitted("std::operator<(int, int)", 20), "std::operator<");
	CHECK_STR(fitted(script, 36), script);
	CHECK_STR(fitted(script, 35), "sortStuff");
	CHECK_STR(fitted(script, 8), "sortStu…");
	CHECK_STR(fitted("JS:~get size node:net:3:19", 25), "get size");
	CHECK_STR(fitted("LazyCompile:* /tmp/load.js:3:19", 20), "load.js:3:19");
	CHECK_STR(fitted("A:", 1), "");
	CHECK_STR(fitted("A:*", 2), "");
}

TEST(labels_have_at_most_sixty_cells)
{
	char name[400];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(strlen(fitted(name, 4000)) <= LABEL_MAX_CELLS + 2);
	CHECK(strlen(fitted(name, 4000)) >= LABEL_MAX_CELLS - 2);
}

TEST(chains_tell_the_innermost)
{
	static const char *const chain[] = {"_start", "main", "PostmasterMain"};

	CHECK_STR(chained(30, 3, chain), "_start ▸ main ▸ PostmasterMain");
	CHECK_STR(chained(29, 3, chain), "··· main ▸ PostmasterMain");
	CHECK_STR(chained(20, 3, chain), "··· PostmasterMain");
	CHECK_STR(chained(10, 3, chain), "··· Postm…");
	CHECK_STR(chained(4, 3, chain), "Pos…");
	CHECK_STR(chained(2, 3, chain), "");
}

static const char *normal(const char *name)
{
	static char buf[300];

	buf[label_normalise(name, strlen(name), buf)] = '\0';
	return buf;
}

TEST(names_lose_what_differs_between_runs)
{
	CHECK_STR(normal("foo.constprop.0"), "foo");
	CHECK_STR(normal("foo.isra.0.part.12.cold"), "foo");
	CHECK_STR(normal("foo.llvm.1234567"), "foo");
	CHECK_STR(normal("libc.so.6+0x2724a"), "libc.so.6");
	CHECK_STR(normal("libc.so.6@0x27240"), "libc.so.6@0x27240");
	CHECK_STR(normal("0x7f001234"), "[unknown]");
	CHECK_STR(normal("a.partial"), "a.partial");
	CHECK_STR(normal("object.method"), "object.method");
	CHECK_STR(normal(".cold"), ".cold");
	CHECK_STR(normal(""), "");
}

TEST(ink_can_be_read_on_every_fill)
{
	for (int theme = THEME_LIGHT; theme <= THEME_PRINT; theme++)
		for (int kind = 0; kind < BOX_KINDS; kind++)
			for (uint64_t hash = 0; hash < 32; hash++) {
				uint32_t fill = palette_box(theme, kind, hash);

				CHECK(palette_contrast(fill, palette_ink(fill)) >= 4500);
			}
	for (int theme = THEME_LIGHT; theme <= THEME_PRINT; theme++) {
		const struct chrome *c = palette_chrome(theme);

		CHECK(palette_contrast(c->text, c->background) >= 4500);
		CHECK(palette_contrast(c->muted, c->background) >= 4500);
		CHECK(palette_contrast(c->muted, c->band) >= 4500);
		CHECK(palette_contrast(c->warning, c->background) >= 4500);
		CHECK(palette_contrast(c->accent, c->background) >= 4500);
		CHECK(palette_contrast(c->accent, c->band) >= 4500);
	}
	CHECK_EQ(palette_contrast(0, 0xffffff), 20998);
}

/* sRGB to OKLCH chroma (Ottosson). */
static double chroma(uint32_t c)
{
	double v[3], l, m, s, a, b;

	for (int i = 0; i < 3; i++) {
		double x = (c >> (16 - 8 * i) & 0xff) / 255.0;

		v[i] = x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
	}
	l = cbrt(0.4122214708 * v[0] + 0.5363325363 * v[1] + 0.0514459929 * v[2]);
	m = cbrt(0.2119034982 * v[0] + 0.6806995451 * v[1] + 0.1073969566 * v[2]);
	s = cbrt(0.0883024619 * v[0] + 0.2817188376 * v[1] + 0.6299787005 * v[2]);
	a = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
	b = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
	return sqrt(a * a + b * b);
}

TEST(colours_survive_video)
{
	for (int kind = 0; kind < BOX_KINDS; kind++)
		for (uint64_t hash = 0; hash < 6; hash++)
			CHECK(chroma(palette_box(THEME_LIGHT, kind, hash)) <= 0.12);
}

static void plan(struct timeline *tl, uint32_t n, struct render_options opt)
{
	timeline_plan(tl, n, 1000000000, n * 1000000000ull, &opt);
}

TEST(film_has_the_length_that_was_asked_for)
{
	struct timeline tl;

	plan(&tl, 10, (struct render_options){0});
	CHECK(tl.n_steps == 10 && tl.intervals_per_step == 1 && tl.window == 5);
	CHECK_EQ(tl.length_ns, 10000000000);
	plan(&tl, 3600, (struct render_options){0});
	CHECK_EQ(tl.length_ns, 45000000000);
	CHECK(tl.intervals_per_step == 42 && tl.n_steps == 86 && tl.window == 42);
	CHECK_EQ(timeline_last(&tl, tl.n_steps - 1), 3599);
	plan(&tl, 60, (struct render_options){0});
	CHECK(tl.n_steps == 60 && tl.intervals_per_step == 1);
	CHECK_EQ(tl.length_ns, 31700000000);
	plan(&tl, 60, (struct render_options){.length_ns = 20000000000});
	CHECK_EQ(tl.length_ns, 20000000000);
	CHECK(timeline_start(&tl, tl.n_steps - 1) < 19 * 30);
	plan(&tl, 60, (struct render_options){.speed = 4});
	CHECK_EQ(tl.steps_ns, 15000000000);
	CHECK(tl.speed > 3.999 && tl.speed < 4.001);
	plan(&tl, 1, (struct render_options){0});
	CHECK(tl.n_steps == 1 && tl.window == 1);
	for (int fps = 1; fps <= 3; fps++) {
		plan(&tl, 60, (struct render_options){.fps = fps});
		for (uint32_t i = 1; i < tl.n_steps; i++)
			CHECK(timeline_start(&tl, i) > timeline_start(&tl, i - 1));
	}
}

TEST(windows_end_where_they_should)
{
	struct timeline tl;
	uint32_t first, end;

	plan(&tl, 60, (struct render_options){0});
	timeline_window(&tl, 2, &first, &end);
	CHECK(first == 0 && end == 3);
	timeline_window(&tl, 30, &first, &end);
	CHECK(first == 26 && end == 31);
	plan(&tl, 60, (struct render_options){.mode = MODE_CUMULATIVE});
	timeline_window(&tl, 30, &first, &end);
	CHECK(first == 0 && end == 31);
	plan(&tl, 60, (struct render_options){.window_ns = 12000000000});
	timeline_window(&tl, 30, &first, &end);
	CHECK(first == 19 && end == 31);
	CHECK(timeline_ease(0, 6) == 0 && timeline_ease(6, 6) == 65536 &&
	      timeline_ease(3, 6) == 32768);
}

/* A tree of random shape, small names that repeat, and random counts. */
#define NODES 400

static struct {
	struct tree t;
	uint32_t parent[NODES], head[NODES], tail[NODES], child[NODES], first[NODES + 1],
	    laid[NODES];
	uint32_t scratch[NODES];
	const char *name[NODES], *chain[NODES + 1];
	uint8_t kind[NODES];
	uint64_t total[NODES], peak[NODES], self[NODES], totals[NODES], work[3 * NODES];
	bool shown[NODES], skips[NODES];
	uint16_t row[NODES];
	struct box box[2 * NODES];
} fix;

static uint64_t random_state = 88172645463325252ull;

static uint32_t below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

static void random_tree(void)
{
	static const char *const names[] = {"a", "b", "main", "work", "z"};
	struct tree *t = &fix.t;

	*t = (struct tree){.n = 2 + below(NODES - 2),
			   .cap = NODES,
			   .parent = fix.parent,
			   .name = fix.name,
			   .kind = fix.kind,
			   .total = fix.total,
			   .peak = fix.peak,
			   .shown = fix.shown,
			   .skips = fix.skips,
			   .head = fix.head,
			   .tail = fix.tail,
			   .row = fix.row,
			   .child = fix.child,
			   .first = fix.first,
			   .laid = fix.laid};
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t p = i ? i - 1 - below(i < 4 ? i : below(3) ? 2 : i) : 0;

		t->parent[i] = p;
		t->name[i] = names[below(5)];
		t->kind[i] = i == 0 ? BOX_ROOT : p == 0 ? BOX_PROCESS : below(6) ? 0 : below(3);
		fix.self[i] = below(3) ? below(1000) : 0;
		fix.total[i] = fix.self[i];
	}
	fix.self[t->n - 1]++;
	fix.total[t->n - 1]++;
	layout_totals(t, fix.total, fix.total);
	memcpy(fix.peak, fix.total, sizeof(fix.peak));
}

static int covered(uint32_t n, uint32_t row)
{
	int px = 0;

	for (uint32_t i = 0; i < n; i++)
		if (fix.box[i].row == row)
			px += fix.box[i].x1_px - fix.box[i].x0_px;
	return px;
}

/* Every claim that a flame graph makes, on one random tree. */
static void check_layout(uint64_t full, int width_px, int max_rows)
{
	struct tree *t = &fix.t;
	uint32_t n;
	uint64_t small = 0, hidden = 0;

	tree_arrange(t, full, width_px, max_rows, fix.scratch);
	layout_totals(t, fix.self, fix.totals);
	n = layout_boxes(t, fix.totals, full, width_px, fix.work, fix.box);
	CHECK(n >= 1 && n <= 2 * t->n);
	CHECK(fix.box[0].kind == BOX_ROOT && fix.box[0].x0_px == 0);
	for (uint32_t i = 0; i < n; i++) {
		const struct box *b = &fix.box[i];

		CHECK(b->x0_px >= 0 && b->x0_px < b->x1_px && b->x1_px <= width_px);
		CHECK(b->x0_px % 2 == 0 && b->x1_px % 2 == 0);
		CHECK(llabs((long long)(b->x1_px - b->x0_px) -
			    (long long)(b->value * width_px / full)) <= 2);
		small += b->kind == BOX_SMALL ? b->value : 0;
		/* It stands on a box of the row below that is at least as wide. */
		for (uint32_t j = 0; b->row && j <= n; j++) {
			CHECK(j < n);
			if (fix.box[j].row == b->row - 1 && fix.box[j].x0_px <= b->x0_px &&
			    fix.box[j].x1_px >= b->x1_px)
				break;
		}
		for (uint32_t j = 0; j < i; j++)
			CHECK(fix.box[j].row != b->row || fix.box[j].x1_px <= b->x0_px ||
			      fix.box[j].x0_px >= b->x1_px);
	}
	for (uint32_t row = 1; row <= t->n_rows; row++)
		CHECK(covered(n, row) <= covered(n, row - 1));
	/* What is not drawn is in the small boxes, to the last count (or too small even for those).
	 */
	for (uint32_t i = 1; i < t->n; i++)
		if (!t->shown[i] && t->shown[t->parent[i]])
			hidden += fix.totals[i];
	CHECK(small <= hidden && hidden - small <= t->n * (full / width_px + 1));
}

TEST(layout_tells_the_truth)
{
	for (int i = 0; i < 10000; i++) {
		random_tree();
		check_layout(fix.total[0] + below((uint32_t)fix.total[0] + 1), 1840, 25);
	}
}

TEST(siblings_stand_by_name)
{
	for (int i = 0; i < 300; i++) {
		struct tree *t = &fix.t;

		random_tree();
		tree_arrange(t, fix.total[0], 1840, 1000, fix.scratch);
		for (uint32_t h = 0; h < t->n; h++)
			for (uint32_t c = t->first[h] + 1; c < t->first[h + 1]; c++)
				CHECK(strcmp(t->name[t->child[c - 1]], t->name[t->child[c]]) <= 0);
	}
}

TEST(deep_stacks_fold_from_the_root_side)
{
	struct tree *t = &fix.t;

	random_tree();
	t->n = 200;
	for (uint32_t i = 0; i < t->n; i++) {
		t->parent[i] = i ? i - 1 : 0;
		t->kind[i] = i == 0 ? BOX_ROOT : i == 1 ? BOX_PROCESS : FRAME_USER;
		fix.self[i] = 1000; /* no chain: each has its own share */
		fix.total[i] = 1000;
	}
	layout_totals(t, fix.total, fix.total);
	memcpy(fix.peak, fix.total, sizeof(fix.peak));
	tree_arrange(t, fix.total[0], 100000, 25, fix.scratch);
	CHECK(t->n_rows <= 25);
	CHECK(t->head[199] == 199 && t->head[198] == 198);
	CHECK(t->head[2] != 2 || t->head[3] == 2);
}

TEST_MAIN()
