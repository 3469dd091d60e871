/* Recordings of two series: on and off the CPU. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"
#include "tests/test.h"

#define SNAPSHOTS 9
#define UNIT_NS	  1000

static char *path;

static void start(void)
{
	char dir[] = "/tmp/flamelapse-test-XXXXXX";

	CHECK(mkdtemp(dir));
	path = xasprintf("%s/a.flame", dir);
}

static void end(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	CHECK(!rmdir(path));
	free(path);
}

/* The second series of a snapshot: the same stacks, but the first, and other counts. */
static void make_second(const struct snapshot *first, struct snapshot *s)
{
	uint64_t sum = 0;

	s->info = first->info;
	s->n_entries = 0;
	for (size_t i = 1; i < first->n_entries; i++) {
		const struct entry *e = &first->entry[i];

		snapshot_add(s, e->process, e->node, 1000 * e->count + i);
		sum += 1000 * e->count + i;
	}
	s->info.account = (struct account){.expected = sum + 5,
					   .taken = sum,
					   .filtered = 3,
					   .lost[LOSS_RING_FULL] = 2,
					   .complete = sum};
}

static struct store_writer *create(struct synthetic *m)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w = NULL;

	meta.off_cpu_ns = UNIT_NS;
	synthetic_init(m, 3, 100, 50);
	CHECK_EQ(store_create(path, &meta, &w), 0);
	return w;
}

static void write_all(size_t n, bool finish)
{
	struct recording_meta meta = synthetic_meta();
	struct snapshot s[2] = {0};
	struct synthetic m;
	struct store_writer *w = create(&m);

	for (size_t i = 0; i < n; i++) {
		synthetic_snapshot(&m, i);
		s[0] = m.s;
		make_second(&m.s, &s[1]);
		CHECK_EQ(store_append(w, &m.dict, s), 0);
	}
	meta.off_cpu_ns = UNIT_NS;
	meta.undelivered = 4;
	if (finish)
		CHECK_EQ(store_finish(w, &meta), 0);
	else
		_exit(0);
	snapshot_deinit(&s[1]);
	synthetic_deinit(&m);
}

static int open_quietly(struct recording *rec)
{
	int null = open("/dev/null", O_WRONLY), before = dup(STDERR_FILENO), err;

	dup2(null, STDERR_FILENO);
	err = store_open(path, rec);
	dup2(before, STDERR_FILENO);
	close(null);
	close(before);
	return err;
}

static int try_open(void)
{
	struct recording rec;
	int err = open_quietly(&rec);

	recording_deinit(&rec);
	return err;
}

