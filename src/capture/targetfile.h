#ifndef CAPTURE_TARGETFILE_H
#define CAPTURE_TARGETFILE_H

#include <stdint.h>

/*
 * Opens files that a profiled process names. It may name anything: a device, a FIFO, a link out of
 * its container. So a path is resolved inside the process's own root, looked at before it is
 * opened, and opened only if it is a regular file; none of it waits for the process. All return a
 * read-only descriptor or a negative errno.
 */

/* The very file that is mapped at [start, end), whatever its name is by now. */
int targetfile_open_mapped(uint32_t pid, uint64_t start, uint64_t end);

/*
 * The file that stands at `path` in the process's root, or in ours if the process is gone. Where
 * inode is not 0, another device and inode are -ESTALE.
 */
int targetfile_open_path(uint32_t pid, const char *path, uint32_t dev_major, uint32_t dev_minor,
			 uint64_t inode);

/*
 * What stands at `path` in the process's root; -EXDEV where it has the root and the mounts that we
 * have.
 */
int targetfile_open_foreign(uint32_t pid, const char *path);

/* /tmp/perf-N.map in the process's root, N its pid in its innermost PID namespace: of its own user
 * or of root, under one name only. */
int targetfile_open_perfmap(uint32_t pid);

#endif
