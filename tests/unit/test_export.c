/* Text of recordings: to the byte for known ones, by what must hold for random ones. */
#include <stdbool.h>
#include <errno.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/timespan.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "export/folded.h"
#include "export/lines.h"
#include "export/stacks.h"
#include "import/folded.h"
#include "tests/memory.h"
#include "tests/test.h"

static const struct folded_style plain = {0};

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	struct strbuf sb = {0};
	char block[4096];
	size_t n;

	CHECK(file);
	while ((n = fread(block, 1, sizeof(block), file)))
		strbuf_add(&sb, block, n);
	fclose(file);
	return strbuf_detach(&sb);
}

typedef int writer(struct recording *, const struct folded_style *, const char *);

static char *written(writer *write_text, struct recording *rec, const struct folded_style *style)
{
	char path[] = "/tmp/flamelapse-test.XXXXXX", *text;
	int fd = mkstemp(path), err;

	CHECK(fd >= 0);
	close(fd);
	err = write_text(rec, style, path);
	text = read_file(path);
	unlink(path);
	CHECK_EQ(err, 0);
	return text;
}

static void check_text(writer *write_text, struct recording *rec, struct folded_style style,
		       const char *expect)
{
	char *text = written(write_text, rec, &style);

	CHECK_STR(text, expect);
	free(text);
}

static void begin(struct recording *rec)
{
	recording_init(rec);
	counts_attach(rec);
}

static void make_dd(struct recording *rec)
{
	struct snapshot s = {0};
	uint32_t dd, dd2;

	begin(rec);
	dd = add_process(rec, 25036, "dd");
	dd2 = add_process(rec, 25037, "dd");
	snapshot_add(&s, dd, add_stack(rec, "main/0|read/0|ksys_read/1|vfs_read/1"), 4);
	snapshot_add(&s, dd2, add_stack(rec, "main/0|read/0|ksys_read/1|vfs_read/1"), 2);
	snapshot_add(&s, dd, add_stack(rec, "main/0|read/0"), 1);
	snapshot_add(&s, add_process(rec, 3, "kworker/0:1"),
		     add_stack(rec, "ret_from_fork/1|kthread/1"), 7);
	add_snapshot(rec, &s, 5 * NS_PER_S, 6 * NS_PER_S);
	add_snapshot(rec, &s, 6 * NS_PER_S, 7 * NS_PER_S);
	snapshot_add(&s, dd, add_stack(rec, "main/0|jitted/2|inner/3"), 1);
	snapshot_add(&s, dd, add_stack(rec, "main/0|read/0"), 5);
	add_snapshot(rec, &s, 7 * NS_PER_S, 7 * NS_PER_S + 250000000);
	snapshot_deinit(&s);
}

TEST(folded_merges_processes_of_one_name)
{
	struct recording rec;

	make_dd(&rec);
	check_text(export_folded, &rec, plain,
		   "dd;main;jitted;inner 1\n"
		   "dd;main;read 6\n"
		   "dd;main;read;ksys_read;vfs_read 6\n"
		   "kworker/0:1;ret_from_fork;kthread 7\n");
	recording_deinit(&rec);
}

TEST(folded_annotated_and_delimited)
{
	struct recording rec;

	make_dd(&rec);
	check_text(export_folded, &rec, (struct folded_style){.annotate = true, .delimited = true},
		   "dd;main;jitted_[j];inner_[i] 1\n"
		   "dd;main;read 6\n"
		   "dd;main;read;-;ksys_read_[k];vfs_read_[k] 6\n"
		   "kworker/0:1;ret_from_fork_[k];kthread_[k] 7\n");
	recording_deinit(&rec);
}

TEST(folded_per_snapshot)
{
	struct recording rec;

	make_dd(&rec);
	free(rec.meta.host);
	rec.meta.host = xstrdup("web 1");
	rec.meta.online_cpus = 8;
	rec.meta.freq_hz = 99;
	check_text(export_folded, &rec, (struct folded_style){.per_snapshot = true},
		   "# flamelapse host=web_1 online_cpus=8\n"
		   "# t=5.000000000 dur=1\n"
		   "dd;main;read 1\n"
		   "dd;main;read;ksys_read;vfs_read 6\n"
		   "kworker/0:1;ret_from_fork;kthread 7\n"
		   "# t=6.000000000 dur=1\n"
		   "# t=7.000000000 dur=0.250000000\n"
		   "dd;main;jitted;inner 1\n"
		   "dd;main;read 5\n");
	rec.meta.period_ns = 10101010;
	rec.meta.utc_offset_s = -3600;
	recording_trim(&rec, 6 * NS_PER_S, 7 * NS_PER_S);
	check_text(export_folded, &rec, (struct folded_style){.per_snapshot = true},
		   "# flamelapse host=web_1 freq_hz=99 period_ns=10101010 online_cpus=8 "
		   "utc_offset_s=-3600\n"
		   "# t=6.000000000 dur=1\n");
	recording_deinit(&rec);
}

