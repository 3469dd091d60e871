#ifndef CAPTURE_STARTPOINTS_H
#define CAPTURE_STARTPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/dict.h"

/*
 * Where stacks begin. A stack is whole when its outermost frame is a function that begins all: but
 * in a stripped libc those have no name (__libc_start_call_main, start_thread). So we look at
 * ourselves: where main(), and where a thread's function, returns to in the libc that we run with.
 * Programs that map a file with the same build-id return to the same places in it.
 *
 * Offsets are places in the file, as in struct wire_frame: of the return address itself, not of
 * the call before it. 0: not found (a static program, or another libc than glibc).
 */
struct startpoint {
	uint64_t function; /* where the function begins */
	uint64_t returns;  /* where main, or the thread's function, returns to */
};

struct startpoints {
	uint8_t build_id_size, build_id[BUILD_ID_MAX]; /* of our libc; size 0: it has none */
	uint64_t dev, ino; /* the file it was loaded from; ino 0: not known */
	struct startpoint main, thread;
};

/* Call it from the main thread. Starts a thread for a moment. */
void startpoints_find(struct startpoints *ret);

/*
 * Is it the libc that we run with: by its build-id, or, where the kernel did not tell that of a
 * module, by its file (fd: -1 for none).
 */
bool startpoints_is_libc(const struct startpoints *s, const uint8_t *build_id, uint8_t size,
			 int fd);

/* Is this place in that libc one of them? */
bool startpoints_match(const struct startpoints *s, uint64_t offset);

#endif
