#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "import/folded.h"
#include "import/text.h"
#include "tests/test.h"

#define S 1000000000ull

static struct recording rec;
static struct snapshot snap;
static char words[4096]; /* what the last import said on stderr */

static void say_to(int *saved, FILE **sink)
{
	*sink = tmpfile();
	*saved = dup(2);
	dup2(fileno(*sink), 2);
}

static void say_back(int saved, FILE *sink)
{
	size_t n;

	dup2(saved, 2);
	close(saved);
	rewind(sink);
	n = fread(words, 1, sizeof(words) - 1, sink);
	words[n] = '\0';
	fclose(sink);
}

static int read_bytes(const char *text, size_t size)
{
	char *copy = malloc(size + 1); /* exact, so that ASan sees a byte too far */
	FILE *sink;
	int saved, err;

	recording_deinit(&rec);
	memcpy(copy, text, size);
	copy = realloc(copy, size ? size : 1);
	say_to(&saved, &sink);
	err = import_folded_text("x.folded", copy, size, NULL, &rec);
	say_back(saved, sink);
	free(copy);
	return err;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static int read_paths(const char *const *paths, size_t n, uint64_t interval_ns)
{
	struct folded_options opt = {.interval_ns = interval_ns};
	FILE *sink;
	int saved, err;

	recording_deinit(&rec);
	say_to(&saved, &sink);
	err = import_folded(paths, n, &opt, &rec);
	say_back(saved, sink);
	return err;
}

/* Snapshot i in words: "process;frame/kind;… count" a line, kinds as u k j i ? m. */
static const char *told(size_t i)
{
	static const char kinds[] = "ukji?m";
	static struct strbuf sb;

	strbuf_clear(&sb);
	if (i >= rec.n_snapshots || recording_load(&rec, i, &snap))
		return "no such snapshot";
	for (size_t e = 0; e < snap.n_entries; e++) {
		uint32_t path[FOLDED_MAX_DEPTH], n = 0;
		const struct dict *d = &rec.dict;

		for (uint32_t at = snap.entry[e].node; at; at = d->node[at].parent)
			path[n++] = d->node[at].frame;
		strbuf_adds(&sb, dict_text(d, d->process[snap.entry[e].process].comm));
		while (n--)
			strbuf_addf(&sb, ";%s/%c", dict_frame_name(d, path[n]),
				    kinds[d->frame[path[n]].kind]);
		strbuf_addf(&sb, " %llu\n", (unsigned long long)snap.entry[e].count);
	}
	return strbuf_str(&sb);
}

#define CHECK_TOLD(text, expect)                                                                   \
	do {                                                                                       \
		CHECK_EQ(read_text(text), 0);                                                      \
		CHECK_STR(words, "");                                                              \
		CHECK_STR(told(0), expect);                                                        \
		CHECK(account_balanced(&rec.total));                                               \
	} while (0)

/* Refused with these words behind "flamelapse: x.folded", as one line. */
#define CHECK_BAD(text, expect)                                                                    \
	do {                                                                                       \
		CHECK_EQ(read_text(text), -EBADMSG);                                               \
		CHECK_STR(words, "flamelapse: x.folded:" expect "\n");                             \
	} while (0)

TEST(a_line_is_a_stack_and_its_count)
{
	CHECK_TOLD("app;main;run 3\n", "app;main/u;run/u 3\n");
	CHECK_TOLD("app;main 3\napp;main;run 4\napp;main 2\n",
		   "app;main/u 5\napp;main/u;run/u 4\n");
	CHECK_TOLD("app 7\n", "app 7\n");
	CHECK_TOLD("a;x 1\nb;x 2\na;x 4\n", "a;x/u 5\nb;x/u 2\n");
	CHECK_EQ(rec.dict.n_processes, 3);
	CHECK_EQ(rec.dict.process[1].pid, 0);
	CHECK_EQ(rec.n_snapshots, 1);
	CHECK_EQ(rec.snapshot[0].t0_ns, 0);
	CHECK_EQ(rec.snapshot[0].t1_ns, S);
	CHECK_EQ(rec.meta.interval_ns, S);
	CHECK_EQ(rec.total.taken, 7);
	CHECK_EQ(rec.total.expected, 7);
	CHECK(rec.meta.finished);
}

TEST(line_ends_and_blanks)
{
	CHECK_TOLD("a;b 1\r\na;c 2\r\n", "a;b/u 1\na;c/u 2\n");
	CHECK_TOLD("a;b 1\n\n\r\n  \t\na;b 2", "a;b/u 3\n");
	CHECK_TOLD("a;b 2\r", "a;b/u 2\n");
	CHECK_TOLD("a;b   1  \na;b\t2\t\r\n", "a;b/u 3\n");
	CHECK_TOLD("\xef\xbb\xbfpp;b 2", "pp;b/u 2\n");
	CHECK_TOLD("# x\n#\n#t\n# time=4\na;b 2\n# flamelapse\n# flamelapses host=x\n",
		   "a;b/u 2\n");
	CHECK_STR(rec.meta.host, "");
}

TEST(names_may_hold_blanks_and_anything)
{
	CHECK_TOLD("Web Content;operator new(unsigned long);a 5 b 3\n",
		   "Web Content;operator new(unsigned long)/u;a 5 b/u 3\n");
	CHECK_TOLD("a;\x1b[31mred;\xff\xfe;\xe2\x80\xae"
		   "x 1\n",
		   "a;\\x1b[31mred/u;\\xff\\xfe/u;\\u{202e}x/u 1\n");
	CHECK_TOLD("a\x01;b\r\x02 1\n", "a\\x01;b\\x0d\\x02/u 1\n");
	CHECK_EQ(read_bytes("a;b\0c 1\n", 8), 0);
	CHECK_STR(told(0), "a;b\\x00c/u 1\n");
	/* Two ways to write one clean name are one frame. */
	CHECK_TOLD("a;\xff 1\na;\\xff 2\n", "a;\\xff/u 3\n");
}

TEST(semicolons_without_names)
{
	CHECK_TOLD("a;;b 1\n", "a;[unknown]/?;b/u 1\n");
	CHECK_TOLD("a;b;; 1\na;b; 2\na;b 4\n", "a;b/u 7\n");
	CHECK_TOLD(";b 1\n", ";b/u 1\n");
	CHECK_EQ(snap.entry[0].process, 0);
	CHECK_TOLD(";;; 1\n", " 1\n");
	CHECK_TOLD(";;b 1\n", ";[unknown]/?;b/u 1\n");
}

TEST(suffixes_and_forms_give_kinds)
{
	CHECK_TOLD("a;m_[j];n_[i];k_[k] 1\n", "a;m/j;n/i;k/k 1\n");
	CHECK_TOLD("a_[k];_[k];x_[w];_[j]_[k];[k] 1\n", "a_[k];_[k]/u;x_[w]/u;_[j]/k;[k]/u 1\n");
	CHECK_TOLD("a;[unknown];libc.so.6+0x1fA;0x7f00;x@0x1;[unknown]_[k] 1\n",
		   "a;[unknown]/?;libc.so.6+0x1fA/?;0x7f00/?;x@0x1/?;[unknown]/k 1\n");
	CHECK_TOLD("a;0x;x+0x;+0x1;x+1f;0xfg;operator+;x+0x1.y 1\n",
		   "a;0x/u;x+0x/u;+0x1/u;x+1f/u;0xfg/u;operator+/u;x+0x1.y/u 1\n");
}

TEST(truncated_stacks_are_accounted)
{
	CHECK_TOLD(
	    "a;[truncated] 2\na;[truncated];f 3\na;[truncated];f;g 1\na;f 5\n[truncated];f 7\n",
	    "a;[truncated]/m 2\na;[truncated]/m;f/u 3\na;[truncated]/m;f/u;g/u 1\na;f/u 5\n"
	    "[truncated];f/u 7\n");
	CHECK_EQ(rec.total.truncated, 6);
	CHECK_EQ(rec.total.complete, 12);
	CHECK_EQ(rec.total.expected, 18);
}

TEST(delimiter_of_profile)
{
	CHECK_TOLD("a;m;-;k1;k2 1\na;m;-;k1;k3_[j] 2\na;m;k1 4\n",
		   "a;m/u;k1/k;k2/k 1\na;m/u;k1/k;k3/j 2\na;m/u;k1/u 4\n");
	CHECK_TOLD("a;m;--;[unknown];[truncated];k 1\n", "a;m/u;[unknown]/?;[truncated]/m;k/k 1\n");
	/* Neither first, nor last, nor a second time, nor right after the process. */
	CHECK_TOLD("-;-;m;-;-;k;- 1\n", "-;-/u;m/u;-/k;k/k;-/k 1\n");
	CHECK_TOLD("a;m;-; 1\n", "a;m/u;-/u 1\n");
	CHECK_TOLD("a;m;- 1\na;m;-;k 2\na;m;- 4\n", "a;m/u;-/u 5\na;m/u;k/k 2\n");
}

/* What the line before left behind must not leak into the next. */
TEST(shared_prefixes)
{
	CHECK_TOLD("a;bc;d 1\na;b;d 2\na;bc 4\na;bc;d;e 8\na;bc;d 16\na 32\nab;c 64\n",
		   "a 32\na;bc/u 4\na;bc/u;d/u 17\na;b/u;d/u 2\na;bc/u;d/u;e/u 8\nab;c/u 64\n");
}

TEST(counts)
{
	CHECK_TOLD("a;b 12.0\na;b 1.\na;b 007\n", "a;b/u 20\n");
	CHECK_TOLD("a;b 0\na;c 1\n", "a;c/u 1\n");
	CHECK_TOLD("a;b 18446744073709551614\na;b 1\n", "a;b/u 18446744073709551615\n");
	CHECK_EQ(read_text("a;b 0\n"), 0);
	CHECK_EQ(rec.n_snapshots, 1);
	CHECK_STR(told(0), "");
	CHECK_BAD("a;b 1\na;b 18446744073709551616\n",
		  "2: the count 18446744073709551616 is beyond 64 bits");
	CHECK_BAD("a;b 18446744073709551615\n\na;c 1\n",
		  "3: the counts add up to more than 64 bits");
	CHECK_BAD("a;b -5\n", "1: the count -5 is negative");
	CHECK_BAD("a;b 12.5\n", "1: the count 12.5 is a fraction; scale all counts up first");
	CHECK_BAD("a;b 12.0x\n", "1: '12.0x' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("a;b\n", "1: 'a;b' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("a;b x7\n", "1: 'x7' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("a;b 7x\n", "1: '7x' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("a;b -\n", "1: '-' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("a;b \x1b[2J\n",
		  "1: '\\x1b[2J' is no count; a line is 'process;frame;frame COUNT'");
	CHECK_BAD("5\n", "1: there is no stack before the count");
	CHECK_BAD("a 1\r\n  5\r\n", "2: there is no stack before the count");
}

TEST(blocks_with_headers)
{
	CHECK_TOLD("# t=1763647407.250000000 dur=1\na;b 1\n# t=1763647408.25 dur=1 hz=9\na;b 2\n"
		   "#t=1763647410.000000001 dur=0.5\n# t=1763647411 x=y y dur=2\na;c 4\n",
		   "a;b/u 1\n");
	CHECK_EQ(rec.n_snapshots, 4);
	CHECK_EQ(rec.snapshot[0].t0_ns, 1763647407250000000);
	CHECK_EQ(rec.snapshot[0].t1_ns, 1763647408250000000);
	CHECK_EQ(rec.snapshot[2].t0_ns, 1763647410000000001);
	CHECK_EQ(rec.snapshot[2].t1_ns, 1763647410500000001);
	CHECK_EQ(rec.snapshot[3].t1_ns, 1763647413 * S);
	CHECK_EQ(rec.meta.interval_ns, S);
	CHECK_STR(told(1), "a;b/u 2\n");
	CHECK_STR(told(2), "");
	CHECK_STR(told(3), "a;c/u 4\n");
	CHECK_EQ(rec.snapshot[3].account.taken, 4);
	CHECK_EQ(rec.total.taken, 7);
}

TEST(blocks_of_equal_time_add_up)
{
	CHECK_TOLD("# t=5 dur=1\na;b 1\n# t=5.0 dur=1.000\na;c 2\na;b 4\n# t=6 dur=1\na;b 8\n",
		   "a;b/u 5\na;c/u 2\n");
	CHECK_EQ(rec.n_snapshots, 2);
	CHECK_EQ(rec.snapshot[0].account.taken, 7);
	CHECK_STR(told(1), "a;b/u 8\n");
}

TEST(a_rounded_end_is_cut)
{
	CHECK_TOLD("# t=5 dur=1.001\na;b 1\n# t=6 dur=1\na;b 1\n", "a;b/u 1\n");
	CHECK_EQ(rec.snapshot[0].t1_ns, 6 * S);
	CHECK_BAD("# t=5 dur=1.002\na;b 1\n# t=6 dur=1\na;b 1\n",
		  "3: t= is before the end of the block before");
}

TEST(bad_headers)
{
	CHECK_BAD("# t=5 dur=1\na;b 1\n# t=4 dur=1\n",
		  "3: t= runs backwards; put the blocks in order of time");
	CHECK_BAD("# t=5 dur=1\n# t=5 dur=2\n",
		  "2: the block before has the same t= and another dur=");
	CHECK_BAD("a;b 1\n# t=5 dur=1\n", "2: a '# t=' header after stacks that have none");
	CHECK_BAD("# t=5\n", "1: the header has no dur= (the seconds that its block covers)");
	CHECK_BAD("# t=5 dur=0\n", "1: 'dur=0' is not a duration in seconds, such as dur=1");
	CHECK_BAD("# t=5 dur=1s\n", "1: 'dur=1s' is not a duration in seconds, such as dur=1");
	CHECK_BAD("# t= dur=1\n", "1: 't=' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=-1 dur=1\n", "1: 't=-1' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=1. dur=1\n", "1: 't=1.' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=1.0123456789 dur=1\n",
		  "1: 't=1.0123456789' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=18446744074 dur=1\n",
		  "1: 't=18446744074' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=18446744073.709551616 dur=1\n",
		  "1: 't=18446744073.709551616' is not a time in seconds, such as t=1763647407.25");
	CHECK_BAD("# t=18446744073 dur=1\n",
		  "1: 'dur=1' is not a duration in seconds, such as dur=1");
}

TEST(the_file_header)
{
	CHECK_TOLD("# flamelapse host=web1 freq_hz=99 online_cpus=8 event=cpu-clock later=1 word\n"
		   "# flamelapse host=web1 utc_offset_s=-3600\na;b 1\n",
		   "a;b/u 1\n");
	CHECK_STR(rec.meta.host, "web1");
	CHECK_STR(rec.meta.event, "cpu-clock");
	CHECK_EQ(rec.meta.freq_hz, 99);
	CHECK_EQ(rec.meta.online_cpus, 8);
	CHECK_EQ(rec.meta.utc_offset_s, -3600);
	CHECK_EQ(rec.meta.period_ns, 10101010);
	CHECK_TOLD("# flamelapse period_ns=5 freq_hz=99 host=\xff\na;b 1\n", "a;b/u 1\n");
	CHECK_EQ(rec.meta.period_ns, 5);
	CHECK_STR(rec.meta.host, "\\xff");
	CHECK_BAD("# flamelapse freq_hz=99\n# flamelapse freq_hz=49\n",
		  "2: 'freq_hz=49', but before it was 99");
	CHECK_BAD("# flamelapse host=a\n\n# flamelapse host=b\n",
		  "3: 'host=b', but before it was 'a'");
	CHECK_BAD("# flamelapse online_cpus=x\n",
		  "1: 'online_cpus=x' is not a number from 0 to 65536");
	CHECK_BAD("# flamelapse online_cpus=65537\n",
		  "1: 'online_cpus=65537' is not a number from 0 to 65536");
	CHECK_BAD("# flamelapse utc_offset_s=--1\n",
		  "1: 'utc_offset_s=-1' is not a number from 0 to 64800");
}

TEST(nothing_to_see)
{
	CHECK_EQ(read_text(""), -ENODATA);
	CHECK_STR(words, "flamelapse: 'x.folded' is empty\n");
	CHECK_EQ(read_text("# nothing\n\n"), -ENODATA);
	CHECK_STR(words, "flamelapse: 'x.folded' holds no stack; a line is "
			 "'process;frame;frame COUNT'\n");
	CHECK_EQ(read_text("# t=1 dur=1\n"), -ENODATA);
	CHECK_STR(words, "flamelapse: there is no stack in 'x.folded'\n");
}

static void add_frames(struct strbuf *sb, size_t n)
{
	strbuf_adds(sb, "p");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(sb, ";f%zu", i % 7);
}

TEST(depth)
{
	struct strbuf sb = {0};
	uint32_t depth = 0;

	add_frames(&sb, FOLDED_MAX_DEPTH);
	strbuf_adds(&sb, " 1\n");
	CHECK_EQ(read_text(strbuf_str(&sb)), 0);
	CHECK_STR(words, "");
	CHECK_EQ(rec.dict.n_nodes, FOLDED_MAX_DEPTH + 1);
	CHECK_EQ(rec.total.truncated, 0);
	for (int i = 0; i < 3; i++) {
		add_frames(&sb, FOLDED_MAX_DEPTH + 1 + i % 2);
		strbuf_adds(&sb, " 1\n");
	}
	CHECK_EQ(read_text(strbuf_str(&sb)), 0);
	CHECK_STR(words, "flamelapse: 3 stacks are deeper than 4096 frames, and are cut there\n");
	CHECK_EQ(rec.total.truncated, 3);
	CHECK_EQ(rec.total.complete, 1);
	CHECK_EQ(rec.dict.n_nodes, FOLDED_MAX_DEPTH + 2);
	CHECK_EQ(recording_load(&rec, 0, &snap), 0);
	CHECK_EQ(snap.n_entries, 2);
	for (uint32_t at = snap.entry[1].node; at; at = rec.dict.node[at].parent)
		depth++;
	CHECK_EQ(depth, FOLDED_MAX_DEPTH);
	strbuf_deinit(&sb);
}

static char dir[64];

static const char *file(const char *name, const char *text, size_t size)
{
	static char path[8][128];
	static int n;
	char *p = path[n++ % 8];
	FILE *f;

	if (!*dir) {
		strcpy(dir, "/tmp/test_import.XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	f = fopen(p, "w");
	fwrite(text, 1, size, f);
	fclose(f);
	return p;
}

#define FILE_OF(name, text) file(name, text, strlen(text))

TEST(each_file_is_a_snapshot)
{
	const char *paths[] = {FILE_OF("a", "p;x 1\n"), FILE_OF("b", "p;y 2"),
			       FILE_OF("c", "q;x 4\r\n")};

	CHECK_EQ(read_paths(paths, 3, 250000000), 0);
	CHECK_EQ(rec.n_snapshots, 3);
	CHECK_EQ(rec.snapshot[2].t0_ns, 500000000);
	CHECK_EQ(rec.snapshot[2].t1_ns, 750000000);
	CHECK_EQ(rec.meta.interval_ns, 250000000);
	CHECK_STR(told(0), "p;x/u 1\n");
	CHECK_STR(told(1), "p;y/u 2\n");
	CHECK_STR(told(2), "q;x/u 4\n");
	CHECK_STR(told(0), "p;x/u 1\n");
	CHECK_EQ(read_paths(paths, 3, UINT64_MAX / 2), -EOVERFLOW);
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
}

TEST(files_with_headers_go_on)
{
	const char *paths[] = {FILE_OF("a", "# t=1 dur=1\np;x 1\n"),
			       FILE_OF("b", "# t=1 dur=1\np;x 2\n# t=2 dur=1\np;x 4\n"),
			       FILE_OF("c", "p;x 1\n")};

	CHECK_EQ(read_paths(paths, 2, 0), 0);
	CHECK_EQ(rec.n_snapshots, 2);
	CHECK_STR(told(0), "p;x/u 3\n");
	CHECK_EQ(read_paths(paths, 3, 0), -EBADMSG);
	CHECK(strstr(words, "/c:1: a stack before the first '# t=' header\n"));
	CHECK_EQ(read_paths((const char *[]){paths[2], paths[0]}, 2, 0), -EBADMSG);
	CHECK(strstr(words, "/a:1: a '# t=' header after stacks that have none\n"));
	CHECK_EQ(read_paths((const char *[]){paths[1], paths[0]}, 2, 0), -EBADMSG);
	CHECK(strstr(words, "/a:1: t= runs backwards"));
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
}

TEST(files_that_cannot_be_read)
{
	const char *empty = file("empty", "", 0), *good = FILE_OF("good", "a;b 1\n");

	CHECK_EQ(read_paths((const char *[]){"/nonexistent/x"}, 1, 0), -ENOENT);
	CHECK_STR(words, "flamelapse: cannot open '/nonexistent/x': No such file or directory\n");
	CHECK_EQ(read_paths((const char *[]){"/tmp"}, 1, 0), -EISDIR);
	CHECK_STR(words, "flamelapse: cannot read '/tmp': Is a directory\n");
	CHECK_EQ(read_paths((const char *[]){good, empty}, 2, 0), -ENODATA);
	CHECK(strstr(words, "/empty' is empty\n"));
	unlink(empty);
	unlink(good);
}

/* A pipe gives a few bytes at a time, and lines go over every edge of the buffer. */
TEST(stdin_and_the_edges_of_the_buffer)
{
	struct strbuf sb = {0};
	int fds[2], saved = dup(0);
	const char *path;

	strbuf_adds(&sb, "\xef\xbb\xbf");
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&sb, "p;f%d;g%d 1\r\n", i % 10, i % 1000);
	path = file("long", sb.data, sb.len);
	CHECK_EQ(read_paths(&path, 1, 0), 0);
	CHECK_EQ(rec.total.taken, 100000);
	CHECK_EQ(recording_load(&rec, 0, &snap), 0);
	CHECK_EQ(snap.n_entries, 1000);
	unlink(path);
	CHECK_EQ(pipe(fds), 0);
	if (!fork()) {
		/* Each of the first bytes is a read() of its own. */
		for (int i = 0, waiting; i < 30; i++) {
			if (write(fds[1], sb.data + i, 1) != 1)
				_exit(1);
			while (!ioctl(fds[1], FIONREAD, &waiting) && waiting)
				usleep(100);
		}
		_exit(write(fds[1], sb.data + 30, sb.len - 30) < 0);
	}
	close(fds[1]);
	dup2(fds[0], 0);
	CHECK_EQ(read_paths((const char *[]){"-"}, 1, 0), 0);
	CHECK_EQ(rec.total.taken, 100000);
	CHECK_EQ(rec.dict.n_frames, 1011);
	CHECK_STR(dict_text(&rec.dict, rec.dict.process[1].comm), "p");
	dup2(saved, 0);
	close(saved);
	close(fds[0]);
	strbuf_deinit(&sb);
}

/* More lines than are kept before they are added up. */
TEST(many_lines_of_few_stacks)
{
	struct strbuf sb = {0};

	for (int i = 0; i < 1200000; i++)
		strbuf_adds(&sb, i % 3 ? "a;b 1\n" : "a;c 1\n");
	CHECK_EQ(read_bytes(sb.data, sb.len), 0);
	CHECK_STR(told(0), "a;c/u 400000\na;b/u 800000\n");
	strbuf_deinit(&sb);
}

/* The line before is gone once the buffer was filled anew; here its place holds another. */
TEST(no_prefix_from_a_buffer_that_is_gone)
{
	struct strbuf sb = {0};
	const char *path;

	while (sb.len < 1 << 20)
		strbuf_adds(&sb, "p;aaaaaaaa;aa 1\n");
	while (sb.len < 2 << 20)
		strbuf_adds(&sb, "p;bbbbbbbb;bb 1\n");
	path = file("two", sb.data, sb.len);
	CHECK_EQ(read_paths(&path, 1, 0), 0);
	CHECK_STR(told(0), "p;aaaaaaaa/u;aa/u 65536\np;bbbbbbbb/u;bb/u 65536\n");
	unlink(path);
	strbuf_deinit(&sb);
}

TEST(long_lines)
{
	size_t size = TEXT_MAX_LINE_BYTES + 64;
	char *text = malloc(size);
	const char *path;

	memset(text, 'x', size);
	memcpy(text, "a;b 1\n", 6);
	memcpy(text + size - 3, " 1\n", 3);
	CHECK_EQ(read_bytes(text, size), -EBADMSG);
	CHECK_STR(words, "flamelapse: x.folded:2: a line of more than 16 MiB\n");
	path = file("long", text, size);
	CHECK_EQ(read_paths(&path, 1, 0), -EBADMSG);
	CHECK(strstr(words, "/long:2: a line of more than 16 MiB\n"));
	text[6 + 64] = ';';
	memcpy(text + 6 + 61, " 1\n", 3);
	path = file("long", text, size);
	CHECK_EQ(read_paths(&path, 1, 0), 0);
	CHECK_EQ(rec.total.taken, 3);
	unlink(path);
	rmdir(dir);
	CHECK_EQ(read_paths((const char *[]){"/dev/zero"}, 1, 0), -EBADMSG);
	CHECK_STR(words, "flamelapse: /dev/zero:1: a line of more than 16 MiB\n");
	free(text);
}

TEST_MAIN()
