#include "symbols/perfmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define CHUNK_BYTES    65536
#define NAME_MAX_BYTES 4096

struct batch {
	struct range *r;
	size_t n, cap;
};

void perfmap_deinit(struct perfmap *pm)
{
	ranges_deinit(&pm->ranges);
	free(pm->text);
	*pm = (struct perfmap){0};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex with or without 0x, then blanks. NULL where there is no number, or one beyond 64 bits. */
static const char *get_hex(const char *p, const char *end, uint64_t *v_ret)
{
	const char *first;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	first = p;
	for (*v_ret = 0; p < end && hex_digit(*p) >= 0; p++) {
		if (*v_ret >> 60)
			return NULL;
		*v_ret = *v_ret << 4 | hex_digit(*p);
	}
	if (p == first || p == end || (*p != ' ' && *p != '\t'))
		return NULL;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

static void take_line(struct perfmap *pm, const char *p, const char *end, struct batch *b)
{
	uint64_t start, size;
	size_t len;

	if (++pm->n_lines > PERFMAP_MAX_LINES)
		return;
	p = get_hex(p, end, &start);
	p = p ? get_hex(p, end, &size) : NULL;
	while (p && end > p && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	if (!p || p == end || !size || start + size < start)
		return;
	len = end - p > NAME_MAX_BYTES ? NAME_MAX_BYTES : end - p;
	b->r = xgrow(b->r, &b->cap, b->n + 1, sizeof(*b->r));
	b->r[b->n++] = (struct range){start, start + size, pm->len};
	pm->text = xgrow(pm->text, &pm->cap, pm->len + len + 1, 1);
	memcpy(pm->text + pm->len, p, len);
	pm->len += len;
	pm->text[pm->len++] = '\0';
}

static size_t take_lines(struct perfmap *pm, const char *buf, size_t len, struct batch *b)
{
	const char *p = buf, *nl;

	while ((nl = memchr(p, '\n', buf + len - p))) {
		take_line(pm, p, nl, b);
		p = nl + 1;
	}
	/* A line that fills the buffer is no line: skipped in pieces, none of which is likely to
	 * look like one. */
	return p == buf && len == CHUNK_BYTES ? len : (size_t)(p - buf);
}

int perfmap_update(struct perfmap *pm, int fd)
{
	struct batch b = {0};
	struct stat st;
	char *buf;
	int err = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size < pm->at)
		perfmap_deinit(pm);
	if ((uint64_t)st.st_size == pm->at)
		return 0;
	buf = xmalloc(CHUNK_BYTES);
	while (pm->at < PERFMAP_MAX_BYTES && pm->n_lines <= PERFMAP_MAX_LINES) {
		uint64_t left = PERFMAP_MAX_BYTES - pm->at;
		ssize_t n = pread(fd, buf, left < CHUNK_BYTES ? left : CHUNK_BYTES, pm->at);
		size_t taken;

		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		taken = take_lines(pm, buf, n, &b);
		if (!taken)
			break;
		pm->at += taken;
	}
	ranges_add(&pm->ranges, b.r, b.n);
	free(b.r);
	free(buf);
	return err;
}

const char *perfmap_find(const struct perfmap *pm, uint64_t addr)
{
	const struct range *r = ranges_find(&pm->ranges, addr);

	return r ? pm->text + r->value : NULL;
}

size_t perfmap_bytes(const struct perfmap *pm)
{
	return pm->cap + pm->ranges.n * sizeof(struct range);
}