TEST(stacks_are_paragraphs_by_count)
{
	struct recording rec;

	make_dd(&rec);
	check_text(export_stacks, &rec, (struct folded_style){.annotate = true, .delimited = true},
		   "    inner_[i]\n    jitted_[j]\n    main\n"
		   "    -                dd (25036)\n        1\n\n"
		   "    vfs_read_[k]\n    ksys_read_[k]\n    --\n    read\n    main\n"
		   "    -                dd (25037)\n        2\n\n"
		   "    vfs_read_[k]\n    ksys_read_[k]\n    --\n    read\n    main\n"
		   "    -                dd (25036)\n        4\n\n"
		   "    read\n    main\n"
		   "    -                dd (25036)\n        6\n\n"
		   "    kthread_[k]\n    ret_from_fork_[k]\n"
		   "    -                kworker/0:1 (3)\n        7\n\n");
	recording_deinit(&rec);
}

/* Names that would divide, end, hide or change a line. */
TEST(hostile_names)
{
	struct recording rec;
	struct snapshot s = {0};
	uint32_t p;

	begin(&rec);
	p = add_process(&rec, 1, "#x ");
	snapshot_add(&s, p, 0, 1);
	snapshot_add(&s, p, add_stack(&rec, "a;b/0|-/0|--/0|c /0"), 2);
	snapshot_add(&s, p, add_stack(&rec, "f_[k]/0|/0|_[k]/0"), 3);
	snapshot_add(&s, add_process(&rec, 1, ";"), add_stack(&rec, "a 5/0"), 4);
	snapshot_add(&s, add_process(&rec, 1, "#"), 0, 5);
	snapshot_add(&s, 0, 0, 6);
	snapshot_add(&s, 0, add_stack(&rec, "k_[j]/1"), 7);
	add_snapshot(&rec, &s, 1, 2);
	check_text(export_folded, &rec, (struct folded_style){.annotate = true},
		   ":;a 5 4\n"
		   "[unknown] 6\n"
		   "[unknown];k_(j)_[k] 7\n"
		   "\\x23 5\n"
		   "\\x23x\\x20 1\n"
		   "\\x23x\\x20;a:b;(-);(--);c\\x20 2\n"
		   "\\x23x\\x20;f_(k);[unknown];_[k] 3\n");
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

/* Where the kernel begins. */
TEST(delimiter)
{
	static const struct {
		const char *stack, *line, *annotated;
	} cases[] = {
	    {"u/0|k/1", "p;u;-;k 1\n", "p;u;-;k_[k] 1\n"},
	    {"k/1|k/1", "p;k;k 1\n", "p;k_[k];k_[k] 1\n"},
	    {"u/0|u/0", "p;u;u 1\n", "p;u;u 1\n"},
	    {"[truncated]/5|k/1", "p;[truncated];k 1\n", "p;[truncated];k_[k] 1\n"},
	    {"[truncated]/5|u/0|k/1", "p;[truncated];u;-;k 1\n", "p;[truncated];u;-;k_[k] 1\n"},
	    {"u/0|k/1|u/0|k/1", "p;u;k;u;-;k 1\n", "p;u;k_[k];u;-;k_[k] 1\n"},
	    {"u/0|k/1|u/0", "p;u;k;u 1\n", "p;u;k_[k];u 1\n"},
	    {"u/0|k/1|j/2", "p;u;k;j 1\n", "p;u;k_[k];j_[j] 1\n"},
	    {"u/0|k/1|k+0x1/4|k/1", "p;u;-;k;k+0x1;k 1\n", "p;u;-;k_[k];k+0x1;k_[k] 1\n"},
	    {"u+0x1/4|k/1|i/3", "p;u+0x1;-;k;i 1\n", "p;u+0x1;-;k_[k];i_[i] 1\n"},
	    /* Without a suffix, nothing will tell that this is kernel code. */
	    {"u/0|[unknown]/1|k/1", "p;u;[unknown];-;k 1\n", "p;u;-;[unknown]_[k];k_[k] 1\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct recording rec;
		struct snapshot s = {0};

		begin(&rec);
		snapshot_add(&s, add_process(&rec, 1, "p"), add_stack(&rec, cases[i].stack), 1);
		add_snapshot(&rec, &s, 1, 2);
		check_text(export_folded, &rec, (struct folded_style){.delimited = true},
			   cases[i].line);
		check_text(export_folded, &rec,
			   (struct folded_style){.delimited = true, .annotate = true},
			   cases[i].annotated);
		snapshot_deinit(&s);
		recording_deinit(&rec);
	}
}

TEST(frames_of_two_modules_are_one_line)
{
	struct recording rec;
	struct snapshot s = {0};
	struct dict *d = &rec.dict;
	uint32_t name, m;

	begin(&rec);
	name = dict_string(d, "f", 1);
	m = dict_module(d, dict_string(d, "/a.so", 5), NULL, 0);
	snapshot_add(&s, 0, dict_node(d, 0, dict_frame(d, name, 0, FRAME_USER)), 1);
	snapshot_add(&s, 0, dict_node(d, 0, dict_frame(d, name, m, FRAME_USER)), 2);
	snapshot_add(&s, 0, dict_node(d, 0, dict_frame(d, name, m, FRAME_KERNEL)), 4);
	add_snapshot(&rec, &s, 1, 2);
	check_text(export_folded, &rec, plain, "[unknown];f 7\n");
	check_text(export_folded, &rec, (struct folded_style){.annotate = true},
		   "[unknown];f 3\n[unknown];f_[k] 4\n");
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

TEST(too_deep_is_cut)
{
	struct recording rec, again;
	struct snapshot s = {0};
	uint32_t node = 0, frame, n = 0;
	char *text, *second;

	begin(&rec);
	frame = dict_frame(&rec.dict, dict_string(&rec.dict, "f", 1), 0, FRAME_USER);
	for (int i = 0; i < 100000; i++) {
		node = dict_node(&rec.dict, node, frame);
		if (i + 1 == LINES_MAX_FRAMES || i % 1000 == 999)
			snapshot_add(&s, 0, node, 1);
	}
	add_snapshot(&rec, &s, 1, 2);
	text = written(export_folded, &rec, &plain);
	for (const char *c = text; *c; c++)
		n += *c == '\n';
	CHECK_EQ(n, 4 + 2);
	CHECK(strstr(text, ";f;[truncated] 96\n"));
	CHECK_EQ(import_folded_text("deep", text, strlen(text), NULL, &again), 0);
	second = written(export_folded, &again, &plain);
	CHECK(!strcmp(text, second));
	free(text);
	free(second);
	snapshot_deinit(&s);
	recording_deinit(&rec);
	recording_deinit(&again);
}

TEST(nothing_is_written_as_nothing)
{
	struct recording rec;

	begin(&rec);
	check_text(export_folded, &rec, plain, "");
	check_text(export_folded, &rec, (struct folded_style){.per_snapshot = true}, "");
	check_text(export_stacks, &rec, plain, "");
	recording_deinit(&rec);
}

static int loads_left;
static int (*real_load)(struct recording *, size_t, struct snapshot *);

static int load_some(struct recording *rec, size_t index, struct snapshot *s)
{
	return loads_left-- ? real_load(rec, index, s) : -EBADMSG;
}

/* Three snapshots are read once, and again to be written one by one. */
TEST(a_file_appears_whole_or_not_at_all)
{
	struct folded_style per_snapshot = {.per_snapshot = true};
	char folder[] = "/tmp/flamelapse-test.XXXXXX", *path;
	struct recording rec;

	CHECK(mkdtemp(folder));
	path = xasprintf("%s/x.folded", folder);
	make_dd(&rec);
	real_load = rec.load;
	rec.load = load_some;
	for (int i = 0; i < 6; i++) {
		loads_left = i;
		CHECK_EQ(export_folded(&rec, &per_snapshot, path), -EBADMSG);
		CHECK(access(path, F_OK));
	}
	loads_left = 2;
	CHECK_EQ(export_stacks(&rec, &plain, path), -EBADMSG);
	CHECK_EQ(rmdir(folder), 0);
	loads_left = 6;
	CHECK_EQ(export_folded(&rec, &per_snapshot, path), -ENOENT);
	recording_deinit(&rec);
	free(path);
}

/* Random recordings */

#define ROUNDS 400

static uint64_t state = 7;

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

static const char *random_name(void)
{
	static const char *const odd[] = {
	    "",
	    " ",
	    "-",
	    "--",
	    "#",
	    "a ",
	    "[truncated]",
	    ";",
	    "_[k]",
	    "a_[k]",
	    "a_[j]",
	    "[unknown]",
	    "0x1f",
	    "l.so+0x1",
	    "a 7",
	    "\xc3\xa9",
	    "[unknown]_[k]",
	    "a_(k)",
	    "é ",
	    "!",
	    "a!",
	};
	static char name[4];
	size_t n = 1 + rnd(2);

	if (!rnd(3))
		return odd[rnd(ARRAY_SIZE(odd))];
	for (size_t i = 0; i < n; i++)
		name[i] = "ab"[rnd(2)];
	name[n] = '\0';
	return name;
}

static void make_random(struct recording *rec)
{
	struct dict *d = &rec->dict;
	struct snapshot s = {0};
	size_t n_snapshots = 1 + rnd(4);
	uint64_t t_ns = rnd(1000);

	begin(rec);
	for (uint32_t i = rnd(6); i-- > 0;)
		add_process(rec, rnd(3), random_name());
	for (uint32_t i = rnd(100); i-- > 0;) {
		const char *name = random_name();
		uint32_t string = dict_string(d, name, strlen(name));

		dict_node(d, rnd(d->n_nodes), dict_frame(d, string, 0, rnd(FRAME_KINDS)));
	}
	for (size_t i = 0; i < n_snapshots; i++) {
		uint64_t end_ns = t_ns + 1 + rnd(2000) * (uint64_t)rnd(2000000);

		for (uint32_t j = i ? rnd(60) : 1 + rnd(60); j-- > 0;)
			snapshot_add(&s, rnd(d->n_processes), rnd(d->n_nodes), 1 + rnd(99));
		add_snapshot(rec, &s, t_ns, end_ns);
		t_ns = end_ns + rnd(2) * rnd(1000);
	}
	rec->meta.freq_hz = rnd(3) ? 99 : 0;
	rec->meta.period_ns = rnd(3) * 1000;
	rec->meta.online_cpus = rnd(3);
	snapshot_deinit(&s);
}

/* Adds up the counts of a text, whose stacks must be in byte order within a block. */
static uint64_t check_lines(char *text)
{
	uint64_t sum = 0;
	const char *before = NULL;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *blank = strrchr(line, ' ');

		if (!strncmp(line, "# ", 2)) {
			before = NULL;
			continue;
		}
		*blank = '\0';
		CHECK(!before || strcmp(before, line) < 0);
		before = line;
		sum += strtoull(blank + 1, NULL, 10);
	}
	return sum;
}

static void round_trip(const struct folded_style *style)
{
	struct recording rec, again;
	char *first, *second;

	make_random(&rec);
	first = written(export_folded, &rec, style);
	CHECK_EQ(import_folded_text("random", first, strlen(first), NULL, &again), 0);
	second = written(export_folded, &again, style);
	CHECK_STR(second, first);
	CHECK_EQ(again.total.taken, rec.total.taken);
	if (style->per_snapshot) {
		CHECK_EQ(again.n_snapshots, rec.n_snapshots);
		for (size_t i = 0; i < rec.n_snapshots; i++) {
			CHECK_EQ(again.snapshot[i].t0_ns, rec.snapshot[i].t0_ns);
			CHECK_EQ(again.snapshot[i].t1_ns, rec.snapshot[i].t1_ns);
			CHECK_EQ(again.snapshot[i].account.taken, rec.snapshot[i].account.taken);
		}
	}
	CHECK_EQ(check_lines(first), rec.total.taken);
	free(first);
	free(second);
	recording_deinit(&rec);
	recording_deinit(&again);
}

TEST(random_recordings_come_back_the_same)
{
	for (int i = 0; i < 8 * ROUNDS; i++) {
		struct folded_style style = {i & 1, i & 2, i & 4, BY_PROCESS};

		round_trip(&style);
	}
}

TEST(stacks_of_random_recordings_add_up)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct folded_style style = {i & 1, i & 2, i & 4, BY_PROCESS};
		struct recording rec;
		uint64_t sum = 0, before = 0;
		char *text;

		make_random(&rec);
		text = written(export_stacks, &rec, &style);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			uint64_t count = strtoull(line, NULL, 10);

			if (strncmp(line, "        ", 8) || !count)
				continue;
			CHECK(count >= before);
			before = count;
			sum += count;
		}
		CHECK_EQ(sum, rec.total.taken);
		free(text);
		recording_deinit(&rec);
	}
}

TEST_MAIN()
