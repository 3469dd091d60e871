#ifndef CAPTURE_PROCS_H
#define CAPTURE_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All processes with their executable mappings, as they were at the time of the sample at hand:
 * the caller applies what happened and looks up addresses in order of time.
 *
 * A fork shares its parent's mappings until one of the two maps something; exec clears them; a new
 * mapping cuts what it overlays (nobody tells of munmap). A process that ended is kept until
 * procs_sweep() finds it unused, since samples of it may still come. A pid that is used again is a
 * new process. Of one with several threads the main thread may end before the others: whether all
 * of it ended, procs_sweep() asks whoever knows.
 *
 * Sizes are bounded; what is too much is not taken in, and counted.
 *
 * Processes with the same mappings share them. A set of mappings carries a number of the caller's,
 * which is 0 at first and again as soon as they change.
 */
struct mapping {
	uint64_t start, end, pgoff;
	uint32_t module; /* modules.h */
};

struct maps;

/* Members up to `exited` are kept by procs.c, those after it are the caller's. */
struct proc {
	uint32_t pid;
	char comm[16]; /* of the main thread */
	bool is_kernel;
	bool followed;	     /* it is, or descends from, what procs_follow() named */
	uint64_t start_ns;   /* of its fork or exec; 0: it was there before us */
	uint64_t known_ns;   /* /proc was read then; what happened before is in there */
	uint32_t generation; /* changes with its mappings */
	struct maps *maps;
	bool threaded;	     /* it had more than one thread */
	bool exited;	     /* its main thread did */
	uint64_t touched_ns; /* its end, or the last sample */

	uint32_t id; /* on the wire; 0 after fork, exec and a new name */
	uint32_t jit_module;
	uint8_t perfmap_tries;
	bool perfmap_found;
	uint64_t perfmap_next_ns;
	bool changed;
	uint32_t next; /* in its bucket */
};

enum proc_event_kind { PROC_FORK, PROC_COMM, PROC_EXEC, PROC_MAP, PROC_EXIT };

struct proc_event {
	uint64_t t_ns;
	uint32_t seq; /* for the caller, to keep those of one time in order */
	enum proc_event_kind kind;
	uint32_t pid, tid, parent_pid;
	char comm[16];	    /* COMM, EXEC */
	struct mapping map; /* MAP */
};

struct procs;

struct procs *procs_create(void);
void procs_destroy(struct procs *ps);

/* Marks this process, and all it forks from now on, as followed. */
void procs_follow(struct procs *ps, uint32_t pid);

/* Applies one. */
void procs_event(struct procs *ps, const struct proc_event *e);

/*
 * A process that was found in /proc at known_ns, in place of what was known of the pid. Its
 * mappings follow with procs_map(). NULL where there are too many.
 */
struct proc *procs_add(struct procs *ps, uint32_t pid, const char *comm, bool is_kernel,
		       uint64_t known_ns);
void procs_map(struct procs *ps, struct proc *p, const struct mapping *map);

/* NULL where it is not known. Valid until the next process is added. */
struct proc *procs_find(struct procs *ps, uint32_t pid);
/* The mapping that holds the address, or NULL. */
const struct mapping *procs_lookup(const struct proc *p, uint64_t address);

/* All of its mappings, by address. */
const struct mapping *procs_mappings(const struct proc *p, size_t *n_ret);
/* The number that they carry; NULL where it has none. */
uint32_t *procs_mappings_number(struct proc *p);
/* `fn` gets each number that is forgotten, and how many mappings carried it. */
void procs_on_forget(struct procs *ps, void (*fn)(void *arg, uint32_t number, uint32_t n),
		     void *arg);

/*
 * Forgets the processes that ended and have had no sample since `before_ns`. Of those that had
 * several threads, `lives` says whether any of them is there yet: where it says no, the process is
 * forgotten.
 */
void procs_on_sweep(struct procs *ps, bool (*lives)(void *arg, uint32_t pid), void *arg);
void procs_sweep(struct procs *ps, uint64_t before_ns);

/* How many processes and mappings were refused. */
uint64_t procs_refused(const struct procs *ps);
size_t procs_count(const struct procs *ps);

#endif
