/* What a recording holds: known ones to the byte, random ones against counting by hand. */
#include <errno.h>

#include "base/strbuf.h"
#include "base/timespan.h"
#include "base/xalloc.h"
#include "export/summary_json.h"
#include "export/summary_text.h"
#include "tests/memory.h"
#include "tests/test.h"

static void set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

/* 100 samples were due: 60 taken, 30 idle, 4 filtered, 6 lost. */
static void make_web(struct recording *rec)
{
	struct recording_meta *m = &rec->meta;
	struct snapshot s = {0};
	struct dict *d = &rec->dict;
	uint32_t ext4, worker;

	recording_init(rec);
	counts_attach(rec);
	set(&m->host, "web\"1");
	set(&m->kernel, "6.1.0");
	set(&m->arch, "x86_64");
	set(&m->command, "./serve");
	set(&m->event, "cpu-clock");
	set(&m->unwinder, "frame pointers");
	set(&m->filter, "PID 12");
	m->command_status = 9;
	m->online_cpus = 4;
	m->freq_hz = 10;
	m->period_ns = 100000000;
	m->interval_ns = NS_PER_S;
	m->undelivered = 3;
	ext4 =
	    dict_frame(d, dict_string(d, "ext4_write", 10),
		       dict_module(d, dict_string(d, "/lib/ext4.ko", 12), NULL, 0), FRAME_KERNEL);
	worker = add_process(rec, 12, "worker");
	snapshot_add(&s, worker, dict_node(d, add_stack(rec, "main/0|write/0"), ext4), 30);
	snapshot_add(&s, worker, add_stack(rec, "main/0|f/0|g/0|f/0"), 10);
	snapshot_add(&s, worker, add_stack(rec, "main/0|f/0|g/0"), 5);
	add_snapshot(rec, &s, 1763647407250000000, 1763647408250000000);
	snapshot_add(&s, add_process(rec, 13, "other"), add_stack(rec, "main/0|f/0|g/0"), 5);
	snapshot_add(&s, worker, add_stack(rec, "[truncated]/5|lib.so+0x1/4"), 10);
	add_snapshot(rec, &s, 1763647408250000000, 1763647409250000000);
	rec->total = (struct account){.expected = 100,
				      .taken = 60,
				      .idle = 30,
				      .filtered = 4,
				      .lost = {[LOSS_RING_FULL] = 1, [LOSS_MISSING] = 5},
				      .complete = 40,
				      .truncated = 12,
				      .kernel_only = 8};
	snapshot_deinit(&s);
}

static void check_report(struct recording *rec,
			 void (*add)(const struct summary *, struct strbuf *), const char *expect)
{
	struct summary summary;
	struct strbuf out = {0};

	CHECK_EQ(summary_compute(rec, &summary), 0);
	add(&summary, &out);
	CHECK_STR(strbuf_str(&out), expect);
	strbuf_deinit(&out);
}

TEST(json)
{
	struct recording rec;

	make_web(&rec);
	check_report(
	    &rec, summary_add_json,
	    "{\n  \"host\": \"web\\\"1\",\n  \"command\": \"./serve\",\n"
	    "  \"command_status\": 137,\n  \"start\": \"2025-11-20T14:03:27.250Z\",\n"
	    "  \"duration_s\": 2,\n  \"snapshots\": 2,\n  \"finished\": false,\n"
	    "  \"series\": [\"on-cpu\"],\n  \"event\": \"cpu-clock\",\n  \"unit\": \"sample\",\n  "
	    "\"freq_hz\": 10,\n  "
	    "\"interval_s\": 1,\n"
	    "  \"unwinder\": \"frame pointers\",\n  \"filter\": \"PID 12\",\n"
	    "  \"online_cpus\": 4,\n  \"kernel\": \"6.1.0\",\n  \"arch\": \"x86_64\",\n"
	    "  \"samples\": {\"expected\": 100, \"taken\": 60, \"idle\": 30, \"filtered\": 4, "
	    "\"lost\": {\"ring_full\": 1, \"ring_busy\": 0, \"hash_storage\": 0, "
	    "\"stack_storage\": 0, \"missing\": 5, \"backlog\": 0}, \"undelivered\": 3},\n"
	    "  \"stacks\": {\"distinct\": 4, \"complete\": 40, \"truncated\": 12, "
	    "\"kernel_only\": 8, \"truncated_by\": {\"no known start\": 10}},\n  "
	    "\"unknown_frames\": 1,\n  \"top\": [\n"
	    "    {\"name\": \"ext4_write\", \"module\": \"/lib/ext4.ko\", \"kind\": \"kernel\", "
	    "\"self\": 30, \"total\": 30, \"self_share\": 0.500000},\n"
	    "    {\"name\": \"f\", \"module\": null, \"kind\": \"user\", "
	    "\"self\": 10, \"total\": 20, \"self_share\": 0.166667},\n"
	    "    {\"name\": \"g\", \"module\": null, \"kind\": \"user\", "
	    "\"self\": 10, \"total\": 20, \"self_share\": 0.166667},\n"
	    "    {\"name\": \"lib.so+0x1\", \"module\": null, \"kind\": \"unnamed\", "
	    "\"self\": 10, \"total\": 10, \"self_share\": 0.166667}\n  ]\n}\n");
	recording_deinit(&rec);
}

