#include "symbols/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void ranges_deinit(struct ranges *rs)
{
	free(rs->r);
	*rs = (struct ranges){0};
}

static size_t concat(const struct range *a, size_t n_a, const struct range *b, size_t n_b,
		     struct range *out)
{
	if (n_a)
		memcpy(out, a, n_a * sizeof(*a));
	if (n_b)
		memcpy(out + n_a, b, n_b * sizeof(*b));
	return n_a + n_b;
}

/* Both are in order and free of overlaps; where they meet, `top` wins. Returns how many came out.
 */
static size_t overlay(const struct range *under, size_t n_under, const struct range *top,
		      size_t n_top, struct range *out)
{
	size_t k = 0, j = 0;

	if (!n_under || !n_top || under[n_under - 1].end <= top[0].start)
		return concat(under, n_under, top, n_top, out);
	for (size_t i = 0; i < n_under; i++) {
		struct range r = under[i];

		while (j < n_top && top[j].end <= r.start)
			out[k++] = top[j++];
		while (r.start < r.end) {
			if (j == n_top || top[j].start >= r.end) {
				out[k++] = r;
				break;
			}
			if (top[j].start > r.start)
				out[k++] = (struct range){r.start, top[j].start, r.value};
			r.start = top[j].end;
			if (top[j].end <= r.end)
				out[k++] = top[j++];
		}
	}
	return k + concat(NULL, 0, top + j, n_top - j, out + k);
}

/*
 * A merge sort whose merge is overlay(). What comes of in[lo, hi) begins at out[2 * lo], where it
 * has room: n ranges have 2 n ends, hence at most 2 n - 1 pieces.
 */
static size_t flatten(const struct range *in, size_t lo, size_t hi, struct range *out,
		      struct range *spare)
{
	size_t mid = lo + (hi - lo) / 2, n_a, n_b;

	if (hi - lo == 1) {
		out[2 * lo] = in[lo];
		return in[lo].start < in[lo].end;
	}
	n_a = flatten(in, lo, mid, spare, out);
	n_b = flatten(in, mid, hi, spare, out);
	return overlay(spare + 2 * lo, n_a, spare + 2 * mid, n_b, out + 2 * lo);
}

void ranges_add(struct ranges *rs, const struct range *in, size_t n)
{
	struct range *flat, *spare;
	size_t n_flat;

	if (!n)
		return;
	flat = xreallocarray(NULL, n, 2 * sizeof(*flat));
	spare = xreallocarray(NULL, n, 2 * sizeof(*spare));
	n_flat = flatten(in, 0, n, flat, spare);
	free(spare);
	if (rs->n) {
		struct range *both = xreallocarray(NULL, rs->n + 2 * n_flat, sizeof(*both));

		rs->n = overlay(rs->r, rs->n, flat, n_flat, both);
		free(rs->r);
		free(flat);
		flat = both;
	} else {
		free(rs->r);
		rs->n = n_flat;
	}
	rs->r = xreallocarray(flat, rs->n, sizeof(*flat));
}

const struct range *ranges_find(const struct ranges *rs, uint64_t addr)
{
	size_t lo = 0, hi = rs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rs->r[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < rs->n && rs->r[lo].start <= addr ? &rs->r[lo] : NULL;
}
