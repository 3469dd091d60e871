#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/outfile.h"
#include "store/chunk.h"
#include "store/reader.h"
#include "store/recover.h"
#include "store/writer.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#define SEED	11
#define STACKS	300
#define SAMPLES 200

/* What the messages say is told by the tests of the command line. */
static int stderr_before;

static void hush(void)
{
	int null = open("/dev/null", O_WRONLY);

	stderr_before = dup(STDERR_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
}

static void unhush(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
}

static void go_to_new_folder(void)
{
	char dir[] = "/tmp/flamelapse-test-XXXXXX";

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

static struct store_writer *write_some(const char *path, struct synthetic *m, size_t n)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w = NULL;

	synthetic_init(m, SEED, STACKS, SAMPLES);
	CHECK_EQ(store_create(path, &meta, &w), 0);
	for (size_t i = 0; i < n; i++) {
		synthetic_snapshot(m, i);
		CHECK_EQ(store_append(w, &m->dict, &m->s), 0);
	}
	return w;
}

static void write_whole(const char *path, size_t n)
{
	struct recording_meta meta = synthetic_meta();
	struct synthetic m;
	struct store_writer *w = write_some(path, &m, n);

	CHECK_EQ(store_finish(w, &meta), 0);
	synthetic_deinit(&m);
}

static uint8_t *read_file(const char *path, size_t *size_ret)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *data;

	CHECK(fd >= 0 && !fstat(fd, &st));
	data = xmalloc(st.st_size + 1);
	CHECK(read(fd, data, st.st_size) == st.st_size);
	close(fd);
	*size_ret = st.st_size;
	return data;
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;
	char *words = NULL;

	CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &words) != SQLITE_OK)
		TEST_FAIL("%s: %s", text, words);
	sqlite3_close(db);
}

