#ifndef STORE_CHUNK_H
#define STORE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "profile/snapshot.h"

/*
 * The counts of a snapshot as the blob that a recording keeps.
 *
 *	blob     CRC-32 of the rest (4 bytes, little-endian; polynomial of zlib), then one zstd
 *	         frame that tells its content size
 *	content  LEB128 numbers (base/varint.h), in this order:
 *	         the number of processes
 *	         for each process: its id, less that of the one before; how many nodes it has
 *	         for each process, for each node: its id, less that of the one before in the process
 *	         for each of these nodes: its count
 *
 * All are in rising order, without repetition, and no count is 0. Kinds of numbers stand together
 * because they compress better so than in pairs. What does not hold to this is refused by
 * chunk_decode(), whatever bytes it is given.
 *
 * A coder keeps buffers and zstd's contexts from one call to the next; it belongs to one thread.
 */
#define CHUNK_MAX_BYTES (32u << 20) /* of content */

struct chunk_coder;

struct chunk_coder *chunk_coder_create(void);
void chunk_coder_destroy(struct chunk_coder *c);

/*
 * The blob stays the coder's, and is valid until its next use. 0; -EINVAL where entries are not
 * sorted, or a count is 0; -E2BIG where there are more than a chunk holds.
 */
int chunk_encode(struct chunk_coder *c, const struct snapshot *s, const void **blob_ret,
		 size_t *size_ret);

/*
 * Replaces the entries of s; its info is not touched. Each process is below n_processes, each node
 * below n_nodes, and the sum of all counts fits 64 bits. 0 or -EBADMSG.
 */
int chunk_decode(struct chunk_coder *c, const void *blob, size_t size_bytes, size_t n_processes,
		 size_t n_nodes, struct snapshot *s);

/* The CRC-32 of zlib, which everything in a recording is checked by; begin with 0. */
uint32_t chunk_crc(uint32_t crc, const void *data, size_t size_bytes);

#endif