static void sql(const char *text)
{
	sqlite3 *db;

	CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Both, whichever is seen; from the first-th one on of what was written. */
static void compare(struct recording *rec, size_t first)
{
	struct snapshot got[2] = {0}, second = {0};
	struct synthetic m;

	synthetic_init(&m, 3, 100, 50);
	for (size_t i = 0; i < first; i++)
		synthetic_snapshot(&m, i);
	for (size_t i = 0; i < rec->n_snapshots; i++) {
		synthetic_snapshot(&m, first + i);
		make_second(&m.s, &second);
		for (int k = 0; k < 2; k++) {
			const struct snapshot *want = k ? &second : &m.s;

			CHECK_EQ(recording_load_series(rec, i, k, &got[k]), 0);
			CHECK(account_balanced(&got[k].info.account));
			CHECK(!memcmp(&got[k].info, &want->info, sizeof(want->info)));
			CHECK_EQ(got[k].n_entries, want->n_entries);
			CHECK(!memcmp(got[k].entry, want->entry,
				      want->n_entries * sizeof(*want->entry)));
		}
	}
	for (int k = 0; k < 2; k++)
		snapshot_deinit(&got[k]);
	snapshot_deinit(&second);
	synthetic_deinit(&m);
}

TEST(both_are_read)
{
	struct recording rec;

	start();
	write_all(SNAPSHOTS, true);
	CHECK_EQ(store_open(path, &rec), 0);
	CHECK_EQ(recording_n_series(&rec.meta), 2);
	CHECK_EQ(rec.n_snapshots, SNAPSHOTS);
	CHECK_EQ(rec.total.taken, SNAPSHOTS * 50);
	compare(&rec, 0);
	recording_deinit(&rec);
	end();
}

TEST(either_is_seen)
{
	struct recording rec;
	struct account first;
	struct snapshot s = {0};

	start();
	write_all(SNAPSHOTS, true);
	CHECK_EQ(store_open(path, &rec), 0);
	first = rec.total;
	CHECK_EQ(recording_series(&rec.meta), SERIES_ON_CPU);
	CHECK(recording_see(&rec, SERIES_OFF_CPU) && recording_see(&rec, SERIES_OFF_CPU));
	CHECK_EQ(recording_series(&rec.meta), SERIES_OFF_CPU);
	CHECK_STR(rec.meta.event, "off-cpu");
	CHECK_EQ(rec.meta.period_ns, UNIT_NS);
	CHECK_EQ(rec.meta.freq_hz, 0);
	CHECK_EQ(rec.meta.undelivered, -1);
	CHECK_EQ(rec.total.filtered, 3 * SNAPSHOTS);
	CHECK(rec.total.taken > 1000 * 45 * SNAPSHOTS);
	CHECK_EQ(recording_load(&rec, 2, &s), 0);
	CHECK(s.info.account.filtered == 3 && s.entry[0].count > 1000);
	compare(&rec, 0);
	CHECK(recording_see(&rec, SERIES_ON_CPU));
	CHECK_STR(rec.meta.event, "cpu-clock");
	CHECK_EQ(rec.meta.undelivered, 4);
	CHECK(!memcmp(&first, &rec.total, sizeof(first)));
	compare(&rec, 0);
	snapshot_deinit(&s);
	recording_deinit(&rec);
	end();
}

TEST(both_are_trimmed)
{
	struct recording rec;

	start();
	write_all(SNAPSHOTS, true);
	CHECK_EQ(store_open(path, &rec), 0);
	recording_trim(&rec, SYNTHETIC_T0_NS + 2000000000, SYNTHETIC_T0_NS + 5000000000);
	CHECK_EQ(rec.n_snapshots, 3);
	compare(&rec, 2);
	CHECK(recording_see(&rec, SERIES_OFF_CPU));
	CHECK_EQ(rec.total.filtered, 9);
	recording_trim(&rec, SYNTHETIC_T0_NS + 3000000000, UINT64_MAX);
	CHECK_EQ(rec.n_snapshots, 2);
	CHECK_EQ(rec.total.filtered, 6);
	compare(&rec, 3);
	CHECK(recording_see(&rec, SERIES_ON_CPU));
	CHECK_EQ(rec.total.taken, 100);
	recording_deinit(&rec);
	end();
}

TEST(no_snapshot_has_both_too)
{
	struct recording rec;

	start();
	write_all(0, true);
	CHECK_EQ(store_open(path, &rec), 0);
	CHECK(recording_see(&rec, SERIES_OFF_CPU) && rec.n_snapshots == 0);
	recording_deinit(&rec);
	end();
}

/* So that readers which know one series only can read it. */
TEST(one_series_has_no_word_of_another)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct recording rec;
	struct synthetic m;

	start();
	synthetic_init(&m, 3, 100, 50);
	synthetic_snapshot(&m, 0);
	CHECK_EQ(store_create(path, &meta, &w), 0);
	CHECK_EQ(store_append(w, &m.dict, &m.s), 0);
	CHECK_EQ(store_finish(w, &meta), 0);
	synthetic_deinit(&m);
	sql("create table t as select 1 / (count(*) = 0) from meta where key = 'off_cpu_ns';"
	    "drop table t");
	CHECK_EQ(store_open(path, &rec), 0);
	CHECK_EQ(recording_n_series(&rec.meta), 1);
	CHECK(!recording_see(&rec, SERIES_OFF_CPU) && recording_see(&rec, SERIES_ON_CPU));
	recording_deinit(&rec);
	end();
}

TEST(contradictions_are_refused)
{
	struct recording_meta meta = synthetic_meta();
	struct snapshot s[2] = {0};
	struct synthetic m;
	struct store_writer *w;

	start();
	w = create(&m);
	synthetic_snapshot(&m, 0);
	s[0] = m.s;
	make_second(&m.s, &s[1]);
	s[1].info.t1_ns++;
	CHECK_EQ(store_append(w, &m.dict, s), -EINVAL);
	s[1].info.t1_ns--;
	s[1].info.account.filtered++;
	CHECK_EQ(store_append(w, &m.dict, s), -EINVAL);
	s[1].info.account.filtered--;
	s[1].entry[0].count++;
	CHECK_EQ(store_append(w, &m.dict, s), -EINVAL);
	s[1].entry[0].count--;
	CHECK_EQ(store_append(w, &m.dict, s), 0);
	meta.off_cpu_ns = UNIT_NS;
	CHECK_EQ(store_finish(w, &meta), 0);
	CHECK_EQ(try_open(), 0);
	snapshot_deinit(&s[1]);
	synthetic_deinit(&m);
	end();
}

TEST(damage_is_seen)
{
	static const char *const damage[] = {
	    "delete from meta where key = 'off_cpu_ns'",
	    "update meta set value = 999 where key = 'off_cpu_ns'",
	    "update meta set value = 0 where key = 'off_cpu_ns'",
	    "update meta set value = 'off-cpu' where key = 'event'",
	    "delete from snapshot where id = 17",
	    "delete from snapshot where id = 17; delete from chunk where snapshot = 17",
	    "delete from chunk where snapshot = 17",
	    "update snapshot set filtered = 4 where id = 3",
	};

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		start();
		write_all(SNAPSHOTS, true);
		sql(damage[i]);
		CHECK_EQ(try_open(), -EBADMSG);
		end();
	}
}

TEST(what_is_unfinished_has_both)
{
	struct recording rec;
	pid_t pid;

	start();
	pid = fork();
	if (!pid)
		write_all(SNAPSHOTS, false);
	CHECK(pid > 0 && waitpid(pid, NULL, 0) == pid);
	CHECK_EQ(store_open(path, &rec), 0);
	CHECK(rec.n_snapshots == SNAPSHOTS && !rec.meta.finished);
	compare(&rec, 0);
	recording_deinit(&rec);
	sql("pragma wal_checkpoint");
	end();
}

TEST_MAIN()
