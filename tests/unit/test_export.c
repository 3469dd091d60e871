#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/folded.h"
#include "export/stacks.h"
#include "export/summary.h"
#include "tests/synthetic.h"
#include "tests/test.h"

/* A recording in memory: two snapshots, stacks of all kinds. */
static struct snapshot shots[2];

static int load(struct recording *rec, size_t i, struct snapshot *s)
{
	(void)rec;
	for (size_t e = 0; e < shots[i].n_entries; e++)
		snapshot_add(s, shots[i].entry[e].process, shots[i].entry[e].node,
			     shots[i].entry[e].count);
	return 0;
}

static uint32_t frame(struct dict *d, const char *name, enum frame_kind kind)
{
	uint32_t module =
	    kind == FRAME_USER ? dict_module(d, dict_string(d, "/usr/bin/app", 12), NULL, 0) : 0;

	return dict_frame(d, dict_string(d, name, strlen(name)), module, kind);
}

static uint32_t process(struct dict *d, uint32_t pid, const char *comm)
{
	struct process p = {.pid = pid, .comm = dict_string(d, comm, strlen(comm))};

	return dict_process(d, &p);
}

static void set_meta(char **text, const char *to)
{
	free(*text);
	*text = xstrdup(to);
}

static void count(struct snapshot *s, uint32_t process_id, uint32_t node, uint64_t n)
{
	snapshot_add(s, process_id, node, n);
	s->info.account.taken += n;
	s->info.account.complete += n;
	s->info.account.expected += n;
}

static void make(struct recording *rec)
{
	struct dict *d = &rec->dict;
	uint32_t app, twin, odd, thread, main_, work, again, read_, cut, jit;

	recording_init(rec);
	set_meta(&rec->meta.host, "web1");
	set_meta(&rec->meta.event, "cpu-clock");
	rec->meta.freq_hz = 99;
	rec->meta.interval_ns = 1000000000;
	app = process(d, 10, "my app");
	twin = process(d, 11, "my app");
	odd = process(d, 12, "#a;b ");
	thread = process(d, 2, "kthread");
	main_ = dict_node(d, 0, frame(d, "main", FRAME_USER));
	work = dict_node(d, main_, frame(d, "work(a; b) const", FRAME_USER));
	again = dict_node(d, work, frame(d, "main", FRAME_USER));
	read_ = dict_node(d, dict_node(d, work, frame(d, "sys_read", FRAME_KERNEL)),
			  frame(d, "vfs_read", FRAME_KERNEL));
	cut = dict_node(d, dict_node(d, 0, frame(d, FRAME_TRUNCATED, FRAME_MARK)),
			frame(d, "sys_read", FRAME_KERNEL));
	jit = dict_node(d, dict_node(d, main_, frame(d, "loop", FRAME_JIT)),
			frame(d, "app+0x12", FRAME_UNNAMED));
	count(&shots[0], app, work, 3);
	count(&shots[0], twin, work, 4);
	count(&shots[0], app, read_, 1);
	count(&shots[0], app, jit, 2);
	/* The same in text, though another module. */
	count(&shots[0], app,
	      dict_node(d, 0, dict_frame(d, dict_string(d, "main", 4), 0, FRAME_USER)), 5);
	count(&shots[1], app, main_, 1);
	count(&shots[1], app, again, 6);
	count(&shots[1], odd, 0, 1);
	count(&shots[1], thread, dict_node(d, 0, frame(d, "kswapd ", FRAME_KERNEL)), 1);
	count(&shots[1], app, cut, 2);
	shots[1].info.account.truncated = 2;
	shots[1].info.account.complete -= 2;
	for (int i = 0; i < 2; i++) {
		struct snapshot_info *info = &shots[i].info;

		snapshot_sort(&shots[i]);
		info->t0_ns = 1763647407250000000 + i * UINT64_C(1000000000);
		info->t1_ns = info->t0_ns + (i ? 250000000 : 1000000000);
		info->account.idle = 1000;
		info->account.lost[LOSS_MISSING] = 7;
		info->account.expected += 1007;
		recording_add_info(rec, info);
	}
	rec->load = load;
}

static void unmake(struct recording *rec)
{
	recording_deinit(rec);
	for (int i = 0; i < 2; i++)
		snapshot_deinit(&shots[i]);
}

static char *text_of(int (*write)(struct recording *, const struct folded_style *, FILE *),
		     struct folded_style style)
{
	struct recording rec;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	make(&rec);
	CHECK_EQ(write(&rec, &style, f), 0);
	fclose(f);
	unmake(&rec);
	return text;
}

#define CHECK_TEXT(text, expected)                                                                 \
	do {                                                                                       \
		char *text_ = (text);                                                              \
		CHECK_STR(text_, expected);                                                        \
		free(text_);                                                                       \
	} while (0)

TEST(folded_lines_are_sorted_and_merged)
{
	CHECK_TEXT(text_of(folded_write, (struct folded_style){0}),
		   "\\x23a:b\\x20 1\n"
		   "kthread;kswapd\\x20 1\n"
		   "my app;[truncated];sys_read 2\n"
		   "my app;main 6\n"
		   "my app;main;loop;app+0x12 2\n"
		   "my app;main;work(a: b) const 7\n"
		   "my app;main;work(a: b) const;main 6\n"
		   "my app;main;work(a: b) const;sys_read;vfs_read 1\n");
}

