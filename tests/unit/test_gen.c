/* The generated text of tests/gen.h is what it says, and the same everywhere. */
#include "base/hash.h"
#include "import/folded.h"
#include "tests/gen.h"
#include "tests/test.h"

static struct recording rec;
static uint64_t digest;

static void read_generated(const struct gen_options *opt)
{
	struct strbuf text = {0};
	struct gen g;

	recording_deinit(&rec);
	gen_init(&g, opt);
	gen_header(&g, &text);
	for (uint32_t t = 0; t < opt->snapshots; t++)
		gen_snapshot(&g, &text, t);
	gen_deinit(&g);
	digest = hash_bytes(text.data, text.len, 0);
	CHECK_EQ(import_folded_text("generated", text.data, text.len, NULL, &rec), 0);
	CHECK_EQ(rec.n_snapshots, opt->snapshots);
	CHECK_EQ(rec.total.taken,
		 (uint64_t)opt->snapshots *
		     ((uint64_t)opt->busy_cpus * opt->freq_hz * opt->interval_ms / 1000 +
		      (opt->every_stack ? opt->stacks : 0)));
	strbuf_deinit(&text);
}

static uint64_t count_of(size_t i, const char *leaf)
{
	struct snapshot s = {0};
	uint64_t sum = 0;

	CHECK_EQ(recording_load(&rec, i, &s), 0);
	for (size_t e = 0; e < s.n_entries; e++)
		if (!strcmp(dict_frame_name(&rec.dict, rec.dict.node[s.entry[e].node].frame), leaf))
			sum += s.entry[e].count;
	snapshot_deinit(&s);
	return sum;
}

TEST(same_bytes_everywhere)
{
	struct gen_options opt = GEN_DEFAULTS;

	opt.snapshots = 5;
	opt.churn = 3;
	opt.grow_from = 2;
	read_generated(&opt);
	CHECK_EQ(digest, 0x7242c5f976ecfce6u);
	opt.java = true;
	read_generated(&opt);
	CHECK_EQ(digest, 0x2c598a44efdc2a2cu);
}

TEST(a_function_grows)
{
	struct gen_options opt = GEN_DEFAULTS;

	opt.snapshots = 6;
	opt.grow_from = 4;
	opt.grow_percent = 60;
	read_generated(&opt);
	CHECK_EQ(count_of(3, "function_that_grows"), 0);
	CHECK_EQ(count_of(4, "function_that_grows"), 8 * 99 * 30 / 100);
	CHECK_EQ(count_of(5, "function_that_grows"), 8 * 99 * 60 / 100);
}

TEST(the_machine_and_its_shape)
{
	struct gen_options opt = GEN_DEFAULTS;
	uint64_t kernel = 0, depth = 0;

	opt.cpus = 64;
	opt.busy_cpus = 2;
	opt.snapshots = 3;
	opt.interval_ms = 250;
	opt.every_stack = true;
	opt.kernel_percent = 100;
	read_generated(&opt);
	CHECK_EQ(rec.meta.online_cpus, 64);
	CHECK_EQ(rec.meta.freq_hz, 99);
	CHECK_EQ(rec.meta.interval_ns, 250000000);
	CHECK_EQ(rec.snapshot[1].t0_ns, rec.snapshot[0].t1_ns);
	for (size_t i = 0; i < rec.dict.n_frames; i++)
		kernel += rec.dict.frame[i].kind == FRAME_KERNEL;
	CHECK(kernel > 100 && kernel <= GEN_KERNEL_NAMES);
	opt.java = true;
	opt.depth = 150;
	opt.name_bytes = 300;
	opt.churn = 10;
	opt.freq_hz = 999;
	read_generated(&opt);
	for (uint32_t at = rec.dict.n_nodes - 1; at; at = rec.dict.node[at].parent)
		depth++;
	CHECK(depth >= 135 && depth <= 150);
	/* Ten new jobs a snapshot, and the ten of the one before. */
	CHECK(rec.dict.n_processes > 1 + 8 + 30 && rec.dict.n_processes <= 1 + 8 + 40);
}

TEST_MAIN()
