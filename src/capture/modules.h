#ifndef CAPTURE_MODULES_H
#define CAPTURE_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/chan.h"
#include "capture/wire.h"

/*
 * The files whose code is mapped anywhere, each known once by device, inode, build-id and path. A
 * file is opened when its mapping is first seen, since a moment later the process may be gone; the
 * main process is told of it, and gets the descriptor, when a sample first falls into it.
 *
 * Ids count up from 1. MODULE_JIT stands for anonymous code, which belongs to one process and gets
 * its module from modules_add_jit(). MODULE_NONE: nothing known, or one module too many.
 */
#define MODULE_NONE 0u
#define MODULE_JIT  UINT32_MAX

/* An executable mapping, as a process or the kernel tells of it. */
struct mapped {
	uint32_t pid;
	uint64_t start, end;
	uint32_t dev_major, dev_minor;
	uint64_t inode; /* 0: not told */
	uint8_t build_id_size, build_id[BUILD_ID_MAX];
	const char *path;
};

struct modules;

/* out: where MODULE messages go, borrowed. */
struct modules *modules_create(struct chan *out);
void modules_destroy(struct modules *m);

/* The table maker (profile/unwind_table.h) is told of files too, from now on; NULL: no more. */
void modules_tell_maker(struct modules *m, struct chan *maker);

/* The module of a mapping. Opens its file at first sight. */
uint32_t modules_see(struct modules *m, const struct mapped *map);
/* A sample fell into it: tells the main process, once. `map` (path and all) is where it is mapped,
 * for another try where the file could not be opened. */
void modules_use(struct modules *m, uint32_t id, uint32_t pid, uint64_t start, uint64_t end);
/*
 * A separate debug file of the module, in the root of the last process that was seen to run it, as
 * targetfile_open_foreign(). Only paths below /usr/lib/debug, beside the module's own, and in
 * .debug there are opened; others are -EINVAL.
 */
int modules_open_debug(const struct modules *m, uint32_t id, const char *path);
/* The module for all anonymous code of a process. */
uint32_t modules_add_jit(struct modules *m, uint32_t process);
/* It is code that came with a file, or the kernel's own page: it can have rules for unwinding. */
int modules_has_code(const struct modules *m, uint32_t id);
/* Of its file; 0 where that is not known. */
uint64_t modules_bytes(const struct modules *m, uint32_t id);
/* Offsets in it are addresses. */
int modules_is_absolute(const struct modules *m, uint32_t id);
/* How many were refused for want of room. */
uint64_t modules_refused(const struct modules *m);

#endif
