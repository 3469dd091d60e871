#include "symbols/kallsyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "symbols/ranges.h"

/* A kernel with everything built in and debug options has 40 MB of it. */
#define FILE_MAX_BYTES (256u << 20)
#define CHUNK_BYTES    65536
#define NOT_CODE       UINT32_MAX

/* The lower the rank, the better; the best of one start is sorted last. */
struct symbol {
	uint64_t start;
	uint32_t name; /* offset of "NAME\tMODULE" or "NAME" in text; NOT_CODE */
	uint8_t rank;
};

struct kallsyms {
	struct strbuf text;
	struct ranges ranges; /* value: offset in text */
	bool is_hidden;
};

struct reader {
	struct kallsyms *ks;
	struct symbol *symbol;
	size_t n, cap;
	size_t n_zero;
};

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_line(struct reader *rd, const char *p, const char *end)
{
	struct strbuf *text = &rd->ks->text;
	struct symbol s = {.name = NOT_CODE};
	const char *first = p;
	char type;

	for (; p < end && hex_digit(*p) >= 0; p++)
		s.start = s.start << 4 | hex_digit(*p);
	if (p == first || p - first > 16 || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return;
	type = p[1];
	p += 3;
	rd->n_zero += s.start == 0;
	if (strchr("tTwW", type) && text->len + (end - p) < NOT_CODE - 1) {
		s.name = text->len;
		s.rank = type == 'T' ? 0 : type == 't' ? 2 : 1;
		strbuf_add(text, p, end - p);
		strbuf_addc(text, '\0');
	}
	rd->symbol = xgrow(rd->symbol, &rd->cap, rd->n + 1, sizeof(*rd->symbol));
	rd->symbol[rd->n++] = s;
}

static int read_lines(struct reader *rd, int fd)
{
	char *buf = xmalloc(CHUNK_BYTES);
	size_t len = 0, at = 0;
	ssize_t n;

	while (at < FILE_MAX_BYTES && (n = pread(fd, buf + len, CHUNK_BYTES - len, at)) > 0) {
		char *p = buf, *nl;

		at += n;
		len += n;
		while ((nl = memchr(p, '\n', buf + len - p))) {
			take_line(rd, p, nl);
			p = nl + 1;
		}
		len -= p - buf;
		memmove(buf, p, len);
		if (len == CHUNK_BYTES)
			break; /* no line of the kernel's */
	}
	free(buf);
	return at || n == 0 ? 0 : -errno;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct symbol *x = a, *y = b;
	const char *text = arg;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if ((x->name == NOT_CODE) != (y->name == NOT_CODE))
		return x->name == NOT_CODE ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->name == NOT_CODE ? 0 : strcmp(text + y->name, text + x->name);
}

static void sort_symbols(struct reader *rd)
{
	struct range *r = xcalloc(rd->n, sizeof(*r));
	uint64_t next = UINT64_MAX, start = UINT64_MAX;

	if (rd->n)
		qsort_r(rd->symbol, rd->n, sizeof(*rd->symbol), compare, rd->ks->text.data);
	for (size_t i = rd->n; i-- > 0;) {
		const struct symbol *s = &rd->symbol[i];
		uint64_t limit = s->start + KALLSYMS_MAX_BYTES;

		if (s->start != start)
			next = start;
		start = s->start;
		if (limit < s->start || limit > next)
			limit = next;
		if (s->name != NOT_CODE)
			r[i] = (struct range){s->start, limit, s->name};
	}
	ranges_add(&rd->ks->ranges, r, rd->n);
	free(r);
}

struct kallsyms *kallsyms_create(int fd)
{
	struct reader rd = {.ks = xcalloc(1, sizeof(*rd.ks))};
	int err = read_lines(&rd, fd);

	if (!err) {
		rd.ks->is_hidden = rd.n && rd.n_zero == rd.n;
		if (!rd.ks->is_hidden)
			sort_symbols(&rd);
	}
	free(rd.symbol);
	if (!err)
		return rd.ks;
	kallsyms_destroy(rd.ks);
	errno = -err;
	return NULL;
}

void kallsyms_destroy(struct kallsyms *ks)
{
	if (!ks)
		return;
	strbuf_deinit(&ks->text);
	ranges_deinit(&ks->ranges);
	free(ks);
}

bool kallsyms_is_hidden(const struct kallsyms *ks)
{
	return ks->is_hidden;
}

bool kallsyms_find(const struct kallsyms *ks, uint64_t addr, struct kallsyms_place *place_ret)
{
	const struct range *r = ranges_find(&ks->ranges, addr);
	const char *name;

	if (!r)
		return false;
	name = ks->text.data + r->value;
	*place_ret = (struct kallsyms_place){.start = r->start,
					     .name = name,
					     .name_len = strcspn(name, "\t")};
	place_ret->module = name + place_ret->name_len;
	if (*place_ret->module)
		place_ret->module++;
	return true;
}

size_t kallsyms_bytes(const struct kallsyms *ks)
{
	return sizeof(*ks) + ks->text.cap + ks->ranges.n * sizeof(struct range);
}
