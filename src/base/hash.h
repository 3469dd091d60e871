#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A 64-bit hash of bytes by folded 64×64→128-bit products. The seed keeps a profiled process from
 * choosing names that collide; where a colour follows from it, the seed is fixed. The result does
 * not depend on alignment, and is the same on every little-endian machine.
 */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_u64(uint64_t v, uint64_t seed)
{
	return hash_fold(v ^ 0x9e3779b97f4a7c15u, seed ^ 0xd6e8feb86659fd93u);
}

static inline uint64_t hash_bytes(const void *data, size_t size, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ hash_fold(size ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);
	uint64_t a, b = 0;

	for (; size >= 16; size -= 16, p += 16) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		h = hash_fold(a ^ 0x8ebc6af09c88c6e3u, b ^ h);
	}
	a = b = 0;
	if (size >= 8) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, size - 8);
	} else {
		memcpy(&a, p, size);
	}
	return hash_fold(a ^ 0x589965cc75374cc3u ^ h, b ^ 0x1d8e4e27c47d124fu ^ h);
}

/* A number that differs between runs of the program, for the seed of tables that see hostile keys.
 */
uint64_t hash_seed(void);

/*
 * An index from hashes to the ids of an array kept elsewhere; ids of equal hash are told apart by
 * the caller. Zero-initialise it. To look up:
 *
 *	for (uint32_t it = 0, id; index_next(&ix, hash, &it, &id);)
 *		if (same(array[id], key))
 *			return id;
 *	index_add(&ix, hash, new_id);
 */
struct index {
	uint64_t *slot; /* high 32 bits of the hash (its place too), then id + 1; 0 is empty */
	uint32_t mask, n;
};

void index_deinit(struct index *ix);
void index_clear(struct index *ix);
void index_add(struct index *ix, uint64_t hash, uint32_t id);

static inline int index_next(const struct index *ix, uint64_t hash, uint32_t *it, uint32_t *id_ret)
{
	if (!ix->slot)
		return 0;
	for (;;) {
		uint64_t s = ix->slot[((uint32_t)(hash >> 32) + (*it)++) & ix->mask];

		if (!s)
			return 0;
		if (s >> 32 == hash >> 32) {
			*id_ret = (uint32_t)s - 1;
			return 1;
		}
	}
}

#endif
