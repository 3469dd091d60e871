#ifndef PROFILE_SNAPSHOT_H
#define PROFILE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What became of every sample of an interval. The kernel called the BPF program `expected` times:
 *
 *	expected = taken + idle + filtered + the sum of lost
 *	taken    = complete + truncated + kernel_only = the sum of the snapshot's counts
 *
 * exactly. Each of these is counted where it happens; only LOSS_MISSING is a difference.
 */
enum loss {
	LOSS_RING_FULL,	   /* the ring buffer had no room */
	LOSS_RING_BUSY,	   /* the ring buffer was locked by the context that was interrupted */
	LOSS_HASH_STORAGE, /* more (process, stack) keys in the snapshot than --hash-storage-size */
	LOSS_STACK_STORAGE, /* more distinct stacks in it than --stack-storage-size */
	LOSS_MISSING,	    /* counted by the BPF program, but no record came within a second */
	LOSS_BACKLOG,	    /* taken, but nobody took it from the collector in time */
	LOSSES
};

/* The names in JSON, in the recording and in words: "ring_full", … */
extern const char *const loss_names[LOSSES];

struct account {
	uint64_t expected, taken, idle, filtered;
	uint64_t lost[LOSSES];
	uint64_t complete, truncated, kernel_only;
};

uint64_t account_lost(const struct account *a);
bool account_balanced(const struct account *a);
void account_add(struct account *sum, const struct account *a);

/* How many samples one stack of one process got. */
struct entry {
	uint32_t process, node;
	uint64_t count;
};

/* [t0, t1) by three clocks, and the account of it: a snapshot without its counts. */
struct snapshot_info {
	uint64_t t0_ns, t1_ns; /* unix */
	uint64_t mono_ns;      /* CLOCK_MONOTONIC at t0 */
	uint64_t boot_ns;      /* CLOCK_BOOTTIME at t0 */
	struct account account;
};

/* Entries are sorted by process, then node, and no two have both in common. */
struct snapshot {
	struct snapshot_info info;
	struct entry *entry;
	size_t n_entries, cap_entries;
};

void snapshot_deinit(struct snapshot *s);
/* Appends, in any order; call snapshot_sort() when all are in. */
void snapshot_add(struct snapshot *s, uint32_t process, uint32_t node, uint64_t count);
/* Sorts, and adds up the entries of one process and node. */
void snapshot_sort(struct snapshot *s);

#endif
