#include <math.h>

#include "base/strbuf.h"
#include "import/folded.h"
#include "render/changes.h"
#include "render/core/gate.h"
#include "render/headline.h"
#include "tests/test.h"

#define WIDTH 1840
#define ROWS  25

static uint64_t seed;

/* xorshift64*: Vigna, 2016. */
static double uniform(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (double)(seed * UINT64_C(0x2545f4914f6cdd1d) >> 11) / 9007199254740992.0;
}

/* Knuth's; the means are small. */
static unsigned poisson(double mean)
{
	double limit = exp(-mean), product = uniform();
	unsigned n = 0;

	for (; product > limit; product *= uniform())
		n++;
	return n;
}

struct film {
	struct strbuf text;
	struct recording rec;
	struct scene *scene;
	unsigned snapshot;
	bool undated;
};

static void begin(struct film *f)
{
	*f = (struct film){0};
	strbuf_addf(&f->text, "# flamelapse host=a event=cpu-clock freq_hz=100 online_cpus=8\n");
}

static void next(struct film *f)
{
	strbuf_addf(&f->text, "# t=%u.0 dur=1\n", (f->undated ? 0 : 1763647360) + f->snapshot++);
}

static void add(struct film *f, const char *name, unsigned count)
{
	if (count)
		strbuf_addf(&f->text, "app;main;%s %u\n", name, count);
}

static void end(struct film *f, const struct render_options *opt, double mark_s)
{
	CHECK_EQ(import_folded_text("test", f->text.data, f->text.len, NULL, &f->rec), 0);
	if (mark_s > 0)
		recording_add_mark(&f->rec, f->rec.snapshot[0].t0_ns + (uint64_t)(mark_s * 1e9),
				   "deploy");
	CHECK_EQ(scene_create(&f->rec, opt, WIDTH, ROWS, &f->scene), 0);
}

static void deinit(struct film *f)
{
	scene_destroy(f->scene);
	recording_deinit(&f->rec);
	strbuf_deinit(&f->text);
}

static const struct change *at(const struct film *f, uint32_t i)
{
	return &f->scene->changes->of[i];
}

static const char *name_of(const struct film *f, const struct mover *m)
{
	return m->subject == NO_FUNCTION
		   ? "-"
		   : f->scene->changes->name[mover_function(f->scene->changes, m)];
}

static const char *headline(struct film *f, uint32_t last)
{
	static char words[512];
	struct state st = {.self = calloc(f->scene->tree.cap, sizeof(uint64_t))};

	CHECK_EQ(scene_state(f->scene, last, &st), 0);
	headline_words(f->scene, &st, words, sizeof(words));
	free(st.self);
	return words;
}

static const char *mover(struct film *f, uint32_t last, int place)
{
	static char words[160];

	headline_mover(f->scene, &at(f, last)->mover[place], true, words, sizeof(words));
	return words;
}

TEST(the_gate_wants_samples_and_four_deviations)
{
	CHECK_EQ(gate_direction(0, 29, 1, 0), 0);
	CHECK_EQ(gate_direction(0, 30, 1, 0), 1);
	CHECK_EQ(gate_direction(30, 0, 1, 0), -1);
	CHECK_EQ(gate_direction(100, 150, 1, 0), 0);
	CHECK_EQ(gate_direction(100, 170, 1, 0), 1);
	CHECK_EQ(gate_direction(100, 200, 2, 0), 0);
	CHECK_EQ(gate_direction(100, 170, 1, 400), 0);
}

TEST(few_intervals_say_little_of_their_spread)
{
	struct gate_spread few = {0}, many = {0};

	for (int i = 0; i < 3; i++)
		gate_note(&few, i % 2 ? 10 : 20);
	CHECK_EQ(gate_careful_variance(&few), 0);
	gate_note(&few, 10);
	for (int i = 0; i < 40; i++)
		gate_note(&many, i % 2 ? 10 : 20);
	CHECK(gate_careful_variance(&few) > 5 * gate_careful_variance(&many));
	CHECK(gate_variance(&many) > 25 && gate_variance(&many) < 26);
}

