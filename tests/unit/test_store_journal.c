/*
 * Recordings where SQLite's log or the system's locks are refused, and recorders that die in the
 * middle of a transaction: a layer between SQLite and the system refuses, or kills.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#define SEED	5
#define STACKS	2000
#define SAMPLES 300

static bool refuse_log, refuse_locks, refuse_locks_used;
static int kill_at; /* the n-th write to the file itself; 0: never */

static const sqlite3_io_methods *below;
static sqlite3_io_methods layer;

static int layer_lock(sqlite3_file *f, int lock)
{
	refuse_locks_used |= refuse_locks;
	return refuse_locks ? SQLITE_IOERR_LOCK : below->xLock(f, lock);
}

static int layer_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	if (kill_at && --kill_at == 0) {
		below->xWrite(f, data, n / 2, at);
		kill(getpid(), SIGKILL);
	}
	return below->xWrite(f, data, n, at);
}

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
		      int *flags_ret)
{
	sqlite3_vfs *real = vfs->pAppData;
	int rc;

	if (refuse_log && flags & SQLITE_OPEN_WAL)
		return SQLITE_CANTOPEN;
	rc = real->xOpen(real, name, f, flags, flags_ret);
	if (rc == SQLITE_OK && flags & SQLITE_OPEN_MAIN_DB) {
		below = f->pMethods;
		layer = *below;
		layer.xLock = layer_lock;
		layer.xWrite = layer_write;
		f->pMethods = &layer;
	}
	return rc;
}

static void put_layer(void)
{
	static sqlite3_vfs vfs;

	sqlite3_initialize();
	if (vfs.zName)
		return;
	vfs = *sqlite3_vfs_find(NULL);
	vfs.pAppData = sqlite3_vfs_find(NULL);
	vfs.zName = "layer";
	vfs.xOpen = layer_open;
	sqlite3_vfs_register(&vfs, 1);
}

static void go_to_new_folder(void)
{
	char dir[] = "/tmp/flamelapse-test-XXXXXX";

	put_layer();
	CHECK(mkdtemp(dir) && !chdir(dir));
}

static void remove_folder(void)
{
	char cwd[256], *command;

	CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "flamelapse-test-"));
	command = xasprintf("rm -rf '%s'", cwd);
	CHECK(!chdir("/") && !system(command));
	free(command);
}

/* What stands beside the file while it is written. */
static const char *beside;

/* Writes n snapshots, and arms the killer before the last one. */
static int write_some(size_t n, int kill_at_write)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;
	int err;

	synthetic_init(&m, SEED, STACKS, SAMPLES);
	err = store_create("a.flame", &meta, &w);
	for (size_t i = 0; i < n && !err; i++) {
		synthetic_snapshot(&m, i);
		kill_at = i == n - 1 ? kill_at_write : 0;
		err = store_append(w, &m.dict, &m.s);
	}
	kill_at = 0;
	if (!err)
		err = access(beside, F_OK) ? -ENOENT : 0;
	if (!err)
		err = store_finish(w, &meta);
	synthetic_deinit(&m);
	return err;
}

static size_t check_recording(void)
{
	struct recording rec;
	const char *what;
	size_t n;

	CHECK_EQ(store_open("a.flame", &rec), 0);
	what = synthetic_compare(SEED, STACKS, SAMPLES, &rec);
	n = rec.n_snapshots;
	recording_deinit(&rec);
	CHECK_STR(what ? what : "same", "same");
	return n;
}

TEST(a_journal_serves_where_the_log_is_refused)
{
	go_to_new_folder();
	refuse_log = true;
	beside = "a.flame-journal";
	CHECK_EQ(write_some(10, 0), 0);
	refuse_log = false;
	CHECK_EQ(check_recording(), 10);
	CHECK(access("a.flame-journal", F_OK) && access("a.flame-wal", F_OK));
	remove_folder();
}

TEST(no_locks_serve_where_they_are_refused)
{
	go_to_new_folder();
	refuse_locks = true;
	beside = "a.flame-journal";
	CHECK_EQ(write_some(10, 0), 0);
	refuse_locks = false;
	CHECK(refuse_locks_used);
	CHECK_EQ(check_recording(), 10);
	remove_folder();
}

/* Dies at the first write of the last transaction, at the second … until it gets through. */
TEST(a_transaction_that_died_is_undone)
{
	int status = 0, deaths = 0;

	go_to_new_folder();
	for (int at = 1; deaths < at; at++) {
		pid_t pid = fork();

		if (!pid) {
			if (setjmp(test_out))
				_exit(1);
			refuse_log = true;
			_exit(write_some(4, at) ? 1 : 0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) || status == 0);
		if (!WIFSIGNALED(status))
			break;
		deaths++;
		CHECK(!access("a.flame-journal", F_OK));
		CHECK_EQ(check_recording(), 3);
		CHECK_EQ(check_recording(), 3);
	}
	CHECK(deaths >= 5);
	CHECK_EQ(check_recording(), 4);
	remove_folder();
}

TEST_MAIN()
