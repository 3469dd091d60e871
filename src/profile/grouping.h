#ifndef PROFILE_GROUPING_H
#define PROFILE_GROUPING_H

#include "base/strbuf.h"
#include "profile/dict.h"

/*
 * What stands at the bottom of a flame graph, and first in folded text: the name of the group that
 * a process of the dict belongs to.
 *
 *	BY_PROCESS   postgres            all processes of that name
 *	BY_PID       postgres (1234)     each by itself
 *	BY_THREAD    pool-N-thread-N     all threads of that name, whatever number stands in it;
 *	                                    of a recording made without --per-thread, the process
 *	BY_CPU       CPU 3               made with --per-cpu; "[all CPUs]" without
 *	BY_CGROUP    /system.slice/x     version 2; "[cgroup unknown]"
 */
enum grouping { BY_PROCESS, BY_PID, BY_THREAD, BY_CPU, BY_CGROUP };

/* Adds the name, which is clean. "" where a process has none. */
void grouping_add_name(const struct dict *d, const struct process *p, enum grouping by,
		       struct strbuf *out);
/* Adds a name with N for each of its numbers: "kworker/3:1" is "kworker/N:N". */
void grouping_add_without_numbers(struct strbuf *out, const char *name);

#endif