static bool calls(const struct film *f)
{
	for (uint32_t i = 0; i < f->rec.n_snapshots; i++) {
		if (at(f, i)->direction)
			return true;
		for (int p = 0; p < MOVERS_MAX; p++)
			if (at(f, i)->mover[p].subject != NO_FUNCTION)
				return true;
	}
	return false;
}

/* Films of 40 functions that never change, in which something was called a change. */
static int false_calls(int films, bool bursts)
{
	int n = 0;

	for (int i = 0; i < films; i++) {
		struct film f;
		char name[16];

		seed = 7919 * (uint64_t)(i + 1);
		begin(&f);
		for (int t = 0; t < 60; t++) {
			next(&f);
			for (int k = 0; k < 40; k++) {
				double mean = 0.3 * (k + 1);

				if (bursts)
					mean *= uniform() < 0.3 ? 3 : 0.15;
				snprintf(name, sizeof(name), "f%d", k);
				add(&f, name, poisson(mean));
			}
		}
		end(&f, &(struct render_options){0}, i % 2 ? 20 : 0);
		n += calls(&f);
		deinit(&f);
	}
	return n;
}

TEST(noise_is_no_change)
{
	int n = false_calls(300, false);

	printf("# %d of 300 films\n", n);
	CHECK(n < 3);
}

TEST(bursts_are_no_change)
{
	int n = false_calls(300, true);

	printf("# %d of 300 films\n", n);
	CHECK(n < 3);
}

/* 60 s, and from 30 s on three of five functions have other counts. */
static void fill(struct film *f, const struct render_options *opt, double mark_s)
{
	for (int t = 0; t < 60; t++) {
		bool later = t >= 30;

		next(f);
		add(f, "steady", 100);
		add(f, "grows", later ? 150 : 10);
		add(f, "is_new", later ? 60 : 0);
		add(f, "is_gone", later ? 0 : 40);
		add(f, "rare", 1);
	}
	end(f, opt, mark_s);
}

static void step(struct film *f, const struct render_options *opt, double mark_s)
{
	begin(f);
	fill(f, opt, mark_s);
}

TEST(what_changed_is_named_and_counted)
{
	struct film f;

	step(&f, &(struct render_options){0}, 30);
	CHECK_STR(headline(&f, 29), "1.5 CPUs busy");
	CHECK_STR(headline(&f, 30), "3.1 CPUs busy");
	CHECK_STR(headline(&f, 34), "3.1 CPUs busy");
	CHECK_STR(headline(&f, 40), "1.5 → 3.1 CPUs busy since “deploy” at 14:03:10; two functions "
				    "grew by 2.0");
	CHECK_STR(name_of(&f, &at(&f, 40)->mover[0]), "grows");
	CHECK_STR(mover(&f, 40, 0), "▲ 0.10 → 1.5 CPUs (×15)");
	CHECK_STR(name_of(&f, &at(&f, 40)->mover[1]), "is_new");
	CHECK_STR(mover(&f, 40, 1), "▲ 0 → 0.60 CPUs (new)");
	CHECK_STR(name_of(&f, &at(&f, 40)->mover[2]), "is_gone");
	CHECK_STR(mover(&f, 40, 2), "▼ 0.40 → 0 CPUs (gone)");
	deinit(&f);
}

TEST(without_a_mark_the_first_quarter_is_the_baseline)
{
	struct film f;
	char words[160];

	step(&f, &(struct render_options){0}, 0);
	headline_baseline(f.scene, words, sizeof(words));
	CHECK_STR(words, "baseline: the first 15 s");
	CHECK_STR(headline(&f, 23), "1.5 CPUs busy");
	CHECK_STR(headline(&f, 24), "1.5 CPUs busy, no significant change");
	CHECK_STR(headline(&f, 45),
		  "1.5 → 3.1 CPUs busy since 14:03:10; two functions grew by 2.0");
	deinit(&f);
}

TEST(what_has_no_date_is_told_from_its_start)
{
	struct film f;

	begin(&f);
	f.undated = true;
	fill(&f, &(struct render_options){0}, 30);
	CHECK_STR(headline(&f, 40), "1.5 → 3.1 CPUs busy since “deploy” at 0:30; two functions "
				    "grew by 2.0");
	deinit(&f);
}

