#ifndef STORE_CHUNK_H
#define STORE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "profile/snapshot.h"

/*
 * The counts of a snapshot as the blob that a recording keeps, 0.9 bytes for each.
 *
 * Stacks that ever got a count are numbered from 0 in the order of first sight. These numbers are
 * denser than those of nodes, most of which are only on the way to others; and most stacks belong
 * to one process, the one that had it first. Measured on 3,600 × 2,000 entries: 6.5 MB, where
 * grouping by process and telling nodes takes 11.7 MB.
 *
 *	blob     CRC-32 of the rest (4 bytes, little-endian; polynomial of zlib), then one zstd
 *	         frame that tells its content size
 *	content  LEB128 numbers (base/varint.h): how many entries; then for each, by rising stack
 *and process, its stack, less that of the one before; then for each its process: 0 for the stack's
 *own, else 1 + the zigzag code of what it differs by from the process of the one before (0 before
 *the first); then for each its count, which is not 0
 *
 * What does not hold to this is refused by chunk_decode(), whatever bytes it is given.
 */
#define CHUNK_MAX_BYTES (32u << 20) /* of content */

struct chunk_stack {
	uint32_t node, process; /* process: the one that had it first */
};

struct chunk_stacks {
	struct chunk_stack *stack;
	size_t n, cap;
	uint32_t *of_node; /* node → its number, plus 1; only of those that were numbered here */
	size_t n_nodes, cap_nodes;
};

void chunk_stacks_deinit(struct chunk_stacks *st);
/* Numbers the stacks of a snapshot that are new. */
void chunk_stacks_number(struct chunk_stacks *st, const struct snapshot *s);
/* Gives the next number to what was read. */
void chunk_stacks_add(struct chunk_stacks *st, uint32_t node, uint32_t process);

/*
 * A coder keeps buffers and zstd's contexts from one call to the next; it belongs to one thread.
 */
struct chunk_coder;

struct chunk_coder *chunk_coder_create(void);
void chunk_coder_destroy(struct chunk_coder *c);

/*
 * All stacks of s were numbered. The blob stays the coder's, and is valid until its next use. 0;
 * -EINVAL where entries are not sorted, or a count is 0; -E2BIG where there are more than a chunk
 * holds.
 */
int chunk_encode(struct chunk_coder *c, const struct chunk_stacks *st, const struct snapshot *s,
		 const void **blob_ret, size_t *size_ret);

/*
 * Replaces the entries of s; its info is not touched. Each stack is below n_stacks, which is not
 * above st->n, each process below n_processes, and the sum of all counts fits 64 bits. 0 or
 * -EBADMSG.
 */
int chunk_decode(struct chunk_coder *c, const struct chunk_stacks *st, const void *blob,
		 size_t size_bytes, size_t n_stacks, size_t n_processes, struct snapshot *s);

/* The CRC-32 of zlib, which everything in a recording is checked by; begin with 0. */
uint32_t chunk_crc(uint32_t crc, const void *data, size_t size_bytes);

#endif