static int64_t sql_get(const char *path, const char *text)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	int64_t v;

	CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_EQ(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	CHECK_EQ(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static int open_quietly(const char *path, struct recording *rec)
{
	int err;

	hush();
	err = store_open(path, rec);
	unhush();
	return err;
}

static int try_open(const char *path)
{
	struct recording rec;
	int err = open_quietly(path, &rec);

	recording_deinit(&rec);
	return err;
}

/* Opens and compares with what the machine gave; how many snapshots there are. */
static int count_sound(const char *path, const char **what_ret)
{
	struct recording rec;
	int n = store_open(path, &rec);

	*what_ret = n ? "it does not open" : synthetic_compare(SEED, STACKS, SAMPLES, &rec);
	n = rec.n_snapshots;
	recording_deinit(&rec);
	return n;
}

static int check_recording(const char *path)
{
	const char *what;
	int n = count_sound(path, &what);

	CHECK_STR(what ? what : "same", "same");
	return n;
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

TEST(what_was_written_is_read)
{
	struct recording_meta meta = synthetic_meta();
	struct recording rec;
	struct store_writer *w;
	struct synthetic m;

	go_to_new_folder();
	w = write_some("a.flame", &m, 25);
	CHECK(exists("a.flame-wal") && !exists("a.flame-shm"));
	meta.command_status = 0x200;
	meta.undelivered = 12;
	meta.filter = (char *)"PID 12, 13";
	CHECK_EQ(store_finish(w, &meta), 0);
	synthetic_deinit(&m);
	CHECK(!exists("a.flame-wal") && !exists("a.flame-journal") && !exists(".a.flame.part"));
	CHECK_EQ(check_recording("a.flame"), 25);
	CHECK_EQ(store_open("a.flame", &rec), 0);
	CHECK_STR(rec.meta.host, "web1");
	CHECK_STR(rec.meta.filter, "PID 12, 13");
	CHECK_EQ(rec.meta.command_status, 0x200);
	CHECK_EQ(rec.meta.undelivered, 12);
	CHECK_EQ(rec.meta.utc_offset_s, 3600);
	CHECK_EQ(rec.meta.period_ns, 10101010);
	CHECK(rec.meta.finished && rec.meta.follows_command && !rec.meta.includes_idle);
	CHECK_EQ(rec.total.taken, 25 * SAMPLES);
	recording_deinit(&rec);
	remove_folder();
}

TEST(no_snapshot_at_all_is_sound)
{
	struct recording rec;

	go_to_new_folder();
	write_whole("a.flame", 0);
	CHECK_EQ(store_open("a.flame", &rec), 0);
	CHECK(rec.n_snapshots == 0 && rec.meta.finished);
	recording_deinit(&rec);
	remove_folder();
}

TEST(empty_snapshots_and_bare_processes_are_kept)
{
	struct recording_meta meta = synthetic_meta();
	struct snapshot_info info = {.t0_ns = 1000, .t1_ns = 2000};
	struct snapshot s = {.info = info};
	struct store_writer *w;
	struct recording rec;
	struct dict d;

	go_to_new_folder();
	dict_init(&d);
	CHECK_EQ(store_create("a.flame", &meta, &w), 0);
	CHECK_EQ(store_append(w, &d, &s), 0);
	snapshot_add(&s, 0, 0, 3);
	s.info = (struct snapshot_info){.t0_ns = 2000, .t1_ns = 3000};
	s.info.account = (struct account){.expected = 3, .taken = 3, .complete = 3};
	CHECK_EQ(store_append(w, &d, &s), 0);
	CHECK_EQ(store_finish(w, &meta), 0);
	CHECK_EQ(store_open("a.flame", &rec), 0);
	CHECK_EQ(rec.n_snapshots, 2);
	CHECK(!recording_load(&rec, 0, &s) && s.n_entries == 0);
	CHECK(!recording_load(&rec, 1, &s) && s.n_entries == 1 && s.entry[0].count == 3);
	recording_deinit(&rec);
	snapshot_deinit(&s);
	dict_deinit(&d);
	remove_folder();
}

TEST(the_best_functions_are_rows)
{
	go_to_new_folder();
	write_whole("a.flame", 5);
	CHECK_EQ(sql_get("a.flame", "select count(distinct snapshot) from top"), 5);
	CHECK_EQ(sql_get("a.flame", "select count(*) from top where total < self"), 0);
	CHECK_EQ(sql_get("a.flame", "select count(*) from top join frame on id = frame"),
		 sql_get("a.flame", "select count(*) from top"));
	CHECK_EQ(sql_get("a.flame", "select count(*) from pragma_integrity_check "
				    "where integrity_check = 'ok'"),
		 1);
	remove_folder();
}

TEST(contradictions_are_refused)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;

	go_to_new_folder();
	w = write_some("a.flame", &m, 2);
	hush();
	CHECK_EQ(store_append(w, &m.dict, &m.s), -EINVAL); /* the same time again */
	synthetic_snapshot(&m, 2);
	m.s.info.account.idle++;
	CHECK_EQ(store_append(w, &m.dict, &m.s), -EINVAL);
	m.s.info.account.idle--;
	m.s.entry[0].count++;
	CHECK_EQ(store_append(w, &m.dict, &m.s), -EINVAL);
	m.s.entry[0].count--;
	m.s.info.t1_ns = m.s.info.t0_ns;
	CHECK_EQ(store_append(w, &m.dict, &m.s), -EINVAL);
	unhush();
	m.s.info.t1_ns += 1000000000;
	CHECK_EQ(store_append(w, &m.dict, &m.s), 0);
	CHECK_EQ(store_finish(w, &meta), 0);
	synthetic_deinit(&m);
	CHECK_EQ(check_recording("a.flame"), 3);
	remove_folder();
}

TEST(only_recordings_are_replaced)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w, *second;
	struct synthetic m;

	go_to_new_folder();
	CHECK(!mkdir("folder", 0700) && !outfile_write("notes.txt", "x", 1));
	CHECK(!outfile_write("empty.flame", "", 0));
	sql("other.db", "create table t(x)");
	hush();
	CHECK_EQ(store_create("folder", &meta, &w), -EISDIR);
	CHECK_EQ(store_create("notes.txt", &meta, &w), -EEXIST);
	CHECK_EQ(store_create("other.db", &meta, &w), -EEXIST);
	CHECK_EQ(store_create("/dev/null", &meta, &w), -EEXIST);
	CHECK_EQ(store_create("no/such/a.flame", &meta, &w), -ENOENT);
	unhush();
	write_whole("empty.flame", 3);
	CHECK_EQ(check_recording("empty.flame"), 3);
	/* What was left beside an old one is not taken for a part of the new one. */
	CHECK(!outfile_write("empty.flame-wal", "left over", 9));
	write_whole("empty.flame", 1);
	CHECK_EQ(check_recording("empty.flame"), 1);
	/* The lock is another process's. */
	w = write_some("a.flame", &m, 2);
	if (!fork()) {
		int err;

		hush();
		err = store_create("a.flame", &meta, &second);
		_exit(err == -EBUSY ? 0 : 1);
	}
	int status;
	CHECK(wait(&status) > 0 && status == 0);
	CHECK_EQ(store_finish(w, &meta), 0);
	synthetic_deinit(&m);
	CHECK_EQ(check_recording("a.flame"), 2);
	remove_folder();
}

TEST(discard_leaves_nothing)
{
	struct synthetic m;

	go_to_new_folder();
	store_discard(write_some("a.flame", &m, 2));
	synthetic_deinit(&m);
	CHECK(!exists("a.flame") && !exists("a.flame-wal"));
	remove_folder();
}

/* Leaves a.flame as a killed recorder would, with n snapshots. */
static void leave_killed(size_t n)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct synthetic m;

		if (setjmp(test_out))
			_exit(1);
		write_some("a.flame", &m, n);
		kill(getpid(), SIGKILL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

TEST(a_killed_recording_needs_no_permission)
{
	struct recording rec;
	struct stat before, after;
	int status;

	go_to_new_folder();
	leave_killed(20);
	CHECK(exists("a.flame-wal"));
	CHECK(!chmod("a.flame", 0444) && !chmod("a.flame-wal", 0444) && !chmod(".", 0555));
	CHECK(!stat("a.flame-wal", &before));
	if (!fork()) {
		const char *what;

		if (!setgid(65534) && !setuid(65534) && access(".", W_OK))
			_exit(count_sound("a.flame", &what) == 20 && !what ? 0 : 1);
		_exit(2);
	}
	CHECK(wait(&status) > 0);
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK(!stat("a.flame-wal", &after));
	CHECK(before.st_size == after.st_size && !exists("a.flame-shm"));
	CHECK_EQ(store_open("a.flame", &rec), 0);
	CHECK(!rec.meta.finished);
	recording_deinit(&rec);
	/* Stock SQLite puts it together just so. */
	CHECK(!chmod(".", 0755) && !chmod("a.flame", 0644) && !chmod("a.flame-wal", 0644));
	CHECK_EQ(sql_get("a.flame", "select count(*) from snapshot"), 20);
	CHECK_EQ(check_recording("a.flame"), 20);
	remove_folder();
}

TEST(a_copy_of_the_file_alone_is_sound)
{
	struct recording rec;

	go_to_new_folder();
	leave_killed(20);
	CHECK(!unlink("a.flame-wal"));
	CHECK_EQ(store_open("a.flame", &rec), 0);
	CHECK_EQ(rec.n_snapshots, 0); /* none was moved over yet */
	recording_deinit(&rec);
	remove_folder();
}

TEST(a_log_may_end_anywhere)
{
	size_t size, n = 0, last = 0;
	uint8_t *log;

	go_to_new_folder();
	leave_killed(3);
	log = read_file("a.flame-wal", &size);
	for (size_t at = 0; at <= size; at += at % 2 ? 997 : 1024) {
		struct recording rec;

		CHECK(!truncate("a.flame-wal", 0) && !outfile_write("a.flame-wal", log, at));
		CHECK_EQ(store_open("a.flame", &rec), 0);
		CHECK(rec.n_snapshots >= last);
		last = rec.n_snapshots;
		recording_deinit(&rec);
		n++;
	}
	CHECK(!outfile_write("a.flame-wal", log, size));
	CHECK_EQ(check_recording("a.flame"), 3);
	CHECK(n > 100);
	free(log);
	remove_folder();
}

TEST(foreign_files_are_told)
{
	static const uint8_t zeros[4096];

	go_to_new_folder();
	CHECK(!outfile_write("empty", "", 0) && !outfile_write("text", "main;a 1\n", 9));
	CHECK(!outfile_write("zeros", zeros, sizeof(zeros)));
	sql("other.db", "create table t(x)");
	CHECK_EQ(try_open("missing"), -ENOENT);
	CHECK_EQ(try_open("."), -EISDIR);
	CHECK_EQ(try_open("empty"), -ENODATA);
	CHECK_EQ(try_open("text"), -EMEDIUMTYPE);
	CHECK_EQ(try_open("zeros"), -EMEDIUMTYPE);
	CHECK_EQ(try_open("other.db"), -EMEDIUMTYPE);
	CHECK_EQ(try_open("/dev/null"), -EMEDIUMTYPE);
	remove_folder();
}

/* Changes a sound recording by SQL and opens it. */
static int try_changed(const char *change)
{
	int err;

	write_whole("a.flame", 3);
	sql("a.flame", change);
	err = try_open("a.flame");
	CHECK(!unlink("a.flame"));
	return err;
}

TEST(changed_recordings_are_damaged)
{
	static const char *const change[] = {
	    "create trigger t after insert on top begin delete from top; end",
	    "create view v as select 1",
	    "create index i on node(frame)",
	    "create table t(x)",
	    "create virtual table t using fts5(x)",
	    "drop table mark",
	    "alter table frame add column x",
	    "update meta set value='web2' where key='host'",
	    "update meta set value='99' where key='freq_hz'",
	    "update meta set value=0 where key='finished'",
	    "delete from meta where key='kernel'",
	    "update frame set name='other' where id=3",
	    "update frame set kind=77 where id=3",
	    "update frame set module=1000 where id=3",
	    "update frame set name=x'6d61696e' where id=3",
	    "delete from frame where id=(select max(id) from frame)",
	    "insert into frame values(100000, 'x', 0, 0)",
	    "update node set parent=id where id=5",
	    "update node set parent=id+1 where id=5",
	    "update node set frame=100000 where id=5",
	    "delete from node where id=5",
	    "update process set comm='other' where id=1",
	    "update process set comm=zeroblob(10) where id=1",
	    "update module set path=printf('%.*c', 100000, 'x') where id=1",
	    "update stack set node=1000000 where id=1",
	    "update stack set process=process+1 where id=1",
	    "update snapshot set taken=taken+1 where id=1",
	    "update snapshot set expected=expected+1, idle=idle+1 where id=1",
	    "update snapshot set expected=-1 where id=1",
	    "update snapshot set t0_ns=0 where id=1",
	    "update snapshot set id=7 where id=2",
	    "delete from snapshot where id=1",
	    "delete from snapshot where id=2",
	    "delete from chunk where snapshot=2",
	    "delete from chunk where snapshot=2; delete from snapshot where id=2",
	    "pragma user_version=0",
	};

	go_to_new_folder();
	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		int err = try_changed(change[i]);

		if (err != -EBADMSG)
			TEST_FAIL("%d after: %s", err, change[i]);
	}
	CHECK_EQ(try_changed("select 1; vacuum"), 0);
	remove_folder();
}

TEST(a_changed_chunk_is_damaged_when_loaded)
{
	struct snapshot s = {0};
	struct recording rec;

	go_to_new_folder();
	write_whole("a.flame", 3);
	sql("a.flame", "update chunk set data=(select data from chunk where snapshot=0) "
		       "where snapshot=1; update chunk set data='text' where snapshot=2");
	CHECK_EQ(store_open("a.flame", &rec), 0);
	hush();
	CHECK_EQ(recording_load(&rec, 0, &s), 0);
	CHECK(recording_load(&rec, 2, &s) == -EBADMSG && s.n_entries == 0);
	unhush();
	recording_deinit(&rec);
	snapshot_deinit(&s);
	remove_folder();
}

TEST(newer_files_are_refused_by_version)
{
	go_to_new_folder();
	CHECK_EQ(try_changed(
		     "pragma user_version=2; update meta set value=2 where key='min_reader'"),
		 -EPROTONOSUPPORT);
	CHECK_EQ(try_changed("pragma user_version=2; drop table meta"), -EPROTONOSUPPORT);
	/* A newer one that older readers still understand. */
	CHECK_EQ(try_changed("pragma user_version=2; create table host(id INTEGER PRIMARY KEY);"
			     "insert into meta values('colour', 7)"),
		 0);
	CHECK_EQ(try_changed("pragma user_version=2; create view v as select 1"), -EBADMSG);
	remove_folder();
}

/* What a file of these bytes gives: 0 and the same data, or a negative errno. */
static int try_bytes(const uint8_t *data, size_t size, const char **what_ret)
{
	struct recording rec;
	int err = store_open_memory("flipped", data, size, &rec);

	*what_ret = NULL;
	if (!err) {
		*what_ret = synthetic_compare(SEED, STACKS, SAMPLES, &rec);
		if (!*what_ret && (rec.n_snapshots != 4 || strcmp(rec.meta.host, "web1") ||
				   rec.meta.period_ns != 10101010 || !rec.meta.finished))
			*what_ret = "the rest differs";
		if (*what_ret && !strcmp(*what_ret, "a snapshot does not load"))
			*what_ret = NULL;
	}
	recording_deinit(&rec);
	return err;
}

TEST(flipped_bytes_give_an_error_or_the_same)
{
	size_t size, same = 0, bad = 0;
	const char *what;
	uint64_t state = 3;
	uint8_t *data;

	go_to_new_folder();
	write_whole("a.flame", 4);
	data = read_file("a.flame", &size);
	hush();
	for (size_t at = 0; at < size; at += at < 200 ? 1 : 1 + synthetic_random(&state) % 120) {
		uint8_t flip = 1 + synthetic_random(&state) % 255;
		int err;

		data[at] ^= flip;
		err = try_bytes(data, size, &what);
		data[at] ^= flip;
		if (what || err > 0) {
			unhush();
			TEST_FAIL("byte %zu ^ %02x: %s", at, flip, what ? what : "error above 0");
		}
		same += !err;
		bad += !!err;
	}
	unhush();
	CHECK(same > 100 && bad > 100);
	free(data);
	remove_folder();
}

TEST(a_file_may_end_anywhere)
{
	size_t size, step;
	const char *what;
	uint8_t *data;

	go_to_new_folder();
	write_whole("a.flame", 4);
	data = read_file("a.flame", &size);
	hush();
	for (size_t n = 0; n < size; n += step) {
		struct recording rec;
		int err, err_file;

		step = n < 200 || n % 16384 > 16380 || n % 16384 < 4 ? 1 : 1021;
		step = n + step > size - 4 ? 1 : step;
		err = try_bytes(data, n, &what);
		CHECK(!outfile_write("cut.flame", data, n));
		err_file = store_open("cut.flame", &rec);
		recording_deinit(&rec);
		if (what || err >= 0 || err_file >= 0) {
			unhush();
			TEST_FAIL("%zu bytes of %zu: %d, %d, %s", n, size, err, err_file, what);
		}
	}
	unhush();
	free(data);
	remove_folder();
}

TEST_MAIN()