TEST(text)
{
	struct recording rec;

	make_web(&rec);
	check_report(
	    &rec, summary_add_text,
	    "Host       web\"1, 4 CPUs, Linux 6.1.0 x86_64\n"
	    "Command    ./serve, ended with status 137\n"
	    "When       2025-11-20T14:03:27.250Z, for 2 s: 2 snapshots of 1 s\n"
	    "           not finished: the recorder was killed, or is at work\n"
	    "Sampled    cpu-clock at 10 Hz, only PID 12; user stacks by frame pointers\n"
	    "CPUs busy  3.00 on average, 4.50 at most, of 4\n"
	    "\n"
	    "Samples       60 taken\n"
	    "           +  30 idle\n"
	    "           +   4 filtered out\n"
	    "           +   6 lost (ring_full 1, missing 5)\n"
	    "           = 100 expected; the kernel did not deliver 3 more\n"
	    "\n"
	    "Stacks     66.7 % complete, 20.0 % truncated, 13.3 % kernel only (4 distinct)\n"
	    "Truncated  16.7 %: no known start\n"
	    "           Truncated stacks lack callers: build programs and libraries with\n"
	    "           -fno-omit-frame-pointer to see them\n"
	    "Unnamed    1 function, running in 16.7 % of samples\n"
	    "\n"
	    "   self    total  function\n"
	    " 50.0 %   50.0 %  ext4_write                                    ext4.ko\n"
	    " 16.7 %   33.3 %  f\n"
	    " 16.7 %   33.3 %  g\n"
	    " 16.7 %   16.7 %  lib.so+0x1\n");
	recording_deinit(&rec);
}

TEST(nothing_known_and_nothing_sampled)
{
	struct recording rec;

	recording_init(&rec);
	counts_attach(&rec);
	rec.meta.finished = true;
	check_report(&rec, summary_add_text,
		     "Host       not known\n"
		     "When       not known, for 0 s: 0 snapshots\n"
		     "\n"
		     "Samples      0 taken\n"
		     "           + 0 idle\n"
		     "           + 0 filtered out\n"
		     "           + 0 lost\n"
		     "           = 0 expected\n");
	check_report(
	    &rec, summary_add_json,
	    "{\n  \"host\": null,\n  \"command\": null,\n  \"command_status\": null,\n"
	    "  \"start\": null,\n  \"duration_s\": 0,\n  \"snapshots\": 0,\n"
	    "  \"finished\": true,\n  \"series\": [\"on-cpu\"],\n  \"event\": null,\n  \"unit\": "
	    "\"sample\",\n  \"freq_hz\": "
	    "null,\n"
	    "  \"interval_s\": null,\n  \"unwinder\": null,\n  \"filter\": null,\n"
	    "  \"online_cpus\": null,\n  \"kernel\": null,\n  \"arch\": null,\n"
	    "  \"samples\": {\"expected\": 0, \"taken\": 0, \"idle\": 0, \"filtered\": 0, "
	    "\"lost\": {\"ring_full\": 0, \"ring_busy\": 0, \"hash_storage\": 0, "
	    "\"stack_storage\": 0, \"missing\": 0, \"backlog\": 0}, \"undelivered\": null},\n"
	    "  \"stacks\": {\"distinct\": 0, \"complete\": 0, \"truncated\": 0, "
	    "\"kernel_only\": 0, \"truncated_by\": {}},\n  \"unknown_frames\": 0,\n  \"top\": "
	    "[]\n}\n");
	recording_deinit(&rec);
}

TEST(command_status_as_a_shell_tells_it)
{
	struct recording_meta m = {.command_status = -1};

	CHECK_EQ(summary_command_status(&m), -1);
	m.command_status = 0;
	CHECK_EQ(summary_command_status(&m), 0);
	m.command_status = 0xff00;
	CHECK_EQ(summary_command_status(&m), 255);
	m.command_status = 15 | 0x80;
	CHECK_EQ(summary_command_status(&m), 143);
}

