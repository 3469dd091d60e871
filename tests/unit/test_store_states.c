/*
 * What a recorder that is killed can leave on the disk: every state, one after the other. SIGKILL
 * keeps what the system calls did so far, so the writer, a child, stops before each call that
 * changes a file, and we read what is there as if it were dead; then it goes on. Writes are done in
 * pieces, for a kill may cut them at a page of the cache.
 *
 * From every ANEW_EVERY-th state a second recorder begins under the same name, and is stopped in
 * turn. Readers that are stopped, too, see a recorder begin meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/outfile.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#define PIECE_BYTES 4096
#define ANEW_EVERY  29
#define STACKS	    400
#define SAMPLES	    60
#define SNAPSHOTS   10

/* What the writer tells when it stops. */
struct moment {
	char call[12]; /* what comes next */
	uint64_t n;    /* snapshots that were acknowledged */
	bool created, finished;
};

/* A writer, and what stood under the name before. */
struct run {
	const char *folder;
	uint64_t seed, n;    /* how many snapshots it writes */
	bool finish;	     /* then */
	bool stops_for_temp; /* before writes to the file that has no name yet */
	const struct run *before;
	uint64_t n_before; /* snapshots that could be read */
	pid_t pid;
	int from, to;
	unsigned moments, n_anew; /* seen */
	unsigned kept_old;	  /* moments at which the old recording was there still */
};

/* In the writer. */
static struct moment now;
static int tell_fd = -1, go_fd = -1;
static uint64_t clock_s = 1000;
static bool stops_for_temp, was_renamed;

static void stop_before(const char *call)
{
	char go;

	if (tell_fd < 0)
		return;
	snprintf(now.call, sizeof(now.call), "%s", call);
	if (write(tell_fd, &now, sizeof(now)) != sizeof(now) || read(go_fd, &go, 1) != 1)
		_exit(2);
}

/* These stand in front of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (tell_fd < 0)
		return syscall(SYS_clock_gettime, clock, ts);
	*ts = (struct timespec){.tv_sec = clock_s};
	return 0;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	const char *p = data;
	size_t left = n;

	while (left) {
		size_t room = PIECE_BYTES - at % PIECE_BYTES;
		ssize_t r;

		if (stops_for_temp || was_renamed)
			stop_before("pwrite");
		r = syscall(SYS_pwrite64, fd, p, left < room ? left : room, at);
		if (r <= 0)
			return r;
		p += r;
		at += r;
		left -= r;
	}
	return n;
}

int ftruncate(int fd, off_t size)
{
	stop_before("ftruncate");
	return syscall(SYS_ftruncate, fd, size);
}

int unlink(const char *path)
{
	stop_before("unlink");
	return unlinkat(AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to)
{
	stop_before("rename");
	was_renamed = true;
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* What was not synced stays when a process is killed, and syncing is slow. */
int fsync(int fd)
{
	return fd < 0 ? -1 : 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

/* In a reader: how many calls until it stops; 0: it does not. */
static int calls_left, stopped_fd, resume_fd;

static void stop_reader(void)
{
	char go;

	if (calls_left && --calls_left == 0 &&
	    (write(stopped_fd, "", 1) != 1 || read(resume_fd, &go, 1) != 1))
		_exit(2);
}

ssize_t pread(int fd, void *data, size_t n, off_t at)
{
	stop_reader();
	return syscall(SYS_pread64, fd, data, n, at);
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	if (flags & O_CREAT)
		stop_before("open");
	stop_reader();
	return openat(AT_FDCWD, path, flags, mode);
}

static bool refuses_log, refuses_locks;

/* SQLite locks by F_SETLK; what comes as a pointer or a number is passed on. */
int fcntl(int fd, int command, ...)
{
	va_list ap;
	long arg;

	va_start(ap, command);
	arg = va_arg(ap, long);
	va_end(ap);
	if (refuses_locks && command == F_SETLK) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_fcntl, fd, command, arg);
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
		     int *flags_ret)
{
	sqlite3_vfs *real = vfs->pAppData;

	return refuses_log && flags & SQLITE_OPEN_WAL
		   ? SQLITE_CANTOPEN
		   : real->xOpen(real, name, f, flags, flags_ret);
}

static void refuse_log(void)
{
	static sqlite3_vfs vfs;

	sqlite3_initialize();
	vfs = *sqlite3_vfs_find(NULL);
	vfs.pAppData = sqlite3_vfs_find(NULL);
	vfs.zName = "without log";
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 1);
}

