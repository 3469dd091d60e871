#include "base/hash.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/xalloc.h"

uint64_t hash_seed(void)
{
	uint64_t seed;
	struct timespec ts;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		return seed;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return hash_u64(ts.tv_nsec, ts.tv_sec);
}

void index_deinit(struct index *ix)
{
	free(ix->slot);
	*ix = (struct index){0};
}

void index_clear(struct index *ix)
{
	if (ix->slot)
		memset(ix->slot, 0, sizeof(*ix->slot) * ((size_t)ix->mask + 1));
	ix->n = 0;
}

static void place(uint64_t *slot, uint32_t mask, uint64_t s)
{
	uint32_t at = s >> 32;

	while (slot[at & mask])
		at++;
	slot[at & mask] = s;
}

static void index_enlarge(struct index *ix)
{
	uint32_t mask = ix->slot ? ix->mask * 2 + 1 : 63;
	uint64_t *slot = xcalloc((size_t)mask + 1, sizeof(*slot));

	for (size_t i = 0; ix->slot && i <= ix->mask; i++)
		if (ix->slot[i])
			place(slot, mask, ix->slot[i]);
	free(ix->slot);
	ix->slot = slot;
	ix->mask = mask;
}

void index_add(struct index *ix, uint64_t hash, uint32_t id)
{
	if (!ix->slot || ix->n >= ix->mask / 2)
		index_enlarge(ix);
	place(ix->slot, ix->mask, (hash >> 32) << 32 | (id + 1));
	ix->n++;
}
