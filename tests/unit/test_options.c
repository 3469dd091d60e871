#include "cli/options.h"

#include "base/exit.h"
#include "cli/option_check.h"
#include "cli/option_table.h"
#include "cli/suggest.h"
#include "tests/test.h"

#define ARGS_MAX 64

static struct options opt;

/* Splits at single spaces; "''" stands for an empty word. */
static int parse(const char *line)
{
	static char copy[512], *argv[ARGS_MAX + 1];
	int argc = 0;

	options_deinit(&opt);
	snprintf(copy, sizeof(copy), "flamelapse %s", line);
	for (char *word = strtok(copy, " "); word && argc < ARGS_MAX; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "''") ? word : "";
	argv[argc] = NULL;
	return options_parse(&opt, argc, argv);
}

static void accept(const char *line)
{
	int status = parse(line);

	if (status)
		TEST_FAIL("'%s' is refused: %d", line, status);
}

static void refuse(const char *line)
{
	if (parse(line) != EXIT_USAGE)
		TEST_FAIL("'%s' is not refused", line);
}

TEST(defaults)
{
	accept("");
	CHECK_EQ(opt.command, COMMAND_RECORD);
	CHECK_EQ(opt.record.freq_hz, 49);
	CHECK_EQ(opt.record.period, 0);
	CHECK_EQ(opt.record.duration_ns, 0);
	CHECK_EQ(opt.record.cpu, -1);
	CHECK_EQ(opt.record.hash_storage_size, 40960);
	CHECK_EQ(opt.record.stack_storage_size, 16384);
	CHECK_EQ(opt.record.interval_ns, NS_PER_S);
	CHECK_STR(opt.record.event, "cpu-clock");
	CHECK(opt.record.max_loss_percent < 0);
	CHECK(!opt.record.argv);
	CHECK_EQ(opt.n_outputs, 0);
	CHECK(!opt.image_pattern);
}

TEST(profile_options)
{
	accept(
	    "-F 99 -p 12,13 -C 3 -U -d -a -I -f --hash-storage-size 100 --stack-storage-size=200 "
	    "--cgroupmap /a --mntnsmap /b -E -g x/y%d.png 30");
	CHECK_EQ(opt.record.freq_hz, 99);
	CHECK_EQ(opt.record.n_pids, 2);
	CHECK_EQ(opt.record.pids[1], 13);
	CHECK_EQ(opt.record.cpu, 3);
	CHECK(opt.record.user_only && opt.delimited && opt.annotate && opt.record.include_idle);
	CHECK(!opt.record.kernel_only);
	CHECK_EQ(opt.record.hash_storage_size, 100);
	CHECK_EQ(opt.record.stack_storage_size, 200);
	CHECK_STR(opt.record.cgroupmap, "/a");
	CHECK_STR(opt.record.mntnsmap, "/b");
	CHECK_EQ(opt.record.duration_ns, 30 * NS_PER_S);
	CHECK_EQ(opt.n_outputs, 2);
	CHECK_EQ(opt.outputs[0].kind, OUTPUT_FOLDED);
	CHECK_STR(opt.outputs[0].path, "-");
	CHECK_EQ(opt.outputs[1].kind, OUTPUT_PNG);
	CHECK_STR(opt.outputs[1].path, "x/y%d.png");

	accept("record -c 1000000 -L 7 -L 8,7 -K --stacks 2m");
	CHECK_EQ(opt.record.period, 1000000);
	CHECK_EQ(opt.record.freq_hz, 0);
	CHECK_EQ(opt.record.n_tids, 2);
	CHECK_EQ(opt.record.tids[1], 8);
	CHECK(opt.record.kernel_only);
	CHECK_EQ(opt.record.duration_ns, 2 * NS_PER_MIN);
	CHECK_EQ(opt.outputs[0].kind, OUTPUT_STACKS);

	accept("-E");
	CHECK_EQ(opt.n_outputs, 1);
	CHECK_STR(opt.outputs[0].path, "frames/flamegraph%04d.png");
	accept("-g z%03d.png -E");
	CHECK_EQ(opt.n_outputs, 1);
	CHECK_STR(opt.outputs[0].path, "z%03d.png");
	accept("-fU -F99 5");
	CHECK(opt.record.user_only);
	CHECK_EQ(opt.record.freq_hz, 99);
	accept("-C -1");
	CHECK_EQ(opt.record.cpu, -1);
}

