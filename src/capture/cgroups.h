#ifndef CAPTURE_CGROUPS_H
#define CAPTURE_CGROUPS_H

#include <stdint.h>

/*
 * The paths of cgroups (version 2) by their ids, which are the inode numbers of their folders. The
 * tree is read when an id is not known, once a second at most; what went stays known.
 */
struct cgroups;

struct cgroups *cgroups_create(void);
void cgroups_destroy(struct cgroups *c);

/* From the root of the tree, "/" for the root itself; "" where it cannot be known. Valid until the
 * next call. */
const char *cgroups_path(struct cgroups *c, uint64_t id, uint64_t now_ns);

#endif
