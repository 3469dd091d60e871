#include "capture/eventspec.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

const char event_names[] = "cpu-clock cycles instructions cache-references cache-misses branches "
			   "branch-misses page-faults minor-faults major-faults context-switches "
			   "cpu-migrations alignment-faults emulation-faults";

static const struct {
	const char *name;
	enum event_kind kind;
	uint64_t config;
} events[] = {
    {"cpu-clock", EVENT_CLOCK, PERF_COUNT_SW_CPU_CLOCK},
    {"cycles", EVENT_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", EVENT_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache-references", EVENT_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", EVENT_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", EVENT_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", EVENT_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"page-faults", EVENT_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"faults", EVENT_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", EVENT_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", EVENT_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", EVENT_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cs", EVENT_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", EVENT_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"alignment-faults", EVENT_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation-faults", EVENT_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
};

static const char *const unknown =
    "is no event: give cpu-clock, cycles, page-faults, context-switches …, tracepoint:CAT:NAME or "
    "uprobe:PATH:SYMBOL";

/* The part up to `end`, which fits and is not empty. */
static bool take_part(char *to, size_t size, const char *from, const char *end)
{
	size_t n = end - from;

	if (!n || n >= size)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

static const char *parse_tracepoint(const char *rest, struct event_spec *ret)
{
	const char *colon = strchr(rest, ':');

	ret->kind = EVENT_TRACEPOINT;
	/* They become a path. */
	if (!colon || strchr(rest, '/') || strstr(rest, "..") ||
	    !take_part(ret->category, sizeof(ret->category), rest, colon) ||
	    !take_part(ret->name, sizeof(ret->name), colon + 1, rest + strlen(rest)))
		return "names no tracepoint: give tracepoint:CATEGORY:NAME, as in "
		       "tracepoint:syscalls:sys_enter_openat";
	return NULL;
}

static bool take_offset(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static const char *parse_uprobe(const char *rest, struct event_spec *ret)
{
	const char *colon = strrchr(rest, ':'), *symbol = colon ? colon + 1 : "", *plus;

	ret->kind = EVENT_UPROBE;
	if (!colon || *rest != '/' || !*symbol ||
	    !take_part(ret->path, sizeof(ret->path), rest, colon))
		return "names no function: give uprobe:/PATH/OF/FILE:SYMBOL, as in "
		       "uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc";
	if (take_offset(symbol, &ret->offset))
		return NULL;
	plus = strrchr(symbol, '+');
	if (plus && !take_offset(plus + 1, &ret->offset))
		plus = NULL;
	if (!take_part(ret->symbol, sizeof(ret->symbol), symbol,
		       plus ? plus : symbol + strlen(symbol)))
		return "has too long a name";
	return NULL;
}

const char *event_spec_parse(const char *text, struct event_spec *ret)
{
	*ret = (struct event_spec){0};
	if (!strncmp(text, "tracepoint:", 11))
		return parse_tracepoint(text + 11, ret);
	if (!strncmp(text, "uprobe:", 7))
		return parse_uprobe(text + 7, ret);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (strcmp(text, events[i].name))
			continue;
		ret->kind = events[i].kind;
		ret->config = events[i].config;
		return NULL;
	}
	return unknown;
}
