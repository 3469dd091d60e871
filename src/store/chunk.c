#include "store/chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/varint.h"
#include "base/xalloc.h"

#define LEVEL 3

void chunk_deinit(struct chunk *c)
{
	free(c->data);
	free(c->raw);
	ZSTD_freeCCtx(c->zstd);
	ZSTD_freeDCtx(c->unzstd);
	*c = (struct chunk){0};
}

static size_t same_process(const struct snapshot *s, size_t from)
{
	size_t end = from + 1;

	while (end < s->n_entries && s->entry[end].process == s->entry[from].process)
		end++;
	return end;
}

static void put(struct chunk *c, uint64_t v)
{
	c->raw_bytes += varint_put(c->raw + c->raw_bytes, v);
}

int chunk_encode(struct chunk *c, const struct snapshot *s)
{
	uint32_t process = 0;
	size_t n;

	c->raw_bytes = 0;
	for (size_t i = 0, end; i < s->n_entries; i = end) {
		uint32_t node = 0;

		end = same_process(s, i);
		c->raw =
		    xgrow(c->raw, &c->raw_cap, c->raw_bytes + (2 + 2 * (end - i)) * VARINT_MAX, 1);
		put(c, s->entry[i].process - process);
		put(c, end - i);
		process = s->entry[i].process;
		for (size_t k = i; k < end; k++) {
			put(c, s->entry[k].node - node);
			put(c, s->entry[k].count);
			node = s->entry[k].node;
		}
	}
	if (c->raw_bytes > CHUNK_MAX_RAW_BYTES)
		return -EFBIG;
	c->crc = (uint32_t)crc32(0, c->raw, (uInt)c->raw_bytes);
	if (!c->zstd && !(c->zstd = ZSTD_createCCtx()))
		return -ENOMEM;
	c->data = xgrow(c->data, &c->cap, ZSTD_compressBound(c->raw_bytes), 1);
	n = ZSTD_compressCCtx(c->zstd, c->data, c->cap, c->raw, c->raw_bytes, LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM;
	c->size_bytes = n;
	return 0;
}

static int unpack(struct chunk *c, const void *data, size_t size, uint32_t crc)
{
	unsigned long long raw = ZSTD_getFrameContentSize(data, size);
	size_t n;

	if (raw > CHUNK_MAX_RAW_BYTES || ZSTD_findFrameCompressedSize(data, size) != size)
		return -EBADMSG;
	if (!c->unzstd && !(c->unzstd = ZSTD_createDCtx()))
		return -ENOMEM;
	c->raw = xgrow(c->raw, &c->raw_cap, raw + 1, 1);
	n = ZSTD_decompressDCtx(c->unzstd, c->raw, raw, data, size);
	if (ZSTD_isError(n) || n != raw || crc32(0, c->raw, (uInt)n) != crc)
		return -EBADMSG;
	c->raw_bytes = n;
	return 0;
}

/* The next two numbers; the first is a step, from `last` to less than `limit`. */
static int next_pair(const uint8_t **p, const uint8_t *end, uint64_t last, uint64_t limit,
		     uint64_t *step_ret, uint64_t *v_ret)
{
	size_t n = varint_get(*p, end, step_ret);

	if (!n || *step_ret >= limit - last)
		return -EBADMSG;
	*p += n;
	n = varint_get(*p, end, v_ret);
	if (!n || !*v_ret)
		return -EBADMSG;
	*p += n;
	return 0;
}

int chunk_decode(struct chunk *c, const void *data, size_t size, uint32_t crc, size_t n_processes,
		 size_t n_nodes, struct snapshot *s)
{
	const uint8_t *p, *end;
	uint64_t process = 0, sum = 0;
	int err = unpack(c, data, size, crc);

	s->n_entries = 0;
	if (err)
		return err;
	p = c->raw;
	end = p + c->raw_bytes;
	for (bool first = true; p < end; first = false) {
		uint64_t step, n, node = 0, count;

		if (next_pair(&p, end, process, n_processes, &step, &n) || (!first && !step) ||
		    n > (uint64_t)(end - p) / 2)
			return -EBADMSG;
		process += step;
		for (uint64_t k = 0; k < n; k++) {
			if (next_pair(&p, end, node, n_nodes, &step, &count) || (k && !step) ||
			    __builtin_add_overflow(sum, count, &sum))
				return -EBADMSG;
			node += step;
			snapshot_add(s, (uint32_t)process, (uint32_t)node, count);
		}
	}
	return sum == s->info.account.taken ? 0 : -EBADMSG;
}
