/*
 * Reading a recording while it is written. The writer is a child that appends when it is told to;
 * and it is told to in the middle of our reading, between one page and the next.
 *
 *	a	append a snapshot
 *	m	append one, and move the log over: the next one begins the log anew
 *	f	finish
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#define SEED	21
#define STACKS	600
#define SAMPLES 100

static uint64_t ahead_s;
static int calls_left; /* of pread(), until the writer is told to append; 0: it is not */
static bool was_interrupted;
static int to_writer[2], from_writer[2];
static pid_t writer;

/* Stands in front of libc's, as the next one does. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int err = syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += ahead_s;
	return err;
}

static void tell(char what)
{
	char done;

	if (write(to_writer[1], &what, 1) != 1 || read(from_writer[0], &done, 1) != 1 ||
	    done != what)
		abort();
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	if (calls_left && --calls_left == 0) {
		tell('m');
		tell('a');
		tell('a');
	}
	return syscall(SYS_pread64, fd, p, n < 16384 ? n : 16384, at);
}

static int open_without_log(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
			    int *flags_ret)
{
	sqlite3_vfs *real = vfs->pAppData;

	return flags & SQLITE_OPEN_WAL ? SQLITE_CANTOPEN
				       : real->xOpen(real, name, f, flags, flags_ret);
}

static void refuse_log(void)
{
	static sqlite3_vfs vfs;

	sqlite3_initialize();
	vfs = *sqlite3_vfs_find(NULL);
	vfs.pAppData = sqlite3_vfs_find(NULL);
	vfs.zName = "without log";
	vfs.xOpen = open_without_log;
	sqlite3_vfs_register(&vfs, 1);
}

static void run_writer(void)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;
	char what;

	synthetic_init(&m, SEED, STACKS, SAMPLES);
	if (store_create("a.flame", &meta, &w))
		_exit(1);
	for (int i = 0; read(to_writer[0], &what, 1) == 1;) {
		ahead_s += what == 'm' ? 11 : 0;
		if (what == 'a' || what == 'm') {
			synthetic_snapshot(&m, i++);
			if (store_append(w, &m.dict, &m.s))
				_exit(1);
		}
		if (what == 'f' && store_finish(w, &meta))
			_exit(1);
		if (write(from_writer[1], &what, 1) != 1 || what == 'f')
			break;
	}
	_exit(0);
}

static void start_writer(bool with_log)
{
	char dir[] = "/tmp/flamelapse-test-XXXXXX";

	CHECK(mkdtemp(dir) && !chdir(dir));
	CHECK(!pipe(to_writer) && !pipe(from_writer));
	writer = fork();
	if (!writer) {
		close(to_writer[1]);
		if (!with_log)
			refuse_log();
		run_writer();
	}
	close(to_writer[0]);
	close(from_writer[1]);
	tell('0');
}

static void end_writer(void)
{
	char cwd[256], *command;
	int status;

	close(to_writer[1]);
	close(from_writer[0]);
	CHECK(waitpid(writer, &status, 0) == writer && status == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "flamelapse-test-"));
	command = xasprintf("rm -rf '%s'", cwd);
	CHECK(!chdir("/") && !system(command));
	free(command);
}

static size_t check_recording(void)
{
	struct recording rec;
	const char *what;
	size_t n;

	CHECK_EQ(store_open("a.flame", &rec), 0);
	was_interrupted = !calls_left;
	calls_left = 0;
	what = synthetic_compare(SEED, STACKS, SAMPLES, &rec);
	n = rec.n_snapshots;
	recording_deinit(&rec);
	CHECK_STR(what ? what : "same", "same");
	return n;
}

/* Interrupts the first call, the second … until there is none so late. */
static void read_interrupted(void)
{
	size_t n = 5, read_anew = 0;

	for (size_t i = 0; i < n; i++)
		tell('a');
	CHECK_EQ(check_recording(), n);
	for (int at = 1;; at++) {
		size_t now;

		calls_left = at;
		now = check_recording();
		CHECK(now >= n && now <= n + 3);
		if (!was_interrupted)
			break;
		read_anew += now > n;
		n = check_recording();
	}
	CHECK(read_anew >= 10);
}

TEST(a_log_that_begins_anew_meanwhile)
{
	start_writer(true);
	CHECK(!access("a.flame-wal", F_OK));
	read_interrupted();
	tell('f');
	check_recording();
	end_writer();
}

TEST(a_journal_that_comes_and_goes_meanwhile)
{
	start_writer(false);
	CHECK(!access("a.flame-journal", F_OK) && access("a.flame-wal", F_OK));
	read_interrupted();
	tell('f');
	check_recording();
	end_writer();
}

TEST_MAIN()