TEST(own_options)
{
	accept("--interval 250ms --cgroup /sys/fs/cgroup/a -e cycles --max-loss 0.5% -q -o a.flame "
	       "-o b.mp4 -o c.y4m -o d%04d.png -o e.folded --per-snapshot --size 720p --fps 60 "
	       "--speed 2.5x --mode window --window 10s --scale share --theme print --cfr "
	       "--title T --no-system-fonts");
	CHECK_EQ(opt.record.interval_ns, 250 * NS_PER_MS);
	CHECK_STR(opt.record.cgroup, "/sys/fs/cgroup/a");
	CHECK_STR(opt.record.event, "cycles");
	CHECK(opt.record.max_loss_percent > 0.4999 && opt.record.max_loss_percent < 0.5001);
	CHECK(opt.quiet && opt.per_snapshot && opt.render.cfr && opt.render.no_system_fonts);
	CHECK_EQ(opt.n_outputs, 5);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(opt.outputs[i].kind, OUTPUT_RECORDING + i);
	CHECK_EQ(opt.render.width, 1280);
	CHECK_EQ(opt.render.height, 720);
	CHECK_EQ(opt.render.fps, 60);
	CHECK(opt.render.speed == 2.5);
	CHECK_EQ(opt.render.window_ns, 10 * NS_PER_S);
	CHECK_EQ(opt.render.scale, SCALE_SHARE);
	CHECK_EQ(opt.render.theme, THEME_PRINT);
	CHECK_STR(opt.render.title, "T");
}

TEST(a_command_keeps_its_own_options)
{
	accept("-F 99 -- sleep -F 5 -o x");
	CHECK_STR(opt.record.argv[0], "sleep");
	CHECK_STR(opt.record.argv[1], "-F");
	CHECK_STR(opt.record.argv[4], "x");
	CHECK(!opt.record.argv[5]);
	CHECK_EQ(opt.n_outputs, 0);
	accept("10 -- render");
	CHECK_EQ(opt.record.duration_ns, 10 * NS_PER_S);
	CHECK_STR(opt.record.argv[0], "render");
	refuse("5 --");
	accept("--all-cpus -p 3 -- true");
	accept("-C 0 -p 3 -- true");
	refuse("-p 3 -- true");
	refuse("--cgroup /x -- true");
	refuse("-- ''");
}

TEST(render)
{
	accept("render a.flame -o x.mp4 --from 14:03:27 --to 41.5s --mode interval");
	CHECK_EQ(opt.command, COMMAND_RENDER);
	CHECK_EQ(opt.n_inputs, 1);
	CHECK_STR(opt.inputs[0], "a.flame");
	CHECK_EQ(opt.from.kind, TIME_POINT_OF_DAY);
	CHECK_EQ(opt.to.kind, TIME_POINT_FROM_START);
	CHECK_EQ(opt.render.mode, MODE_INTERVAL);
	accept("render -o - a b c -- -d.folded");
	CHECK_EQ(opt.n_inputs, 4);
	CHECK_STR(opt.inputs[3], "-d.folded");
	CHECK_EQ(opt.outputs[0].kind, OUTPUT_Y4M);
	accept("render - -E");
	accept("render x.flame -f --from 2s");
	refuse("render");
	refuse("render a.flame");
	refuse("render -o x.mp4");
	refuse("render - - -o x.mp4");
	refuse("render a.folded -o a.folded");
	refuse("render a.flame -o b.flame");
	refuse("render a.flame -o x.mp4 -F 99");
	refuse("render a.flame -f -o -");
	refuse("render a.flame -f --size 720p");
	refuse("render a.flame -o x.mp4 --per-snapshot");
}

