#include "store/chunk.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/varint.h"
#include "base/xalloc.h"

#define LEVEL	  3
#define CRC_BYTES sizeof(uint32_t)
/* A process, its number of nodes, a node: 32 bits each; and a count. */
#define ENTRY_MAX_BYTES (3 * 5 + VARINT_MAX)

struct chunk_coder {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	uint8_t *content, *blob;
	size_t cap_content, cap_blob;
};

struct chunk_coder *chunk_coder_create(void)
{
	struct chunk_coder *c = xcalloc(1, sizeof(*c));

	c->compress = ZSTD_createCCtx();
	c->decompress = ZSTD_createDCtx();
	if (c->compress && c->decompress)
		return c;
	chunk_coder_destroy(c);
	errno = ENOMEM;
	return NULL;
}

void chunk_coder_destroy(struct chunk_coder *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->compress);
	ZSTD_freeDCtx(c->decompress);
	free(c->content);
	free(c->blob);
	free(c);
}

uint32_t chunk_crc(uint32_t crc, const void *data, size_t size)
{
	return crc32_z(crc, data, size);
}

static size_t group_end(const struct snapshot *s, size_t i)
{
	size_t end = i + 1;

	while (end < s->n_entries && s->entry[end].process == s->entry[i].process)
		end++;
	return end;
}

static bool is_sound(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i], *before = e - 1;

		if (!e->count)
			return false;
		if (i && (e->process < before->process ||
			  (e->process == before->process && e->node <= before->node)))
			return false;
	}
	return true;
}

/* Writes the content and returns its size. */
static size_t put_content(struct chunk_coder *c, const struct snapshot *s)
{
	size_t n_groups = 0, end;
	uint32_t process = 0;
	uint8_t *p;

	c->content =
	    xgrow(c->content, &c->cap_content, s->n_entries * ENTRY_MAX_BYTES + VARINT_MAX, 1);
	p = c->content;
	for (size_t i = 0; i < s->n_entries; i = group_end(s, i))
		n_groups++;
	p += varint_put(p, n_groups);
	for (size_t i = 0; i < s->n_entries; i = end) {
		end = group_end(s, i);
		p += varint_put(p, s->entry[i].process - process);
		p += varint_put(p, end - i);
		process = s->entry[i].process;
	}
	for (size_t i = 0; i < s->n_entries; i = end) {
		uint32_t node = 0;

		for (end = group_end(s, i); i < end; i++) {
			p += varint_put(p, s->entry[i].node - node);
			node = s->entry[i].node;
		}
	}
	for (size_t i = 0; i < s->n_entries; i++)
		p += varint_put(p, s->entry[i].count);
	return p - c->content;
}

int chunk_encode(struct chunk_coder *c, const struct snapshot *s, const void **blob_ret,
		 size_t *size_ret)
{
	size_t size, n;
	uint32_t crc;

	if (!is_sound(s))
		return -EINVAL;
	if (s->n_entries > CHUNK_MAX_BYTES / 2)
		return -E2BIG;
	size = put_content(c, s);
	if (size > CHUNK_MAX_BYTES)
		return -E2BIG;
	c->blob = xgrow(c->blob, &c->cap_blob, CRC_BYTES + ZSTD_compressBound(size), 1);
	n = ZSTD_compressCCtx(c->compress, c->blob + CRC_BYTES, c->cap_blob - CRC_BYTES, c->content,
			      size, LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM;
	crc = htole32(chunk_crc(0, c->blob + CRC_BYTES, n));
	memcpy(c->blob, &crc, CRC_BYTES);
	*blob_ret = c->blob;
	*size_ret = CRC_BYTES + n;
	return 0;
}

/* A cursor over the content; `bad` sticks, and reads 0 from then on. */
struct scan {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t scan_number(struct scan *in)
{
	uint64_t v = 0;
	size_t n = in->bad ? 0 : varint_get(in->p, in->end, &v);

	in->bad |= !n;
	in->p += n;
	return n ? v : 0;
}

/* The next of a rising row of ids: `*id` + what is read; above it, but for the first one. */
static uint32_t scan_id(struct scan *in, bool first, uint32_t *id, size_t limit)
{
	uint64_t delta = scan_number(in);

	if ((!first && !delta) || delta >= limit || *id + delta >= limit)
		in->bad = true;
	else
		*id += delta;
	return *id;
}

/* Reads processes and how many nodes each has: makes room for as many entries. */
static void scan_groups(struct scan *in, size_t n_processes, struct snapshot *s)
{
	uint64_t n_groups = scan_number(in);
	uint32_t process = 0;

	for (uint64_t g = 0; g < n_groups && !in->bad; g++) {
		uint32_t id = scan_id(in, !g, &process, n_processes);
		uint64_t n = scan_number(in);

		/* Each entry still takes two bytes at least: what is asked for is bounded by that.
		 */
		if (!n || n > (uint64_t)(in->end - in->p) / 2 ||
		    s->n_entries + n > (uint64_t)(in->end - in->p) / 2)
			in->bad = true;
		if (in->bad)
			return;
		s->entry = xgrow(s->entry, &s->cap_entries, s->n_entries + n, sizeof(*s->entry));
		for (; n; n--)
			s->entry[s->n_entries++].process = id;
	}
}

static bool scan_content(struct scan *in, size_t n_processes, size_t n_nodes, struct snapshot *s)
{
	uint64_t sum = 0;
	uint32_t node = 0;

	scan_groups(in, n_processes, s);
	for (size_t i = 0; i < s->n_entries && !in->bad; i++) {
		bool first = !i || s->entry[i].process != s->entry[i - 1].process;

		if (first)
			node = 0;
		s->entry[i].node = scan_id(in, first, &node, n_nodes);
	}
	for (size_t i = 0; i < s->n_entries && !in->bad; i++) {
		s->entry[i].count = scan_number(in);
		if (!s->entry[i].count || __builtin_add_overflow(sum, s->entry[i].count, &sum))
			in->bad = true;
	}
	return !in->bad && in->p == in->end;
}

int chunk_decode(struct chunk_coder *c, const void *blob, size_t size, size_t n_processes,
		 size_t n_nodes, struct snapshot *s)
{
	const uint8_t *frame = (const uint8_t *)blob + CRC_BYTES;
	unsigned long long content;
	struct scan in;
	uint32_t crc;

	s->n_entries = 0;
	if (size <= CRC_BYTES)
		return -EBADMSG;
	memcpy(&crc, blob, CRC_BYTES);
	size -= CRC_BYTES;
	if (le32toh(crc) != chunk_crc(0, frame, size))
		return -EBADMSG;
	content = ZSTD_getFrameContentSize(frame, size);
	if (content > CHUNK_MAX_BYTES) /* the two error values are huge */
		return -EBADMSG;
	c->content = xgrow(c->content, &c->cap_content, content + 1, 1);
	if (ZSTD_decompressDCtx(c->decompress, c->content, content, frame, size) != content)
		return -EBADMSG;
	in = (struct scan){.p = c->content, .end = c->content + content};
	if (scan_content(&in, n_processes, n_nodes, s))
		return 0;
	s->n_entries = 0;
	return -EBADMSG;
}