TEST(folded_with_annotations_and_delimiter)
{
	CHECK_TEXT(text_of(folded_write,
			   (struct folded_style){.annotate = true, .delimited = true}),
		   "\\x23a:b\\x20 1\n"
		   "kthread;kswapd _[k] 1\n"
		   "my app;[truncated];sys_read_[k] 2\n"
		   "my app;main 6\n"
		   "my app;main;loop_[j];app+0x12 2\n"
		   "my app;main;work(a: b) const 7\n"
		   "my app;main;work(a: b) const;-;sys_read_[k];vfs_read_[k] 1\n"
		   "my app;main;work(a: b) const;main 6\n");
}

TEST(folded_per_snapshot)
{
	CHECK_TEXT(text_of(folded_write, (struct folded_style){.per_snapshot = true}),
		   "# flamelapse host=web1 event=cpu-clock freq_hz=99\n"
		   "# t=1763647407.250000000 dur=1\n"
		   "my app;main 5\n"
		   "my app;main;loop;app+0x12 2\n"
		   "my app;main;work(a: b) const 7\n"
		   "my app;main;work(a: b) const;sys_read;vfs_read 1\n"
		   "# t=1763647408.250000000 dur=0.25\n"
		   "\\x23a:b\\x20 1\n"
		   "kthread;kswapd\\x20 1\n"
		   "my app;[truncated];sys_read 2\n"
		   "my app;main 1\n"
		   "my app;main;work(a: b) const;main 6\n");
}

TEST(stacks_as_profile_prints_them)
{
	char *text =
	    text_of(stacks_write, (struct folded_style){.annotate = true, .delimited = true});
	const char *read_ = "    vfs_read_[k]\n"
			    "    sys_read_[k]\n"
			    "    --\n"
			    "    work(a: b) const\n"
			    "    main\n"
			    "    -                my app (10)\n"
			    "        1\n\n";

	CHECK(strstr(text, read_));
	CHECK(!strncmp(text, "    -                #a;b  (12)\n        1\n\n", 43));
	/* In rising order of counts; two processes of one name stay two. */
	CHECK(strstr(text, "my app (10)\n        3\n\n") <
	      strstr(text, "my app (11)\n        4\n\n"));
	CHECK_STR(strstr(text, "my app (11)\n        4\n\n"), "my app (11)\n        4\n\n"
							      "    main\n"
							      "    -                my app (10)\n"
							      "        6\n\n"
							      "    main\n"
							      "    work(a: b) const\n"
							      "    main\n"
							      "    -                my app (10)\n"
							      "        6\n\n");
	free(text);
}

TEST(files_appear_whole)
{
	char dir[] = "/tmp/flamelapse-test-XXXXXX", line[100];
	struct folded_style style = {0};
	struct recording rec;
	struct stat st;
	FILE *f;

	CHECK(mkdtemp(dir) && !chdir(dir));
	make(&rec);
	CHECK_EQ(export_folded(&rec, &style, "x.folded"), 0);
	CHECK((f = fopen("x.folded", "r")) && fgets(line, sizeof(line), f));
	CHECK_STR(line, "\\x23a:b\\x20 1\n");
	fclose(f);
	CHECK_EQ(export_stacks(&rec, &style, "x.stacks"), 0);
	CHECK(!stat("x.stacks", &st) && st.st_size > 100);
	CHECK_EQ(export_folded(&rec, &style, "no/such/folder"), -ENOENT);
	CHECK(access(".x.folded.part", F_OK));
	unmake(&rec);
	CHECK(!unlink("x.folded") && !unlink("x.stacks") && !rmdir(dir));
}

TEST(a_closed_stdout_is_told)
{
	struct folded_style style = {0};
	struct recording rec;
	int before = dup(STDOUT_FILENO), fd[2], err_pipe, err_full;

	make(&rec);
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	CHECK(!pipe(fd));
	close(fd[0]);
	dup2(fd[1], STDOUT_FILENO);
	err_pipe = export_folded(&rec, &style, "-");
	CHECK(freopen("/dev/full", "w", stdout));
	err_full = export_folded(&rec, &style, "-");
	dup2(before, STDOUT_FILENO);
	close(before);
	close(fd[1]);
	CHECK_EQ(err_pipe, -EPIPE);
	CHECK_EQ(err_full, -ENOSPC);
	unmake(&rec);
}