/* The clock is moved so that some commits are synced, and the log is moved over several times. */
static void write_recording(const struct run *run)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;

	synthetic_init(&m, run->seed, STACKS, SAMPLES);
	if (store_create("a.flame", &meta, &w))
		_exit(1);
	now.created = true;
	for (uint64_t i = 0; i < run->n; i++) {
		clock_s += 3;
		synthetic_snapshot(&m, i);
		if (store_append(w, &m.dict, &m.s) || (i == 5 && store_set_meta(w, &meta)))
			_exit(1);
		now.n = i + 1;
	}
	if (run->finish && store_finish(w, &meta))
		_exit(1);
	now.finished = run->finish;
	stop_before("exit");
	_exit(0);
}

static void start(struct run *run)
{
	int to[2], from[2];

	CHECK(!pipe(to) && !pipe(from));
	run->pid = fork();
	if (!run->pid) {
		close(to[1]);
		close(from[0]);
		go_fd = to[0];
		tell_fd = from[1];
		stops_for_temp = run->stops_for_temp;
		if (refuses_log)
			refuse_log();
		if (chdir(run->folder))
			_exit(1);
		write_recording(run);
	}
	close(to[0]);
	close(from[1]);
	run->to = to[1];
	run->from = from[0];
}

static const char *compare(uint64_t seed, struct recording *rec)
{
	return synthetic_compare(seed, STACKS, SAMPLES, rec);
}

static const char *look_before_creation(struct run *run, struct recording *rec)
{
	if (rec->n_snapshots && !run->before)
		return "there are snapshots where none was made";
	run->kept_old += rec->n_snapshots > 0;
	if (rec->n_snapshots && rec->n_snapshots != run->n_before)
		return "it holds another number of snapshots than before";
	return compare(rec->n_snapshots ? run->before->seed : run->seed, rec);
}

/* NULL, or what is wrong with the recording that a kill at this moment leaves. */
static const char *look(struct run *run, const struct moment *m, uint64_t *n_ret)
{
	char *path = xasprintf("%s/a.flame", run->folder);
	struct recording rec;
	const char *what;
	int err = !m->created && access(path, F_OK) ? -ENOENT : store_open(path, &rec);

	free(path);
	*n_ret = 0;
	if (err)
		return err == -ENOENT && !m->created ? NULL : "it does not open";
	*n_ret = rec.n_snapshots;
	if (!m->created)
		what = look_before_creation(run, &rec);
	else if (rec.n_snapshots < m->n || rec.n_snapshots > m->n + !m->finished)
		what = "it holds another number of snapshots than were made";
	else if (m->finished && !rec.meta.finished)
		what = "it is not finished";
	else
		what = compare(run->seed, &rec);
	recording_deinit(&rec);
	return what;
}

static void copy_file(const char *from, const char *to)
{
	static uint8_t data[4 << 20];
	int fd = open(from, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

	CHECK(n >= 0 && n < (ssize_t)sizeof(data));
	close(fd);
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	CHECK(fd >= 0 && !write_all(fd, data, n));
	close(fd);
}

static const char *const names[] = {"a.flame", "a.flame-wal", "a.flame-journal", "a.flame-shm",
				    ".a.flame.part"};

static void copy_state(const char *from, const char *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *a = xasprintf("%s/%s", from, names[i]), *b = xasprintf("%s/%s", to, names[i]);

		unlink(b);
		if (!access(a, F_OK))
			copy_file(a, b);
		free(a);
		free(b);
	}
}

static bool goes_on(struct run *run, struct moment *m)
{
	return read(run->from, m, sizeof(*m)) == sizeof(*m);
}

static void let_go(struct run *run)
{
	CHECK(write(run->to, "", 1) == 1);
}

static void end(struct run *run)
{
	int status;

	close(run->from);
	close(run->to);
	CHECK(waitpid(run->pid, &status, 0) == run->pid);
	CHECK(status == 0);
}

static void follow(struct run *run, bool is_first);

/* Another writer begins from what is there now. */
static void begin_anew(struct run *run, uint64_t n_now)
{
	struct run next = {.folder = "again", .seed = 8, .n = 1, .before = run, .n_before = n_now};

	copy_state(run->folder, next.folder);
	follow(&next, false);
	run->n_anew++;
	run->kept_old += next.kept_old;
}

/* Stops the writer at every moment. */
static void follow(struct run *run, bool is_first)
{
	struct moment m = {0};

	start(run);
	for (; goes_on(run, &m); let_go(run)) {
		uint64_t n = 0;
		const char *what = look(run, &m, &n);

		if (what)
			TEST_FAIL("moment %u%s, before %s, %llu snapshots were made: %s",
				  run->moments, is_first ? "" : " anew", m.call,
				  (unsigned long long)m.n, what);
		if (is_first && (run->moments % ANEW_EVERY == 0 || m.finished))
			begin_anew(run, n);
		run->moments++;
	}
	end(run);
}

