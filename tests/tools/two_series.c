/*
 * Writes a small recording with two series, for the tests of the command line:
 *
 *	two_series FILE [empty]		empty: nothing was sampled on the CPU
 *
 * Three snapshots of a second. On the CPU 100 Hz: app;main;loop 30, 31, 32 samples. Off it:
 * app;main;wait;[sleeping] 500,000 us, and 1, 2 more, and 7 us filtered in each.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "profile/dict.h"
#include "store/writer.h"
#include "tests/synthetic.h"

static uint32_t push(struct dict *d, uint32_t node, const char *name, enum frame_kind kind)
{
	return dict_node(d, node, dict_frame(d, dict_string(d, name, strlen(name)), 0, kind));
}

static void fill(struct snapshot *s, uint64_t i, uint32_t process, uint32_t node, uint64_t count,
		 uint64_t filtered)
{
	s->info = (struct snapshot_info){.t0_ns = SYNTHETIC_T0_NS + i * 1000000000,
					 .t1_ns = SYNTHETIC_T0_NS + (i + 1) * 1000000000,
					 .account = {.expected = count + filtered,
						     .taken = count,
						     .filtered = filtered,
						     .complete = count}};
	s->n_entries = 0;
	if (count)
		snapshot_add(s, process, node, count);
}

int main(int argc, char **argv)
{
	struct recording_meta meta = synthetic_meta();
	bool empty = argc == 3 && !strcmp(argv[2], "empty");
	uint32_t process, main_node, loop, wait;
	struct snapshot s[2] = {0};
	struct store_writer *w;
	struct dict d;
	int err;

	meta.freq_hz = 100;
	meta.period_ns = 10000000;
	meta.off_cpu_ns = 1000;
	dict_init(&d);
	process = dict_process(&d, &(struct process){.pid = 12, .comm = dict_string(&d, "app", 3)});
	main_node = push(&d, 0, "main", FRAME_USER);
	loop = push(&d, main_node, "loop", FRAME_USER);
	wait = push(&d, push(&d, main_node, "wait", FRAME_USER), "[sleeping]", FRAME_KERNEL);
	if (argc < 2 || store_create(argv[1], &meta, &w))
		return 1;
	for (uint64_t i = 0; i < 3; i++) {
		fill(&s[0], i, process, loop, empty ? 0 : 30 + i, 0);
		fill(&s[1], i, process, wait, 500000 + i, 7);
		if (store_append(w, &d, s))
			return 1;
	}
	err = store_finish(w, &meta);
	snapshot_deinit(&s[0]);
	snapshot_deinit(&s[1]);
	dict_deinit(&d);
	return !!err;
}
