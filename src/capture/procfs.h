#ifndef CAPTURE_PROCFS_H
#define CAPTURE_PROCFS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/modules.h"

/*
 * What /proc tells of processes that were there before us. Its text holds names that the processes
 * choose: all is read through buffers of fixed size, and a line that does not fit is left out.
 */
struct procfs_process {
	uint32_t pid;
	char comm[16];
	bool is_kernel;
	bool is_dead;	/* its main thread is: a zombie, or soon one */
	bool is_ending; /* its memory is gone: it has no other thread */
	bool threaded;	/* it has more than one thread */
};

typedef void procfs_map_fn(void *arg, const struct mapped *map, uint64_t pgoff);

/* Name and kind of a process. 0, or -ESRCH where there is none. */
int procfs_read(uint32_t pid, struct procfs_process *ret);

/* A thread by which /proc shows its memory and folders: its main one, or where that ended before
 * the others, one of those. */
uint32_t procfs_thread(uint32_t pid);

/* Calls fn for each executable mapping. `map->pid` is procfs_thread(), and `map->path` is valid
 * until it returns. */
void procfs_maps(uint32_t pid, procfs_map_fn *fn, void *arg);

/*
 * Parses one line of /proc/PID/maps without its newline, which it changes: true where it is an
 * executable mapping, with map_ret->path pointing into the line.
 */
bool procfs_parse_map(char *line, struct mapped *map_ret, uint64_t *pgoff_ret);

/* Calls fn for each process there is, until it returns false. */
void procfs_each(bool (*fn)(void *arg, uint32_t pid), void *arg);

#endif