TEST(other_commands)
{
	accept("info --json x");
	CHECK_EQ(opt.command, COMMAND_INFO);
	CHECK(opt.json);
	CHECK_STR(opt.inputs[0], "x");
	accept("doctor");
	CHECK_EQ(opt.command, COMMAND_DOCTOR);
	accept("help render");
	CHECK_EQ(opt.command, COMMAND_HELP);
	CHECK_EQ(opt.topic, COMMAND_RENDER);
	accept("help");
	CHECK_EQ(opt.topic, N_COMMANDS);
	accept("--help");
	CHECK_EQ(opt.command, COMMAND_HELP);
	CHECK_EQ(opt.topic, N_COMMANDS);
	accept("info -h");
	CHECK_EQ(opt.command, COMMAND_HELP);
	CHECK_EQ(opt.topic, COMMAND_INFO);
	accept("--version");
	CHECK_EQ(opt.command, COMMAND_VERSION);
	refuse("info");
	refuse("info a b");
	refuse("doctor x");
	refuse("doctor -p 1");
	refuse("help nothing");
	refuse("version 2");
}

TEST(numbers_refused)
{
	static const char *const options[] = {
	    "-F", "-c", "-p", "-L", "--hash-storage-size", "--stack-storage-size", "--fps"};
	static const char *const values[] = {"0",
					     "-3",
					     "x",
					     "5x",
					     "5.0",
					     "0x5",
					     "1e3",
					     "''",
					     "+5",
					     "99999999999",
					     "18446744073709551616",
					     "99999999999999999999999"};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			char line[64];

			if (!strcmp(options[i], "-c") && !strcmp(values[j], "99999999999"))
				continue;
			snprintf(line, sizeof(line), "%s %s", options[i], values[j]);
			refuse(line);
		}
	refuse("-c 9223372036854775808");
	refuse("-C -2");
	refuse("-C 1,2");
	refuse("-C 65536");
	refuse("-p 1,");
	refuse("-p ,1");
	refuse("-p 1,,2");
	refuse("-p 4194305");
	refuse("--fps 121");
	refuse("--max-loss 101");
	refuse("--max-loss -1");
	refuse("--max-loss 1x");
	refuse("--speed 0");
	refuse("--speed x");
	refuse("--speed 1x1");
}

TEST(times_refused)
{
	refuse("0");
	refuse("0.0000001");
	refuse("-5");
	refuse("5 6");
	refuse("99999999999999");
	refuse("10q");
	refuse("--interval 9ms");
	refuse("--interval 25h");
	refuse("--interval 0");
	accept("--interval 10ms");
	refuse("--length 999ms");
	refuse("--window 0");
	refuse("render x -o y.mp4 --from 41");
	refuse("render x -o y.mp4 --to 25:00");
}

TEST(sizes)
{
	static const char *const bad[] = {"0x0",      "1281x720",  "1280x721",	"1280",
					  "1280x",    "x720",	   "1280X720",	"158x720",
					  "8194x100", "100x8194",  "1280x720p", "-2x2",
					  "480p",     "1280x720x2"};
	char line[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "--size %s", bad[i]);
		refuse(line);
	}
	accept("--size 640x360");
	CHECK_EQ(opt.render.width, 640);
	CHECK_EQ(opt.render.height, 360);
	accept("--size portrait");
	CHECK_EQ(opt.render.height, 1920);
}

TEST(outputs_refused)
{
	static const char *const bad[] = {
	    "x",	 "x.avi",    ".mp4",	  "''",		"-",	     "x.webm",
	    "x.gif",	 "x.svg",    "x.html",	  "x.pb.gz",	"x.png",     "x%s.png",
	    "x%d%d.png", "x%5d.png", "x%0d.png",  "x%010d.png", "x%.3d.png", "x%*d.png",
	    "x%",	 "x%ld.png", "x%n%d.png", "x%%.png",	"frames/",   "x.mp4/",
	};
	char line[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "-o %s", bad[i]);
		refuse(line);
	}
	accept("-o 100%%-%d.png");
	refuse("-g x.png");
	refuse("-g x%d.jpg");
	refuse("-g x");
	refuse("-o x.mp4 -o x.mp4");
	refuse("-o x.mp4 -o ./x.mp4");
	refuse("-E -o frames/flamegraph%04d.png");
	refuse("-f --stacks");
	accept("-f -f");
	accept("-o x.mp4 -o x.flame");
}

