/*
 * Kills a writer of recordings at random moments, COUNT times, and looks at what is left: it opens,
 * holds every snapshot that was acknowledged and at most one more, and all of them are as they were
 * made. Time runs faster here, so that creating, syncing, moving the log and finishing are hit,
 *too.
 *
 * Every second recording has two series, which are the same here.
 *
 *	store_kill COUNT [SEED]		in the current folder; 0 and a line, or 1 and what is wrong
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"

#define PATH	 "kill.flame"
#define STACKS	 500
#define SAMPLES	 60
#define FASTER	 300
#define FINISHED UINT64_MAX

/* Stands in front of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	uint64_t ns;

	if (syscall(SYS_clock_gettime, clock, ts))
		return -1;
	ns = ((uint64_t)ts->tv_sec * 1000000000 + ts->tv_nsec) * FASTER;
	*ts = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	return 0;
}

static void acknowledge(int fd, uint64_t what)
{
	if (write(fd, &what, sizeof(what)) != sizeof(what))
		_exit(1);
}

/* Tells 0 when the file is there, n after n snapshots, FINISHED at the end. */
static void write_recording(uint64_t seed, int fd)
{
	struct recording_meta meta = synthetic_meta();
	uint64_t n = seed % 400;
	struct store_writer *w;
	struct synthetic m;

	meta.off_cpu_ns = seed & 1 ? 1000 : 0;
	synthetic_init(&m, seed, STACKS, SAMPLES);
	if (store_create(PATH, &meta, &w))
		_exit(1);
	acknowledge(fd, 0);
	for (uint64_t i = 0; i < n; i++) {
		synthetic_snapshot(&m, i);
		if (store_append(w, &m.dict, (struct snapshot[]){m.s, m.s}))
			_exit(1);
		acknowledge(fd, i + 1);
	}
	if (store_finish(w, &meta))
		_exit(1);
	acknowledge(fd, FINISHED);
	_exit(0);
}

/* What was acknowledged last; false where nothing was. */
static bool read_last(int fd, uint64_t *last_ret)
{
	uint64_t buf[512];
	bool any = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		*last_ret = buf[n / sizeof(*buf) - 1];
		any = true;
	}
	return any;
}

static const char *look(uint64_t seed, bool created, uint64_t last, uint64_t *n_ret)
{
	struct recording rec;
	const char *what = NULL;

	if (!created && access(PATH, F_OK))
		return NULL;
	if (store_open(PATH, &rec))
		return "it does not open";
	*n_ret = rec.n_snapshots;
	if (!created)
		goto out; /* it may be the one before, and was looked at */
	if (last == FINISHED ? rec.n_snapshots != seed % 400 || !rec.meta.finished
			     : rec.n_snapshots < last)
		what = "a snapshot is missing";
	else if (last != FINISHED && rec.n_snapshots > last + 1)
		what = "there are snapshots that were never made";
	else
		what = synthetic_compare(seed, STACKS, SAMPLES, &rec);
	if (!what && recording_see(&rec, SERIES_OFF_CPU) != (seed & 1))
		what = "it has other series";
	if (!what)
		what = synthetic_compare(seed, STACKS, SAMPLES, &rec);
out:
	recording_deinit(&rec);
	return what;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? atoi(argv[1]) : 200, finished = 0, early = 0;
	uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, kept = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t seed = synthetic_random(&state), last = 0, n = 0;
		int fd[2], status;
		bool created;
		const char *what;
		pid_t pid;

		if (pipe(fd))
			return 1;
		pid = fork();
		if (!pid) {
			close(fd[0]);
			write_recording(seed, fd[1]);
		}
		close(fd[1]);
		usleep(synthetic_random(&state) % 60000);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || (!WIFSIGNALED(status) && status)) {
			fprintf(stderr, "kill %u: the writer failed\n", i);
			return 1;
		}
		created = read_last(fd[0], &last);
		close(fd[0]);
		what = look(seed, created, last, &n);
		if (what) {
			fprintf(stderr, "kill %u, seed %#llx, %s, %lld acknowledged: %s\n", i,
				(unsigned long long)seed, created ? "made" : "not made yet",
				(long long)last, what);
			return 1;
		}
		kept += n;
		early += !created;
		finished += created && last == FINISHED;
	}
	printf("%u kills, %llu snapshots kept, %u before the file was there, %u after its end\n",
	       count, (unsigned long long)kept, early, finished);
	return 0;
}
