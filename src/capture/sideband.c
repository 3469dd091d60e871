#include "capture/sideband.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "capture/events.h"

/* For each CPU: room for some thousand records between two wake-ups. */
#define RING_BYTES (512u << 10)
/* The largest record is an MMAP2 with a path of PATH_MAX. */
#define RECORD_MAX 8192
/* What sample_id_all adds at the end of each record: pid, tid, time. */
#define TRAILER_BYTES 16

struct sideband {
	int *fd;
	struct perf_event_mmap_page **page;
	size_t n, page_bytes;
};

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The text from p on ends before the trailer, and with a NUL. */
static bool take_text(struct sideband_event *e, const uint8_t *p, const uint8_t *end)
{
	if (p >= end || !memchr(p, 0, end - p))
		return false;
	e->text = (const char *)p;
	return true;
}

static bool parse_map(struct sideband_event *e, const uint8_t *p, const uint8_t *end, bool id)
{
	if (end - p < 64)
		return false;
	e->kind = SIDEBAND_MAP;
	e->start = get_u64(p + 8);
	e->end = e->start + get_u64(p + 16);
	e->pgoff = get_u64(p + 24);
	if (id) {
		e->build_id_size = p[32];
		if (e->build_id_size > sizeof(e->build_id))
			return false;
		memcpy(e->build_id, p + 36, e->build_id_size);
	} else {
		e->dev_major = get_u32(p + 32);
		e->dev_minor = get_u32(p + 36);
		e->inode = get_u64(p + 40);
	}
	return e->end > e->start && take_text(e, p + 64, end);
}

bool sideband_parse(const void *record, size_t size, struct sideband_event *e_ret)
{
	const uint8_t *p = record, *end = p + size;
	struct sideband_event e = {0};
	struct perf_event_header h;

	if (size < sizeof(h) + 8 + TRAILER_BYTES)
		return false;
	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	end -= TRAILER_BYTES;
	e.t_ns = get_u64(end + 8);
	e.pid = get_u32(p);
	e.tid = get_u32(p + 4);
	switch (h.type) {
	case PERF_RECORD_COMM:
		e.kind = h.misc & PERF_RECORD_MISC_COMM_EXEC ? SIDEBAND_EXEC : SIDEBAND_COMM;
		if (!take_text(&e, p + 8, end))
			return false;
		break;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		if (end - p < 24)
			return false;
		e.kind = h.type == PERF_RECORD_FORK ? SIDEBAND_FORK : SIDEBAND_EXIT;
		e.parent_pid = get_u32(p + 4);
		e.tid = get_u32(p + 8);
		break;
	case PERF_RECORD_MMAP2:
		if (!parse_map(&e, p, end, h.misc & PERF_RECORD_MISC_MMAP_BUILD_ID))
			return false;
		break;
	case PERF_RECORD_LOST:
		if (end - p < 16)
			return false;
		e.kind = SIDEBAND_LOST;
		e.pid = e.tid = 0;
		e.lost = get_u64(p + 8);
		break;
	default:
		return false;
	}
	*e_ret = e;
	return true;
}

uint64_t sideband_walk(const uint8_t *ring, size_t size, uint64_t tail, uint64_t head,
		       sideband_fn *fn, void *arg)
{
	uint8_t whole[RECORD_MAX];

	while (head - tail >= sizeof(struct perf_event_header)) {
		size_t at = tail & (size - 1), left = size - at;
		struct perf_event_header h;
		struct sideband_event e;
		const uint8_t *record = ring + at;

		/* Records are multiples of 8, so that a header never wraps. */
		memcpy(&h, record, sizeof(h));
		if (h.size < sizeof(h) || h.size % 8 || h.size > head - tail ||
		    h.size > sizeof(whole))
			return head;
		if (h.size > left) {
			memcpy(whole, record, left);
			memcpy(whole + left, ring, h.size - left);
			record = whole;
		}
		if (sideband_parse(record, h.size, &e))
			fn(arg, &e);
		tail += h.size;
	}
	return tail;
}

static int open_one(struct sideband *sb, int cpu)
{
	struct perf_event_attr attr = {
	    .size = sizeof(attr),
	    .type = PERF_TYPE_SOFTWARE,
	    .config = PERF_COUNT_SW_DUMMY,
	    .sample_period = 1,
	    .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
	    .sample_id_all = 1,
	    .comm = 1,
	    .comm_exec = 1,
	    .mmap = 1,
	    .mmap2 = 1,
	    .build_id = 1,
	    .task = 1,
	    .use_clockid = 1,
	    .clockid = CLOCK_MONOTONIC,
	    .watermark = 1,
	    .wakeup_watermark = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	void *page;

	/* Build-ids in mappings came with 5.12. */
	if (fd < 0 && errno == EINVAL) {
		attr.build_id = 0;
		fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	}
	if (fd < 0)
		return errno == ENODEV ? 0 : -errno;
	page = mmap(NULL, sb->page_bytes + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		int err = -errno;

		close(fd);
		return err;
	}
	sb->page[sb->n] = page;
	sb->fd[sb->n++] = fd;
	return 0;
}

struct sideband *sideband_create(void)
{
	struct sideband *sb = xcalloc(1, sizeof(*sb));
	uint32_t *cpu = NULL;
	size_t n = 0;
	int err = events_online_cpus(&cpu, &n);

	sb->page_bytes = sysconf(_SC_PAGESIZE);
	sb->fd = xcalloc(n + 1, sizeof(*sb->fd));
	sb->page = xcalloc(n + 1, sizeof(*sb->page));
	for (size_t i = 0; i < n && !err; i++)
		err = open_one(sb, cpu[i]);
	free(cpu);
	if (!err)
		return sb;
	sideband_destroy(sb);
	errno = -err;
	return NULL;
}

int sideband_add_cpu(struct sideband *sb, uint32_t cpu)
{
	size_t n = sb->n;
	int err;

	sb->fd = xreallocarray(sb->fd, n + 1, sizeof(*sb->fd));
	sb->page = xreallocarray(sb->page, n + 1, sizeof(*sb->page));
	err = open_one(sb, cpu);
	if (err)
		return err;
	return sb->n > n ? sb->fd[n] : -ENODEV;
}

void sideband_destroy(struct sideband *sb)
{
	if (!sb)
		return;
	for (size_t i = 0; i < sb->n; i++) {
		munmap(sb->page[i], sb->page_bytes + RING_BYTES);
		close(sb->fd[i]);
	}
	free(sb->fd);
	free(sb->page);
	free(sb);
}

const int *sideband_fds(const struct sideband *sb, size_t *n_ret)
{
	*n_ret = sb->n;
	return sb->fd;
}

void sideband_drain(struct sideband *sb, sideband_fn *fn, void *arg)
{
	for (size_t i = 0; i < sb->n; i++) {
		struct perf_event_mmap_page *page = sb->page[i];
		uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
		uint64_t tail = sideband_walk((const uint8_t *)page + sb->page_bytes, RING_BYTES,
					      page->data_tail, head, fn, arg);

		__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	}
}