TEST(conflicts)
{
	refuse("-U -K");
	refuse("-F 9 -c 9");
	refuse("-p 1 -L 1");
	refuse("-C 1 --all-cpus");
	refuse("--length 5s --speed 2");
	refuse("--mode interval --window 5s");
	refuse("-f --theme dark");
	refuse("-o x.flame --fps 30");
	refuse("--per-snapshot");
	accept("--per-snapshot -f");
	accept("-a"); /* with a word */
}

TEST(on_and_off_the_cpu)
{
	accept("--off-cpu");
	CHECK(opt.record.off_cpu && !opt.record.on_cpu && opt.record.period == 1);
	accept("--on-cpu --off-cpu");
	CHECK(opt.record.off_cpu && opt.record.on_cpu && opt.record.freq_hz == 49);
	CHECK_EQ(opt.series, SERIES_MAX);
	accept("--on-cpu --off-cpu -F 99 -e cycles -I --series off-cpu -o x.mp4");
	CHECK_EQ(opt.series, SERIES_OFF_CPU);
	accept("--off-cpu --on-cpu -c 20000 --min-block 1ms");
	accept("--on-cpu");
	refuse("--off-cpu -F 99");
	refuse("--off-cpu -e cycles");
	refuse("--off-cpu -c 20000");
	refuse("--off-cpu -I");
	refuse("--off-cpu --on-cpu -C 0");
	refuse("--off-cpu --on-cpu -e page-faults");
	refuse("--on-cpu --min-block 1ms");
	refuse("--series off-cpu");
	refuse("--off-cpu --series on-cpu");
	refuse("--on-cpu --off-cpu --series both");
	accept("render x.flame -f --series on-cpu");
	CHECK_EQ(opt.series, SERIES_ON_CPU);
	accept("info x.flame --series off-cpu");
	refuse("symbolize x.flame --series off-cpu");
}

TEST(unknown)
{
	refuse("--nonsense");
	refuse("-Z");
	refuse("-T");
	refuse("-P /");
	refuse("-R 9090");
	refuse("-hash-storage-size 5");
	refuse("--quiet=yes");
	refuse("-F");
	refuse("--size");
	refuse("--st");
	refuse("-e tracepoint");
	refuse("--json");
	refuse("--from 5s");
	refuse("rendr x.flame");
	refuse("view x.flame");
	refuse("-q render x.flame -o x.mp4");
	refuse("make");
}

static const char *nearest(const char *word)
{
	static const char *const words[] = {"frequency", "folded", "from", "size", "scale"};
	struct suggestion s = {.word = word};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		suggest_offer(&s, words[i]);
	return s.best;
}

TEST(suggestions)
{
	CHECK_STR(nearest("freqency"), "frequency");
	CHECK_STR(nearest("freq"), "frequency");
	CHECK_STR(nearest("fodled"), "folded");
	CHECK_STR(nearest("sice"), "size");
	CHECK_STR(nearest("form"), "from");
	CHECK(!nearest("elephant"));
	CHECK(!nearest("x"));
	CHECK(!nearest("a-word-that-is-much-longer-than-any-option-there-is"));
}

TEST(table)
{
	CHECK(n_options <= OPTIONS_MAX);
	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *def = &option_table[i];

		CHECK(def->help && *def->help && def->help[strlen(def->help) - 1] != '.');
		CHECK_EQ(!!def->choices, def->complete == COMPLETE_CHOICES);
		CHECK(option_by_name(def->name, strlen(def->name)) == def);
		if (def->letter)
			CHECK(option_by_letter(def->letter) == def);
		CHECK(!strchr("TPR", def->letter) || !def->letter);
	}
}

TEST_MAIN()
