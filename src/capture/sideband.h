#ifndef CAPTURE_SIDEBAND_H
#define CAPTURE_SIDEBAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The life of all processes, as the kernel tells it: one dummy perf event on each online CPU that
 * samples nothing and writes a record for each fork, exec, change of name, executable mapping and
 * exit. Times are CLOCK_MONOTONIC, as those of the samples are. perf_event_open(2) has the format.
 *
 * Each ring has a descriptor that becomes readable with its first record; sideband_drain() reads
 * all of them, each in order; nothing is promised of the order between CPUs.
 */
enum sideband_kind {
	SIDEBAND_FORK, /* pid was made by parent_pid; a new thread where they are the same */
	SIDEBAND_COMM, /* a thread has a new name */
	SIDEBAND_EXEC, /* a new program, with its name */
	SIDEBAND_MAP,  /* an executable mapping */
	SIDEBAND_EXIT, /* of one thread */
	SIDEBAND_LOST, /* the ring was full: `lost` records are gone */
};

struct sideband_event {
	enum sideband_kind kind;
	uint32_t pid, tid, parent_pid; /* pid: of the process, in our PID namespace */
	uint64_t t_ns;
	uint64_t lost;
	uint64_t start, end, pgoff; /* of a mapping */
	uint32_t dev_major, dev_minor;
	uint64_t inode; /* 0: not told; then there is a build-id */
	uint8_t build_id_size, build_id[20];
	const char *text; /* name or path, NUL-terminated, valid until the callback returns */
};

typedef void sideband_fn(void *arg, const struct sideband_event *e);

struct sideband;

/* Opens and starts all. NULL with errno. */
struct sideband *sideband_create(void);
/* Listens on a CPU that came online too. The descriptor to watch, or -errno. */
int sideband_add_cpu(struct sideband *sb, uint32_t cpu);
void sideband_destroy(struct sideband *sb);
/* The descriptors to wait on. */
const int *sideband_fds(const struct sideband *sb, size_t *n_ret);
void sideband_drain(struct sideband *sb, sideband_fn *fn, void *arg);

/*
 * Parses one whole record of `size` bytes, which begins with its perf_event_header. true with an
 * event; false for a kind that does not concern us, and for one that breaks the format.
 */
bool sideband_parse(const void *record, size_t size, struct sideband_event *e_ret);

/*
 * Reads the records between tail and head out of a ring of `size` bytes (a power of two), where
 * one may wrap. Returns the new tail; stops at the first record that breaks the format.
 */
uint64_t sideband_walk(const uint8_t *ring, size_t size, uint64_t tail, uint64_t head,
		       sideband_fn *fn, void *arg);

#endif