TEST(no_window_straddles_a_mark)
{
	struct film f;

	step(&f, &(struct render_options){0}, 29.7);
	for (uint32_t i = 0; i < 60; i++) {
		struct state st = {.self = calloc(f.scene->tree.cap, sizeof(uint64_t))};

		CHECK_EQ(scene_state(f.scene, i, &st), 0);
		CHECK(st.end <= 30 || st.first >= 30);
		CHECK_EQ(st.end, i + 1);
		free(st.self);
	}
	deinit(&f);
}

TEST(places_stay)
{
	struct film f;
	char first[64];

	step(&f, &(struct render_options){0}, 30);
	snprintf(first, sizeof(first), "%s", name_of(&f, &at(&f, 40)->mover[0]));
	for (uint32_t i = 40; i < 60; i++)
		CHECK_STR(name_of(&f, &at(&f, i)->mover[0]), first);
	deinit(&f);
}

TEST(of_shares_only_shares_count)
{
	struct film f;

	begin(&f);
	for (int t = 0; t < 60; t++) {
		next(&f);
		add(&f, "a", t < 30 ? 50 : 200);
		add(&f, "b", t < 30 ? 30 : 120);
	}
	end(&f, &(struct render_options){.scale = SCALE_SHARE}, 30);
	CHECK(!calls(&f));
	CHECK_STR(headline(&f, 50), "No significant change of shares");
	deinit(&f);
}

/* What they call is the same before and after, so that it is the callers that changed. */
TEST(callers_of_shared_functions_are_named)
{
	struct film f;

	begin(&f);
	for (int t = 0; t < 60; t++) {
		next(&f);
		if (t < 30)
			add(&f, "serve;from_cache;copy;work", 90);
		else
			add(&f, "serve;from_disk;read;work", 80);
		add(&f, "serve;log;work", t < 30 ? 20 : 30);
	}
	end(&f, &(struct render_options){0}, 30);
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[0]), "copy");
	CHECK_STR(mover(&f, 50, 0), "▼ 0.90 → 0 CPUs (gone)");
	CHECK(mover_has_callees(f.scene->changes, &at(&f, 50)->mover[0]));
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[1]), "read");
	CHECK_STR(mover(&f, 50, 1), "▲ 0 → 0.80 CPUs (new)");
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[2]), "-");
	CHECK_STR(headline(&f, 50), "1.1 CPUs busy, about as before, but two functions changed");
	deinit(&f);
}

TEST(movers_share_no_samples)
{
	struct film f;

	begin(&f);
	for (int t = 0; t < 60; t++) {
		bool later = t >= 30;

		next(&f);
		add(&f, "serve;parse", later ? 60 : 10);
		add(&f, "serve;parse;scan", later ? 80 : 10);
	}
	end(&f, &(struct render_options){0}, 30);
	for (int p = 0; p < 2; p++)
		CHECK(!mover_has_callees(f.scene->changes, &at(&f, 50)->mover[p]));
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[0]), "scan");
	CHECK_STR(mover(&f, 50, 0), "▲ 0.10 → 0.80 CPUs (×8)");
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[1]), "parse");
	CHECK_STR(name_of(&f, &at(&f, 50)->mover[2]), "-");
	deinit(&f);
}

TEST(nothing_is_compared_where_that_makes_no_sense)
{
	struct film f;

	step(&f, &(struct render_options){.mode = MODE_CUMULATIVE}, 30);
	CHECK(!f.scene->changes->of);
	CHECK_STR(headline(&f, 59), "2.3 CPUs busy");
	deinit(&f);
	for (int n = 1; n < 10; n += 6) {
		begin(&f);
		for (int t = 0; t < n; t++) {
			next(&f);
			add(&f, "a", 100);
		}
		end(&f, &(struct render_options){0}, 0);
		CHECK_STR(headline(&f, n - 1), "1.0 CPUs busy");
		CHECK_EQ(f.scene->changes->baseline, 0);
		deinit(&f);
	}
}

TEST_MAIN()
