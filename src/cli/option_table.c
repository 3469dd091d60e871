#include "cli/option_table.h"

#include <string.h>

#include "base/xalloc.h"
#include "capture/eventspec.h"
#include "cli/option_value.h"

#define RECORD (1u << COMMAND_RECORD)
#define EVENTS (1u << COMMAND_EVENTS)
#define INFO   (1u << COMMAND_INFO)
#define DOCTOR (1u << COMMAND_DOCTOR)
#define ALL    ((1u << N_COMMANDS) - 1)
/* What only a build with pictures has. */
#if RENDER
#define RENDERER (1u << COMMAND_RENDER)
#define PICTURES (RECORD | RENDERER)
#define OUTPUT_HELP                                                                                \
	".flame (a recording), .mp4, .y4m (- is stdout, for render), .png (a sequence; the name "  \
	"needs a number, as in x%04d.png), .folded. By default record writes "                     \
	"flamelapse-HOST-TIME.flame and .mp4, symbolize FILE.named.flame"
#else
#define RENDERER 0u
#define PICTURES 0u
#define OUTPUT_HELP                                                                                \
	".flame (a recording), .folded. By default record writes flamelapse-HOST-TIME.flame, "     \
	"symbolize FILE.named.flame"
#endif

#define SYMBOLIZE  (1u << COMMAND_SYMBOLIZE)
#define SYMBOLIZER (RECORD | SYMBOLIZE)

#define AT(member) .offset = offsetof(struct options, member)

const char *const option_group_titles[N_GROUPS] = {
    [GROUP_SAMPLING] = "What to sample", [GROUP_NAMES] = "Names",
    [GROUP_TEXT] = "Stacks as text",	 [GROUP_OUTPUT] = "What to write",
    [GROUP_PICTURE] = "The picture",	 [GROUP_GENERAL] = "General",
};