TEST(long_names_are_cut_between_characters)
{
	struct recording rec;
	struct snapshot s = {0};
	struct summary summary;
	struct strbuf out = {0}, name = {0};
	const char *cut;

	recording_init(&rec);
	counts_attach(&rec);
	for (int i = 0; i < 60; i++)
		strbuf_adds(&name, "é");
	strbuf_adds(&name, "/0");
	snapshot_add(&s, 0, add_stack(&rec, name.data), 1);
	add_snapshot(&rec, &s, 0, 1);
	CHECK_EQ(summary_compute(&rec, &summary), 0);
	summary_add_text(&summary, &out);
	cut = strstr(out.data, "é");
	CHECK_EQ(strlen(cut), 43 * 2 + strlen("…\n"));
	CHECK_STR(cut + 43 * 2, "…\n");
	snapshot_deinit(&s);
	strbuf_deinit(&out);
	strbuf_deinit(&name);
	recording_deinit(&rec);
}

static int load_damaged(struct recording *rec, size_t index, struct snapshot *s)
{
	(void)rec;
	(void)index;
	(void)s;
	return -EBADMSG;
}

TEST(damage_is_passed_on)
{
	struct recording rec;
	struct summary summary;

	make_web(&rec);
	rec.load = load_damaged;
	CHECK_EQ(summary_compute(&rec, &summary), -EBADMSG);
	recording_deinit(&rec);
	make_web(&rec);
	rec.snapshot[1].account.taken = 0;
	CHECK_EQ(summary_compute(&rec, &summary), -EBADMSG);
	recording_deinit(&rec);
}

/* Random recordings */

static uint64_t state = 3;

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

static bool is_on_stack(const struct dict *d, uint32_t node, uint32_t frame)
{
	for (; node; node = d->node[node].parent)
		if (d->node[node].frame == frame)
			return true;
	return false;
}

/* Few frames and many nodes, so that stacks are recursive. */
static void check_random(void)
{
	struct recording rec;
	struct summary summary;
	struct snapshot s = {0};
	uint64_t self[6] = {0}, total[6] = {0}, taken = 0, unknown_self = 0;
	uint64_t of_node[80] = {0};
	size_t unknown = 0, distinct = 0;

	recording_init(&rec);
	counts_attach(&rec);
	for (uint32_t i = 0; i < 6; i++)
		dict_frame(&rec.dict, dict_string(&rec.dict, &"abcdef"[i], 1), 0,
			   i < 4 ? FRAME_USER : FRAME_UNNAMED);
	for (uint32_t i = rnd(79); i-- > 0;)
		dict_node(&rec.dict, rnd(rec.dict.n_nodes), rnd(6));
	for (int i = 0; i < 3; i++) {
		for (uint32_t j = rnd(20); j-- > 0;) {
			uint32_t node = rnd(rec.dict.n_nodes), count = 1 + rnd(9);

			snapshot_add(&s, rnd(2), node, count);
			taken += count;
			of_node[node] += count;
			if (node)
				self[rec.dict.node[node].frame] += count;
			for (uint32_t f = 0; f < 6; f++)
				total[f] += is_on_stack(&rec.dict, node, f) * count;
		}
		add_process(&rec, i, "p");
		add_snapshot(&rec, &s, i, i + 1);
	}
	CHECK_EQ(summary_compute(&rec, &summary), 0);
	CHECK_EQ(rec.total.taken, taken);
	for (size_t i = 0; i < 80; i++)
		distinct += !!of_node[i];
	for (uint32_t f = 4; f < 6; f++) {
		unknown += !!total[f];
		unknown_self += self[f];
	}
	CHECK_EQ(summary.distinct, distinct);
	CHECK_EQ(summary.unknown_frames, unknown);
	CHECK_EQ(summary.unknown_self, unknown_self);
	for (size_t i = 0; i < summary.n_top; i++) {
		const struct summary_row *row = &summary.top[i];

		CHECK(row->self && (!i || row[-1].self >= row->self));
		CHECK_EQ(row->self, self[row->frame]);
		CHECK_EQ(row->total, total[row->frame]);
		self[row->frame] = 0;
	}
	for (size_t i = 0; i < 6; i++)
		CHECK_EQ(self[i], 0);
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

TEST(random_sums_are_those_counted_by_hand)
{
	for (int i = 0; i < 2000; i++)
		check_random();
}

TEST_MAIN()
