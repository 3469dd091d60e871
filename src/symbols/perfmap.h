#ifndef SYMBOLS_PERFMAP_H
#define SYMBOLS_PERFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/ranges.h"

/*
 * Names of JIT-compiled code, as runtimes write them to /tmp/perf-PID.map: lines of
 * "START SIZE NAME", numbers in hex, the name up to the end of the line. The file grows while the
 * process runs; code that is replaced is listed again, and so a later line overrides what it
 * overlaps. Specified in the kernel's tools/perf/Documentation/jit-interface.txt.
 *
 * The file belongs to the profiled process and is believed in nothing: lines that do not fit are
 * skipped, PERFMAP_MAX_LINES and PERFMAP_MAX_BYTES end the reading for good.
 */
#define PERFMAP_MAX_BYTES (256u << 20)
#define PERFMAP_MAX_LINES (2u << 20)

/* Zero-initialise it. */
struct perfmap {
	struct ranges ranges; /* value: offset of the name in text */
	char *text;	      /* names, each with its NUL; not clean */
	size_t len, cap;
	uint64_t at; /* bytes of the file that are taken in: whole lines */
	uint64_t n_lines;
};

void perfmap_deinit(struct perfmap *pm);

/*
 * Takes in what the file has grown by since the last call; starts over where it has shrunk.
 * 0, or a negative errno: -EINVAL where it is no regular file.
 */
int perfmap_update(struct perfmap *pm, int fd);

/* The name, valid until the next update; NULL where none is known. */
const char *perfmap_find(const struct perfmap *pm, uint64_t addr);
size_t perfmap_bytes(const struct perfmap *pm);

#endif