const struct option_def option_table[] = {
    {"frequency", 'F', "HZ", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample each CPU this often (default 49; at most kernel.perf_event_max_sample_rate)",
     .read = value_u32, AT(record.freq_hz), .min = 1, .max = 1000000000},
    {"count", 'c', "N", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample once every N of the event instead: nanoseconds of CPU time for cpu-clock (at "
     "least 10000); of events that are counted, such as page-faults, each by default",
     .read = value_u64, AT(record.period), .min = 1, .max = INT64_MAX},
    {"event", 'e', "EVENT", RECORD | EVENTS, GROUP_SAMPLING,
     "What triggers a sample: cpu-clock (default), cycles and other hardware counters, "
     "page-faults, context-switches and other events of the kernel, tracepoint:CAT:NAME, or "
     "uprobe:PATH:SYMBOL",
     event_names, COMPLETE_CHOICES, .read = value_event, AT(record.event)},
    {"off-cpu", 0, NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Take the time in which threads are not on a CPU, to the microsecond, with the stacks that "
     "wait",
     .read = value_flag, AT(record.off_cpu)},
    {"on-cpu", 0, NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "With --off-cpu, sample the CPUs too: two series in one recording, for --series",
     .read = value_flag, AT(record.on_cpu)},
    {"min-block", 0, "TIME", RECORD | EVENTS, GROUP_SAMPLING,
     "With --off-cpu, leave out what is shorter (default 100us)", .read = value_span,
     AT(record.min_block_ns), .min = 0, .max = NS_PER_DAY},
    {"max-block", 0, "TIME", RECORD | EVENTS, GROUP_SAMPLING,
     "With --off-cpu, leave out what is longer", .read = value_span, AT(record.max_block_ns),
     .min = NS_PER_US, .max = NS_PER_DAY},
    {"pid", 'p', "PID,...", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample these processes only, with all their threads but without their children",
     .read = value_ids, AT(record.pids), .min = offsetof(struct options, record.n_pids)},
    {"tid", 'L', "TID,...", RECORD | EVENTS, GROUP_SAMPLING, "Sample these threads only",
     .read = value_ids, AT(record.tids), .min = offsetof(struct options, record.n_tids)},
    {"cpu", 'C', "CPU", RECORD | EVENTS, GROUP_SAMPLING, "Sample this CPU only (default -1: all)",
     .read = value_cpu, AT(record.cpu), .max = 65535},
    {"all-cpus", 0, NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Sample the whole machine while COMMAND runs, not only COMMAND", .read = value_flag,
     AT(record.all_cpus)},
    {"cgroup", 0, "PATH", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample the processes of this cgroup (version 2) and of those below it", NULL, COMPLETE_FOLDER,
     .read = value_string, AT(record.cgroup)},
    {"cgroupmap", 0, "PATH", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample the cgroups whose ids are keys of this pinned BPF hash map", NULL, COMPLETE_FILE,
     .read = value_string, AT(record.cgroupmap)},
    {"mntnsmap", 0, "PATH", RECORD | EVENTS, GROUP_SAMPLING,
     "Sample the mount namespaces whose inode numbers are keys of this pinned BPF hash map", NULL,
     COMPLETE_FILE, .read = value_string, AT(record.mntnsmap)},
    {"user-stacks-only", 'U', NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Take user stacks only, without kernel frames", .read = value_flag, AT(record.user_only)},
    {"kernel-stacks-only", 'K', NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Take kernel stacks only, without user frames", .read = value_flag, AT(record.kernel_only)},
    {"frame-pointers", 0, NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Read user stacks by frame pointers, and not by the unwinding tables of the programs",
     .read = value_flag, AT(record.frame_pointers)},
    {"max-stack", 0, "N", RECORD | EVENTS, GROUP_SAMPLING,
     "Take at most N user frames of a stack, up to 1023 (default 256)", .read = value_u32,
     AT(record.max_stack), .min = 1, .max = 1023},
    {"include-idle", 'I', NULL, RECORD | EVENTS, GROUP_SAMPLING,
     "Take the samples of idle CPUs too", .read = value_flag, AT(record.include_idle)},
    {"per-thread", 0, NULL, RECORD, GROUP_SAMPLING,
     "Keep the threads of a process apart, for --by thread", .read = value_flag,
     AT(record.per_thread)},
    {"per-cpu", 0, NULL, RECORD, GROUP_SAMPLING,
     "Keep apart what is done on each CPU, for --by cpu", .read = value_flag, AT(record.per_cpu)},
    {"interval", 0, "TIME", RECORD, GROUP_SAMPLING, "Length of a snapshot, 10ms to 1d (default 1s)",
     .read = value_span, AT(record.interval_ns), .min = 10 * NS_PER_MS, .max = NS_PER_DAY},
    {"hash-storage-size", 0, "N", RECORD, GROUP_SAMPLING,
     "Keep at most N pairs of process and stack in a snapshot; what is beyond is counted as "
     "lost (default 40960)",
     .read = value_u32, AT(record.hash_storage_size), .min = 1, .max = 1 << 30},
    {"stack-storage-size", 0, "N", RECORD, GROUP_SAMPLING,
     "Keep at most N distinct stacks in a snapshot; what is beyond is counted as lost (default "
     "16384)",
     .read = value_u32, AT(record.stack_storage_size), .min = 1, .max = 1 << 30},
    {"max-loss", 0, "PERCENT", RECORD, GROUP_SAMPLING,
     "End with status 6 if more of the samples than this were lost", .read = value_percent,
     AT(record.max_loss_percent)},

    {"inlines", 0, NULL, RECORD, GROUP_NAMES,
     "Show the functions that the compiler inlined as frames of their own, where "
     "there is DWARF",
     .read = value_flag, AT(record.inlines)},
    {"lines", 0, NULL, RECORD, GROUP_NAMES,
     "Name the line of source too, as in 'function (file.c:12)', where there is DWARF",
     .read = value_flag, AT(record.lines)},
    {"debuginfod", 0, NULL, SYMBOLIZER, GROUP_NAMES,
     "Fetch missing symbols from the servers of DEBUGINFOD_URLS (record: when it has ended), for "
     "two minutes at most",
     .read = value_flag, AT(record.debuginfod)},
    {"debug-files", 0, "FOLDER", SYMBOLIZER, GROUP_NAMES,
     "Look for separate debug files there too, in the order of /usr/lib/debug", NULL,
     COMPLETE_FOLDER, .read = value_string, AT(record.debug_files)},

    {"folded", 'f', NULL, RECORD | RENDERER, GROUP_TEXT,
     "Print folded stacks, one line each, to stdout; nothing else is written by default",
     .read = value_folded},
    {"stacks", 0, NULL, RECORD | EVENTS, GROUP_TEXT,
     "Print stacks of one frame a line to stdout; record writes nothing else by default",
     .read = value_stacks},
    {"raw", 0, NULL, EVENTS, GROUP_TEXT,
     "Print `stacktrace_event pid: N ustack: N kstack: N`, with the addresses where it ran",
     .read = value_flag, AT(raw)},
    {"annotations", 'a', NULL, RECORD | RENDERER, GROUP_TEXT, "Add _[k] to kernel frames in text",
     .read = value_flag, AT(annotate)},
    {"delimited", 'd', NULL, RECORD | RENDERER, GROUP_TEXT,
     "Put a delimiter between kernel and user frames in text", .read = value_flag, AT(delimited)},
    {"per-snapshot", 0, NULL, RECORD | RENDERER, GROUP_TEXT,
     "Write folded stacks in one block for each snapshot, under a line with its time",
     .read = value_flag, AT(per_snapshot)},

    {"output", 'o', "FILE", RECORD | RENDERER | SYMBOLIZE, GROUP_OUTPUT,
     "Write FILE, and more with further -o; the extension says what: " OUTPUT_HELP, NULL,
     COMPLETE_FILE, .read = value_output},
    {"images", 'E', NULL, PICTURES, GROUP_OUTPUT,
     "Write an image for each snapshot, to " IMAGE_PATTERN_DEFAULT, .read = value_images},
    {"image-pattern", 'g', "PATTERN", PICTURES, GROUP_OUTPUT,
     "As -E, but to files of this name, which contains %d or %04d", NULL, COMPLETE_FILE,
     .read = value_images},
    {"json", 0, NULL, INFO | DOCTOR | EVENTS, GROUP_OUTPUT, "Print JSON", .read = value_flag,
     AT(json)},

    {"by", 0, "GROUP", RECORD | RENDERER, GROUP_OUTPUT,
     "What stands below all: process (default; those of one name together), pid, thread (of a "
     "recording made with --per-thread), cpu (with --per-cpu), cgroup",
     "process pid thread cpu cgroup", COMPLETE_CHOICES, .read = value_choice, AT(render.by)},

    {"series", 0, "SERIES", RECORD | RENDERER | INFO, GROUP_OUTPUT,
     "Of a recording made with --on-cpu --off-cpu, show this series: on-cpu (default) or off-cpu; "
     "info tells of both by default",
     "on-cpu off-cpu", COMPLETE_CHOICES, .read = value_choice, AT(series)},

    {"size", 0, "WxH", PICTURES, GROUP_PICTURE,
     "Size of an image in pixels, both even, or 720p, 1080p (default), 1440p, 4k, square, "
     "portrait",
     "720p 1080p 1440p 4k square portrait", COMPLETE_CHOICES, .read = value_size, .min = 160,
     .max = 8192},
    {"fps", 0, "N", PICTURES, GROUP_PICTURE, "Images a second while something moves (default 30)",
     .read = value_u32, AT(render.fps), .min = 1, .max = 120},
    {"length", 0, "TIME", PICTURES, GROUP_PICTURE,
     "Length of the film (default: half a second for each snapshot, within 10s and 45s)",
     .read = value_span, AT(render.length_ns), .min = NS_PER_S, .max = 6 * NS_PER_H},
    {"speed", 0, "FACTOR", PICTURES, GROUP_PICTURE,
     "Speed of the film instead: 20x shows 20 s in one", .read = value_factor, AT(render.speed)},
    {"mode", 0, "MODE", PICTURES, GROUP_PICTURE,
     "What an image adds up: window (default; the last --window), interval (its own step), "
     "cumulative (all from the start)",
     "window interval cumulative", COMPLETE_CHOICES, .read = value_choice, AT(render.mode)},
    {"window", 0, "TIME", PICTURES, GROUP_PICTURE,
     "How much an image shows (default: the longer of five snapshots and a step of the film)",
     .read = value_span, AT(render.window_ns), .min = NS_PER_MS, .max = 366 * NS_PER_DAY},
    {"scale", 0, "SCALE", PICTURES, GROUP_PICTURE,
     "What the full width is: auto (default; a round number of CPUs, or of threads where "
     "they are off the CPU), cpu (all CPUs), peak (the "
     "busiest image), share (each image is 100 %)",
     "auto cpu peak share", COMPLETE_CHOICES, .read = value_choice, AT(render.scale)},
    {"theme", 0, "THEME", PICTURES, GROUP_PICTURE, "Colours: light (default), dark or print",
     "light dark print", COMPLETE_CHOICES, .read = value_choice, AT(render.theme)},
    {"title", 0, "TEXT", PICTURES, GROUP_PICTURE, "Title (default: the host and what was sampled)",
     .read = value_string, AT(render.title)},
    {"tz", 0, "ZONE", PICTURES, GROUP_PICTURE,
     "Clock of the pictures: UTC (default), +02:00, or a name such as Europe/Berlin, as it was "
     "when the recording began",
     .read = value_zone, AT(zone)},
    {"subtitle", 0, "TEXT", PICTURES, GROUP_PICTURE,
     "The line under the title (default: what was sampled, and how)", .read = value_string,
     AT(render.subtitle)},
    {"no-host", 0, NULL, PICTURES, GROUP_PICTURE, "Do not tell the host's name in pictures",
     .read = value_flag, AT(render.no_host)},
    {"order", 0, "ORDER", PICTURES, GROUP_PICTURE,
     "How siblings stand: name (default), weight (by what they have over the whole recording)",
     "name weight", COMPLETE_CHOICES, .read = value_choice, AT(render.order)},
    {"no-fold", 0, NULL, PICTURES, GROUP_PICTURE,
     "Give each frame a row of its own, as long as the rows suffice", .read = value_flag,
     AT(render.no_fold)},
    {"from", 0, "TIME", RENDERER, GROUP_PICTURE,
     "Begin there: 14:03:27 (UTC), 2026-11-20T14:03:27Z, unix seconds, or 41.5s, 2m from the "
     "recording's start",
     .read = value_time, AT(from)},
    {"to", 0, "TIME", RENDERER, GROUP_PICTURE, "End there", .read = value_time, AT(to)},
    {"mark", 0, "TIME|TEXT", PICTURES, GROUP_PICTURE,
     "Mark what happened then, on the strip and in the headline; what came before the first mark "
     "is what later images are compared with",
     .read = value_mark},
    {"marks", 0, "FILE", PICTURES, GROUP_PICTURE,
     "Marks from a file with a line TIME|TEXT for each", NULL, COMPLETE_FILE, .read = value_string,
     AT(marks_file)},
    {"cfr", 0, NULL, PICTURES, GROUP_PICTURE,
     "Write the film at a constant rate of images, for editors", .read = value_flag,
     AT(render.cfr)},
    {"no-system-fonts", 0, NULL, PICTURES, GROUP_PICTURE,
     "Use the built-in font alone; what it lacks is drawn as a box", .read = value_flag,
     AT(render.no_system_fonts)},

    {"quiet", 'q', NULL, RECORD | RENDERER | EVENTS | SYMBOLIZE, GROUP_GENERAL,
     "Print errors and warnings only", .read = value_flag, AT(quiet)},
    {"help", 'h', NULL, ALL, GROUP_GENERAL, "Print help", .read = NULL},
    {"version", 0, NULL, ALL, GROUP_GENERAL, "Print the version", .read = NULL},
};

const size_t n_options = ARRAY_SIZE(option_table);

const struct command_def command_table[N_COMMANDS] = {
    [COMMAND_RECORD] = {"record", "[OPTION...] [DURATION] [-- COMMAND...]",
			"sample until DURATION (seconds, or 2m), Ctrl-C or COMMAND's end"},
    [COMMAND_RENDER] = {"render", "INPUT... -o OUT... [OPTION...]",
			"make films, images or text of a recording or of folded stacks", true},
    [COMMAND_EVENTS] = {"events", "[OPTION...] [DURATION] [-- COMMAND...]",
			"print a line for each sample as it comes"},
    [COMMAND_INFO] = {"info", "[--json] [--series SERIES] FILE", "say what a recording holds",
		      true},
    [COMMAND_SYMBOLIZE] = {"symbolize", "FILE [-o OUT] [OPTION...]",
			   "name the code that had no names, in a new recording", true},
    [COMMAND_DOCTOR] = {"doctor", "[--json]", "say what this machine permits, and what to do"},
    [COMMAND_HELP] = {"help", "[COMMAND]", "explain a command and its options"},
    [COMMAND_VERSION] = {"version", "", "print the version"},
};

const struct option_def *option_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < n_options; i++)
		if (strlen(option_table[i].name) == len && !memcmp(option_table[i].name, name, len))
			return &option_table[i];
	return NULL;
}

const struct option_def *option_by_letter(char letter)
{
	for (size_t i = 0; letter && i < n_options; i++)
		if (option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static const struct extension extensions[] = {
    {".flame", OUTPUT_RECORDING, RECORD | SYMBOLIZE},
    {".mp4", OUTPUT_MP4, PICTURES},
    {".y4m", OUTPUT_Y4M, PICTURES},
    {".png", OUTPUT_PNG, PICTURES},
    {".folded", OUTPUT_FOLDED, RECORD | RENDERER},
    {.name = ".webm"},
    {.name = ".gif"},
    {.name = ".apng"},
    {.name = ".svg"},
    {.name = ".pdf"},
    {.name = ".html"},
    {.name = ".wav"},
    {.name = ".pb.gz"},
    {.name = ".speedscope.json"},
};

const struct extension *extension_find(const char *path)
{
	const struct extension *best = NULL;
	size_t len = strlen(path), best_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		size_t n = strlen(extensions[i].name);

		if (n < len && n > best_len && !strcmp(path + len - n, extensions[i].name)) {
			best = &extensions[i];
			best_len = n;
		}
	}
	return best;
}

const char *extension_list(enum command command)
{
	static char list[64];

	list[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		if (!(extensions[i].commands >> command & 1))
			continue;
		if (list[0])
			strcat(list, " ");
		strcat(list, extensions[i].name);
	}
	return list;
}