TEST(functions_count_recursion_once)
{
	struct functions f = {0};
	struct function best[3];
	struct recording rec;

	make(&rec);
	functions_add(&f, &rec.dict, shots[1].entry, shots[1].n_entries);
	CHECK_EQ(functions_best(&f, best, 3), 3);
	CHECK_STR(dict_frame_name(&rec.dict, best[0].frame), "main");
	CHECK(best[0].self == 7 && best[0].total == 7);
	CHECK_STR(dict_frame_name(&rec.dict, best[1].frame), "sys_read");
	CHECK_EQ(functions_best(&f, best, 0), 0);
	functions_clear(&f);
	CHECK_EQ(functions_best(&f, best, 3), 0);
	functions_add(&f, &rec.dict, shots[0].entry, shots[0].n_entries);
	CHECK_EQ(functions_best(&f, best, 3), 3);
	CHECK_STR(dict_frame_name(&rec.dict, best[0].frame), "work(a; b) const");
	CHECK(best[0].self == 7 && best[0].total == 8);
	functions_deinit(&f);
	unmake(&rec);
}

TEST(the_summary_in_json)
{
	struct strbuf sb = {0};
	struct recording rec;
	struct summary sum;

	make(&rec);
	set_meta(&rec.meta.command, "make \"x\"");
	rec.meta.command_status = 9;
	CHECK_EQ(summary_compute(&sum, &rec), 0);
	sum.n_top = 2;
	summary_add_json(&sum, &sb);
	CHECK_STR(
	    strbuf_str(&sb),
	    "{\n"
	    "  \"host\": \"web1\",\n"
	    "  \"command\": \"make \\\"x\\\"\",\n"
	    "  \"command_status\": 137,\n"
	    "  \"start\": \"2025-11-20T14:03:27.250000000Z\",\n"
	    "  \"start_ns\": 1763647407250000000,\n"
	    "  \"duration_s\": 1.25,\n"
	    "  \"interval_s\": 1,\n"
	    "  \"snapshots\": 2,\n"
	    "  \"event\": \"cpu-clock\",\n"
	    "  \"freq_hz\": 99,\n"
	    "  \"online_cpus\": null,\n"
	    "  \"finished\": false,\n"
	    "  \"samples\": {\"expected\": 2040, \"taken\": 26, \"idle\": 2000, "
	    "\"filtered\": 0,\n"
	    "    \"lost\": {\"ring_full\": 0, \"ring_busy\": 0, \"hash_storage\": 0, "
	    "\"stack_storage\": 0, \"missing\": 14, \"backlog\": 0}, \"undelivered\": null},\n"
	    "  \"stacks\": {\"distinct\": 9, \"complete\": 24, \"truncated\": 2, "
	    "\"kernel_only\": 0},\n"
	    "  \"unknown_frames\": 1,\n"
	    "  \"top\": [\n"
	    "    {\"name\": \"main\", \"module\": \"/usr/bin/app\", \"kind\": \"user\", "
	    "\"self\": 7, \"total\": 17, \"share\": 0.269231},\n"
	    "    {\"name\": \"work(a; b) const\", \"module\": \"/usr/bin/app\", \"kind\": "
	    "\"user\", \"self\": 7, \"total\": 14, \"share\": 0.269231}\n"
	    "  ]\n"
	    "}\n");
	strbuf_deinit(&sb);
	unmake(&rec);
}

TEST(the_summary_in_words)
{
	struct strbuf sb = {0};
	struct recording rec;
	struct summary sum;

	make(&rec);
	rec.meta.undelivered = 1234567;
	CHECK_EQ(summary_compute(&sum, &rec), 0);
	sum.n_top = 1;
	summary_add_text(&sum, "x.flame", &sb);
	CHECK_STR(
	    strbuf_str(&sb),
	    "recording    x.flame   NOT FINISHED: still being written, or its recorder was killed\n"
	    "host         web1\n"
	    "time         2025-11-20 14:03:27 UTC, 1.2 s in 2 snapshots\n"
	    "event        cpu-clock at 99 Hz\n"
	    "samples      2,040 expected = 26 taken + 2,000 idle + 0 filtered + 14 lost\n"
	    "LOST         14 missing (0.7 %)\n"
	    "undelivered  1,234,567 by the kernel, beside the expected ones\n"
	    "stacks       9 distinct; samples: 24 complete (92.3 %), 0 kernel only (0.0 %), "
	    "2 TRUNCATED (7.7 %)\n"
	    "functions    8, of which 1 without a name took 2 samples (7.7 %)\n"
	    "\n"
	    "        self        total   share  kind     function\n"
	    "           7           17  26.9 %  user     main  [app]\n");
	strbuf_deinit(&sb);
	unmake(&rec);
}

TEST(an_empty_recording_has_a_summary)
{
	struct strbuf sb = {0};
	struct recording rec;
	struct summary sum;

	recording_init(&rec);
	CHECK_EQ(summary_compute(&sum, &rec), 0);
	summary_add_json(&sum, &sb);
	CHECK(strstr(strbuf_str(&sb), "\"host\": null"));
	CHECK(strstr(strbuf_str(&sb), "\"start\": null"));
	CHECK(strstr(strbuf_str(&sb), "\"duration_s\": 0,"));
	CHECK(strstr(strbuf_str(&sb), "\"top\": []"));
	strbuf_clear(&sb);
	summary_add_text(&sum, "x.flame", &sb);
	CHECK(strstr(strbuf_str(&sb), "no snapshot was finished"));
	strbuf_deinit(&sb);
	recording_deinit(&rec);
}

TEST_MAIN()
