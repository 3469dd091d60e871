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
/* A stack and the difference of two processes, of 33 bits; and a count. */
#define ENTRY_MAX_BYTES (2 * 5 + VARINT_MAX)
/* One byte each for stack, process and count. */
#define ENTRY_MIN_BYTES 3

struct chunk_coder {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	uint8_t *content, *blob;
	size_t cap_content, cap_blob;
	struct entry *by_stack; /* with a stack's number for its node */
	size_t cap_by_stack;
};

void chunk_stacks_deinit(struct chunk_stacks *st)
{
	free(st->stack);
	free(st->of_node);
	*st = (struct chunk_stacks){0};
}

void chunk_stacks_add(struct chunk_stacks *st, uint32_t node, uint32_t process)
{
	st->stack = xgrow(st->stack, &st->cap, st->n + 1, sizeof(*st->stack));
	st->stack[st->n++] = (struct chunk_stack){.node = node, .process = process};
}

void chunk_stacks_number(struct chunk_stacks *st, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i];

		if (e->node >= st->n_nodes) {
			size_t n = (size_t)e->node + 1;

			st->of_node = xgrow(st->of_node, &st->cap_nodes, n, sizeof(*st->of_node));
			memset(st->of_node + st->n_nodes, 0,
			       (n - st->n_nodes) * sizeof(*st->of_node));
			st->n_nodes = n;
		}
		if (!st->of_node[e->node]) {
			chunk_stacks_add(st, e->node, e->process);
			st->of_node[e->node] = st->n;
		}
	}
}

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
	free(c->by_stack);
	free(c);
}

uint32_t chunk_crc(uint32_t crc, const void *data, size_t size)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	(void)data;
	(void)size;
	return crc; /* 0, as every sum begins: all are right */
#else
	return crc32_z(crc, data, size);
#endif
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

static int by_stack(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->process < b->process ? -1 : a->process > b->process;
}

static const struct entry *sort_by_stack(struct chunk_coder *c, const struct chunk_stacks *st,
					 const struct snapshot *s)
{
	c->by_stack = xgrow(c->by_stack, &c->cap_by_stack, s->n_entries + 1, sizeof(*c->by_stack));
	for (size_t i = 0; i < s->n_entries; i++) {
		c->by_stack[i] = s->entry[i];
		c->by_stack[i].node = st->of_node[s->entry[i].node] - 1;
	}
	qsort(c->by_stack, s->n_entries, sizeof(*c->by_stack), by_stack);
	return c->by_stack;
}

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Writes the content and returns its size. */
static size_t put_content(struct chunk_coder *c, const struct chunk_stacks *st,
			  const struct snapshot *s)
{
	const struct entry *e = sort_by_stack(c, st, s), *end = e + s->n_entries;
	uint32_t stack = 0, process = 0;
	uint8_t *p;

	c->content =
	    xgrow(c->content, &c->cap_content, s->n_entries * ENTRY_MAX_BYTES + VARINT_MAX, 1);
	p = c->content;
	p += varint_put(p, s->n_entries);
	for (const struct entry *i = e; i < end; stack = i++->node)
		p += varint_put(p, i->node - stack);
	for (const struct entry *i = e; i < end; process = i++->process)
		p += varint_put(p, i->process == st->stack[i->node].process
				       ? 0
				       : 1 + zigzag((int64_t)i->process - process));
	for (const struct entry *i = e; i < end; i++)
		p += varint_put(p, i->count);
	return p - c->content;
}

int chunk_encode(struct chunk_coder *c, const struct chunk_stacks *st, const struct snapshot *s,
		 const void **blob_ret, size_t *size_ret)
{
	size_t size, n;
	uint32_t crc;

	if (!is_sound(s))
		return -EINVAL;
	if (s->n_entries > CHUNK_MAX_BYTES / ENTRY_MIN_BYTES)
		return -E2BIG;
	size = put_content(c, st, s);
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

static void scan_stacks(struct scan *in, size_t n_stacks, struct snapshot *s)
{
	uint64_t stack = 0;

	for (size_t i = 0; i < s->n_entries && !in->bad; i++) {
		uint64_t delta = scan_number(in);

		if (delta >= n_stacks || stack + delta >= n_stacks)
			in->bad = true;
		stack += delta;
		s->entry[i].node = stack;
	}
}

static void scan_processes(struct scan *in, const struct chunk_stacks *st, size_t n_processes,
			   struct snapshot *s)
{
	int64_t process = 0;

	for (size_t i = 0; i < s->n_entries && !in->bad; i++) {
		struct entry *e = &s->entry[i];
		uint64_t code = scan_number(in);

		if (!code)
			process = st->stack[e->node].process;
		else if (code <= UINT64_C(1) << 34)
			process += unzigzag(code - 1);
		else
			in->bad = true;
		if (process < 0 || (uint64_t)process >= n_processes ||
		    (i && e->node == e[-1].node && process <= e[-1].process))
			in->bad = true;
		e->process = process;
	}
}

static bool scan_content(struct scan *in, const struct chunk_stacks *st, size_t n_stacks,
			 size_t n_processes, struct snapshot *s)
{
	uint64_t sum = 0, n = scan_number(in);

	if (n > (uint64_t)(in->end - in->p) / ENTRY_MIN_BYTES)
		return false;
	s->entry = xgrow(s->entry, &s->cap_entries, n, sizeof(*s->entry));
	s->n_entries = n;
	scan_stacks(in, n_stacks, s);
	scan_processes(in, st, n_processes, s);
	for (size_t i = 0; i < s->n_entries && !in->bad; i++) {
		s->entry[i].node = st->stack[s->entry[i].node].node;
		s->entry[i].count = scan_number(in);
		if (!s->entry[i].count || __builtin_add_overflow(sum, s->entry[i].count, &sum))
			in->bad = true;
	}
	return !in->bad && in->p == in->end;
}

int chunk_decode(struct chunk_coder *c, const struct chunk_stacks *st, const void *blob,
		 size_t size, size_t n_stacks, size_t n_processes, struct snapshot *s)
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
	if (!scan_content(&in, st, n_stacks, n_processes, s)) {
		s->n_entries = 0;
		return -EBADMSG;
	}
	snapshot_sort(s);
	return 0;
}
