#include "capture/sideband.h"
#include "tests/test.h"

#include <linux/perf_event.h>

/* Builds records as the kernel writes them. */
static uint8_t rec[8192];
static size_t rec_len;

static void put(const void *p, size_t n)
{
	memcpy(rec + rec_len, p, n);
	rec_len += n;
}

static void put32(uint32_t v)
{
	put(&v, 4);
}

static void put64(uint64_t v)
{
	put(&v, 8);
}

static void begin(uint32_t type, uint16_t misc)
{
	struct perf_event_header h = {.type = type, .misc = misc};

	memset(rec, 0, sizeof(rec));
	rec_len = 0;
	put(&h, sizeof(h));
}

static void put_text(const char *s)
{
	put(s, strlen(s) + 1);
	while (rec_len % 8)
		rec[rec_len++] = 0;
}

static size_t end(uint64_t t)
{
	uint16_t size;

	put32(1);
	put32(1);
	put64(t);
	size = rec_len;
	memcpy(rec + offsetof(struct perf_event_header, size), &size, 2);
	return rec_len;
}

static size_t map_record(uint64_t t, const char *path, bool build_id)
{
	begin(PERF_RECORD_MMAP2, build_id ? PERF_RECORD_MISC_MMAP_BUILD_ID : 0);
	put32(10);
	put32(11);
	put64(0x1000);
	put64(0x3000);
	put64(0x200);
	if (build_id) {
		uint8_t id[24] = {20, 0, 0, 0, 0xab};

		put(id, sizeof(id));
	} else {
		put32(8);
		put32(1);
		put64(4711);
		put64(0);
	}
	put32(5);
	put32(2);
	put_text(path);
	return end(t);
}

static size_t comm_record(uint64_t t, const char *comm, uint16_t misc)
{
	begin(PERF_RECORD_COMM, misc);
	put32(10);
	put32(11);
	put_text(comm);
	return end(t);
}

static size_t task_record(uint32_t type, uint64_t t, uint32_t pid, uint32_t ppid, uint32_t tid)
{
	begin(type, 0);
	put32(pid);
	put32(ppid);
	put32(tid);
	put32(ppid);
	put64(t);
	return end(t);
}

TEST(each_kind_is_understood)
{
	struct sideband_event e;

	CHECK(sideband_parse(rec, map_record(5, "/lib/x.so", false), &e));
	CHECK(e.kind == SIDEBAND_MAP && e.pid == 10 && e.tid == 11 && e.t_ns == 5);
	CHECK(e.start == 0x1000 && e.end == 0x4000 && e.pgoff == 0x200);
	CHECK(e.dev_major == 8 && e.dev_minor == 1 && e.inode == 4711 && !e.build_id_size);
	CHECK_STR(e.text, "/lib/x.so");
	CHECK(sideband_parse(rec, map_record(5, "/lib/x.so", true), &e));
	CHECK(e.build_id_size == 20 && e.build_id[0] == 0xab && !e.inode);
	CHECK(sideband_parse(rec, comm_record(6, "name", 0), &e));
	CHECK(e.kind == SIDEBAND_COMM && e.t_ns == 6);
	CHECK_STR(e.text, "name");
	CHECK(sideband_parse(rec, comm_record(6, "name", PERF_RECORD_MISC_COMM_EXEC), &e));
	CHECK_EQ(e.kind, SIDEBAND_EXEC);
	CHECK(sideband_parse(rec, task_record(PERF_RECORD_FORK, 7, 20, 10, 20), &e));
	CHECK(e.kind == SIDEBAND_FORK && e.pid == 20 && e.parent_pid == 10 && e.tid == 20);
	CHECK(sideband_parse(rec, task_record(PERF_RECORD_EXIT, 8, 20, 10, 21), &e));
	CHECK(e.kind == SIDEBAND_EXIT && e.pid == 20 && e.tid == 21 && e.t_ns == 8);
	begin(PERF_RECORD_LOST, 0);
	put64(1);
	put64(99);
	CHECK(sideband_parse(rec, end(9), &e));
	CHECK(e.kind == SIDEBAND_LOST && e.lost == 99);
	begin(PERF_RECORD_SAMPLE, 0);
	put64(1);
	CHECK(!sideband_parse(rec, end(9), &e));
}

/* Whatever part of a record there is: no read beyond it (sanitizers see), and no event of it. */
TEST(short_records_are_refused)
{
	struct sideband_event e;
	size_t len = map_record(5, "/lib/x.so", true);

	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, rec, n);
		if (n < len - 16)
			CHECK(!sideband_parse(cut, n, &e) || n > 88);
		sideband_parse(cut, n, &e);
		free(cut);
	}
	/* A path without its end. */
	len = map_record(5, "/lib/x.so", false);
	memset(rec + 72, 'x', len - 72 - 16);
	CHECK(!sideband_parse(rec, len, &e));
	/* A build-id longer than any. */
	map_record(5, "/lib/x.so", true);
	rec[40] = 21;
	CHECK(!sideband_parse(rec, len, &e));
	/* Nothing, and backwards. */
	map_record(5, "/lib/x.so", false);
	memset(rec + 24, 0, 8);
	CHECK(!sideband_parse(rec, len, &e));
}

static int n_seen;
static uint64_t last_ns;
static char last_text[64];

static void see(void *arg, const struct sideband_event *e)
{
	(void)arg;
	n_seen++;
	last_ns = e->t_ns;
	snprintf(last_text, sizeof(last_text), "%s", e->text ? e->text : "");
}

/* Records of many lengths, so that each place in the ring is wrapped over. */
TEST(records_wrap)
{
	static uint8_t ring[4096];
	uint64_t head = 0, tail = 0;
	char text[64];

	n_seen = 0;
	for (uint64_t t = 1; t < 2000; t++) {
		size_t len, at = head & (sizeof(ring) - 1);

		snprintf(text, sizeof(text), "/%.*s%llu", (int)(t % 40),
			 "........................................", (unsigned long long)t);
		len = t % 3 ? map_record(t, text, t % 2) : comm_record(t, text, 0);
		for (size_t i = 0; i < len; i++)
			ring[(at + i) & (sizeof(ring) - 1)] = rec[i];
		head += len;
		/* Sometimes two wait. */
		if (t % 2)
			continue;
		tail = sideband_walk(ring, sizeof(ring), tail, head, see, NULL);
		CHECK_EQ(tail, head);
		CHECK_EQ(n_seen, t);
		CHECK_EQ(last_ns, t);
		CHECK_STR(last_text, text);
	}
}

TEST(a_broken_ring_is_given_up)
{
	static uint8_t ring[4096];
	size_t len = comm_record(1, "x", 0);
	struct perf_event_header h = {.type = PERF_RECORD_COMM, .size = 0};

	n_seen = 0;
	memcpy(ring, rec, len);
	memcpy(ring + len, &h, sizeof(h));
	CHECK_EQ(sideband_walk(ring, sizeof(ring), 0, 400, see, NULL), 400);
	CHECK_EQ(n_seen, 1);
	h.size = 4096 - 8;
	memcpy(ring + len, &h, sizeof(h));
	CHECK_EQ(sideband_walk(ring, sizeof(ring), 0, 400, see, NULL), 400);
	h.size = 9;
	memcpy(ring + len, &h, sizeof(h));
	CHECK_EQ(sideband_walk(ring, sizeof(ring), 0, 400, see, NULL), 400);
}

TEST_MAIN()
