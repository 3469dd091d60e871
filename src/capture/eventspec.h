#ifndef CAPTURE_EVENTSPEC_H
#define CAPTURE_EVENTSPEC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What triggers a sample, as -e names it:
 *
 *	cpu-clock                 time that a CPU is busy; works everywhere
 *	cycles, instructions …    hardware counters, where there is a PMU
 *	page-faults …             events that the kernel counts itself (perf_event_open(2))
 *	tracepoint:CAT:NAME       a tracepoint of the kernel
 *	uprobe:PATH:SYMBOL        calls of a function of a program or library; SYMBOL+0x10, or the
 *	                          offset in the file alone, 0x1234, too
 *
 * EVENT_OFF_CPU has no name here: it is the time in which threads are not on a CPU.
 */
enum event_kind {
	EVENT_CLOCK,
	EVENT_HARDWARE,
	EVENT_SOFTWARE,
	EVENT_TRACEPOINT,
	EVENT_UPROBE,
	EVENT_OFF_CPU,
};

#define EVENT_PART_MAX 4096

struct event_spec {
	enum event_kind kind;
	uint64_t config;	       /* of perf_event_attr: HARDWARE, SOFTWARE */
	char category[128], name[128]; /* TRACEPOINT */
	char path[EVENT_PART_MAX];     /* UPROBE */
	char symbol[512];	       /* UPROBE; "": only an offset */
	uint64_t offset;	       /* UPROBE: from the symbol, or in the file */
};

/* The names without parts, separated by blanks: "cpu-clock cycles …". */
extern const char event_names[];

/* NULL, or what is wrong with the text, to stand behind it: "is no event; …". */
const char *event_spec_parse(const char *text, struct event_spec *ret);

/* It happens so and so often, and not at a rate: each is a sample, unless -c says every how many.
 */
static inline bool event_is_counted(const struct event_spec *s)
{
	return s->kind >= EVENT_SOFTWARE;
}

/* It is a program of its own kind, attached to a place in code. */
static inline bool event_is_probe(const struct event_spec *s)
{
	return s->kind >= EVENT_TRACEPOINT;
}

#endif