static char *go_to_new_folder(void)
{
	char *folder = xstrdup("/tmp/flamelapse-test-XXXXXX");

	CHECK(mkdtemp(folder) && !chdir(folder));
	return folder;
}

static void remove_folder(char *folder)
{
	char *command = xasprintf("rm -rf '%s'", folder);

	CHECK(!chdir("/") && !system(command));
	free(command);
	free(folder);
}

static void explore(void)
{
	char *folder = go_to_new_folder();
	struct run run = {
	    .folder = ".", .seed = 7, .n = SNAPSHOTS, .finish = true, .stops_for_temp = true};

	CHECK(!mkdir("again", 0777));
	follow(&run, true);
	printf("# %u moments, begun anew in %u\n", run.moments, run.n_anew);
	CHECK(run.moments > 500 && run.kept_old > run.n_anew);
	remove_folder(folder);
}

TEST(every_state_with_a_log_is_readable)
{
	explore();
}

TEST(every_state_with_a_journal_is_readable)
{
	refuses_log = true;
	explore();
	refuses_log = false;
}

TEST(every_state_without_locks_is_readable)
{
	refuses_locks = true;
	explore();
	refuses_locks = false;
}

/* A process that stopped in the middle of reading. */
struct slow {
	pid_t pid;
	int resume;
};

static const char *look_late(const struct run *run)
{
	char *path = xasprintf("%s/a.flame", run->folder);
	struct recording rec;
	const char *what = NULL;
	int err = access(path, F_OK) ? -ENOENT : store_open(path, &rec);

	free(path);
	if (err)
		return err == -ENOENT ? NULL : "it does not open";
	if (compare(run->seed, &rec))
		what = compare(run->before->seed, &rec);
	recording_deinit(&rec);
	return what;
}

/* False where it ended, well, before the n-th call. */
static bool start_slow(const struct run *run, int n, struct slow *slow)
{
	int stopped[2], resume[2];
	bool has_stopped;
	int status;
	char c;

	CHECK(!pipe(stopped) && !pipe(resume));
	slow->pid = fork();
	if (!slow->pid) {
		close(resume[1]);
		stopped_fd = stopped[1];
		resume_fd = resume[0];
		calls_left = n;
		_exit(look_late(run) ? 1 : 0);
	}
	close(stopped[1]);
	close(resume[0]);
	slow->resume = resume[1];
	has_stopped = read(stopped[0], &c, 1) == 1;
	close(stopped[0]);
	if (has_stopped)
		return true;
	close(resume[1]);
	CHECK(waitpid(slow->pid, &status, 0) == slow->pid && status == 0);
	return false;
}

/* How many of them read something wrong. */
static size_t end_slow(const struct slow *slow, size_t n)
{
	size_t wrong = 0;
	int status;

	for (size_t i = 0; i < n; i++)
		CHECK(write(slow[i].resume, "", 1) == 1);
	for (size_t i = 0; i < n; i++) {
		CHECK(waitpid(slow[i].pid, &status, 0) == slow[i].pid);
		close(slow[i].resume);
		wrong += status != 0;
	}
	return wrong;
}

static void run_through(struct run *run)
{
	struct moment m;

	start(run);
	while (goes_on(run, &m))
		let_go(run);
	end(run);
}

/*
 * Readers come at each moment until the second recording is there, stop before each of their calls,
 * and go on when the log was moved over.
 */
static void read_slowly(void)
{
	static struct slow slow[800];
	char *folder = go_to_new_folder();
	struct run before = {.folder = ".", .seed = 7, .n = 4};
	struct run run = {.folder = ".", .seed = 8, .n = 6, .before = &before};
	size_t n = 0, wrong = 0;
	struct moment m;

	run_through(&before);
	start(&run);
	for (; goes_on(&run, &m); let_go(&run)) {
		for (int at = 1; !m.created && start_slow(&run, at, &slow[n]); at++)
			CHECK(++n < ARRAY_SIZE(slow));
		if (m.n == 5 && n) {
			printf("# %zu readers\n", n);
			wrong = end_slow(slow, n);
			n = 0;
		}
	}
	end(&run);
	CHECK_EQ(wrong, 0);
	remove_folder(folder);
}

TEST(a_recorder_begins_while_others_read)
{
	read_slowly();
	refuses_log = true;
	read_slowly();
	refuses_log = false;
}

TEST_MAIN()
