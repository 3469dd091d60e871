#ifndef STORE_CHUNK_H
#define STORE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "profile/snapshot.h"

/*
 * The counts of a snapshot as one blob. Before compression (zstd, RFC 8878) it is a row of LEB128
 * numbers (base/varint.h): for each process, in order, the step from the last process's number,
 * the number n of its stacks, then n times the step from the last node's number (from 0 at first)
 * and the count. Sorted entries make for small steps: a stack takes about a byte.
 */
struct chunk {
	uint8_t *data; /* zstd frame */
	size_t size_bytes, cap;
	uint32_t crc;	  /* CRC-32 of the uncompressed bytes (zlib's) */
	size_t raw_bytes; /* uncompressed */
	uint8_t *raw;
	size_t raw_cap;
	void *zstd; /* contexts, made at first use */
	void *unzstd;
};

/* Nothing of this size comes from us: more than four million stacks in a snapshot. */
#define CHUNK_MAX_RAW_BYTES (64u << 20)

void chunk_deinit(struct chunk *c);

/* Encodes the sorted entries of s into c, which is reused. 0, or -EFBIG. */
int chunk_encode(struct chunk *c, const struct snapshot *s);

/*
 * Decodes into s, whose entries are replaced. n_processes and n_nodes bound the numbers that may
 * occur. -EBADMSG where anything is not as chunk_encode() makes it.
 */
int chunk_decode(struct chunk *c, const void *data, size_t size, uint32_t crc, size_t n_processes,
		 size_t n_nodes, struct snapshot *s);

#endif
