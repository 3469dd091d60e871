/*
 * What a recording costs: 3,600 snapshots of 2,000 stacks out of 20,000. Prints a row for each
 * figure: name, value, unit, limit, with tabs between.
 */
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"

#define SNAPSHOTS 3600
#define STACKS	  20000
#define SAMPLES	  4800 /* which hit about 2,000 (process, stack) pairs */
#define READS	  1000

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void row(const char *name, double value, const char *unit, const char *limit)
{
	printf("%s\t%.3g\t%s\t%s\n", name, value, unit, limit);
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1
						       : *(const double *)a > *(const double *)b;
}

static void write_all_snapshots(const char *path)
{
	struct recording_meta meta = synthetic_meta();
	static double ms[SNAPSHOTS];
	double sum = 0, entries = 0, finish;
	struct store_writer *w;
	struct synthetic m;
	struct stat st;

	synthetic_init(&m, 1, STACKS, SAMPLES);
	if (store_create(path, &meta, &w))
		exit(1);
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		double start;

		synthetic_snapshot(&m, i);
		entries += m.s.n_entries;
		start = now_ms();
		if (store_append(w, &m.dict, &m.s))
			exit(1);
		ms[i] = now_ms() - start;
		sum += ms[i];
	}
	finish = now_ms();
	if (store_finish(w, &meta) || stat(path, &st))
		exit(1);
	finish = now_ms() - finish;
	qsort(ms, SNAPSHOTS, sizeof(*ms), by_value);
	row("store.entries_per_snapshot", entries / SNAPSHOTS, "", "");
	row("store.nodes", m.dict.n_nodes, "", "");
	row("store.size", st.st_size / 1e6, "MB", "10");
	row("store.write_mean", sum / SNAPSHOTS, "ms", "1");
	row("store.write_median", ms[SNAPSHOTS / 2], "ms", "");
	row("store.write_p99", ms[SNAPSHOTS * 99 / 100], "ms", "");
	row("store.write_worst", ms[SNAPSHOTS - 1], "ms", "");
	row("store.finish", finish, "ms", "");
	synthetic_deinit(&m);
}

static void read_some_snapshots(const char *path)
{
	static double ms[READS];
	struct recording rec;
	struct snapshot s = {0};
	uint64_t state = 1;
	double start = now_ms(), sum = 0;

	if (store_open(path, &rec))
		exit(1);
	row("store.open", now_ms() - start, "ms", "");
	for (size_t i = 0; i < READS; i++) {
		start = now_ms();
		if (recording_load(&rec, synthetic_random(&state) % rec.n_snapshots, &s))
			exit(1);
		ms[i] = now_ms() - start;
		sum += ms[i];
	}
	qsort(ms, READS, sizeof(*ms), by_value);
	row("store.read_any_mean", sum / READS, "ms", "1");
	row("store.read_any_p99", ms[READS * 99 / 100], "ms", "");
	start = now_ms();
	for (size_t i = 0; i < rec.n_snapshots; i++)
		if (recording_load(&rec, i, &s))
			exit(1);
	row("store.read_all", now_ms() - start, "ms", "");
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/flamelapse-bench-XXXXXX";

	if (argc < 2)
		close(mkstemp(path));
	write_all_snapshots(argc > 1 ? argv[1] : path);
	read_some_snapshots(argc > 1 ? argv[1] : path);
	if (argc < 2)
		unlink(path);
	return 0;
}
