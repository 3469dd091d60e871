#include "render/strip.h"

#include <string.h>

const uint8_t strip_order[] = {FRAME_USER, FRAME_INLINED, FRAME_JIT,   FRAME_UNNAMED,
			       FRAME_MARK, BOX_PROCESS,	  FRAME_KERNEL};
const int strip_kinds = sizeof(strip_order);

static uint64_t start_ns(const struct scene *s)
{
	return s->rec->snapshot[0].t0_ns;
}

static uint64_t span_ns(const struct scene *s)
{
	uint64_t end = s->rec->snapshot[s->rec->n_snapshots - 1].t1_ns;

	return end > start_ns(s) ? end - start_ns(s) : 1;
}

int strip_x(const struct scene *s, uint64_t time_ns, int width_px)
{
	uint64_t since = time_ns > start_ns(s) ? time_ns - start_ns(s) : 0;

	return tree_px(since, span_ns(s), width_px);
}

/* Value × ns of each kind in [from, to); *at is the first snapshot that may reach into it. */
static void integrate(const struct scene *s, uint64_t from, uint64_t to, size_t *at,
		      __uint128_t *sum)
{
	memset(sum, 0, strip_kinds * sizeof(*sum));
	while (*at < s->rec->n_snapshots && s->rec->snapshot[*at].t1_ns <= from)
		++*at;
	for (size_t i = *at; i < s->rec->n_snapshots && s->rec->snapshot[i].t0_ns < to; i++) {
		const struct snapshot_info *info = &s->rec->snapshot[i];
		uint64_t a = info->t0_ns > from ? info->t0_ns : from;
		uint64_t b = info->t1_ns < to ? info->t1_ns : to;

		for (int k = 0; k < strip_kinds && b > a; k++)
			sum[k] += (__uint128_t)s->strip[i * BOX_KINDS + strip_order[k]] * (b - a);
	}
}

void strip_tops(const struct scene *s, int width_px, int height_px, uint16_t *top)
{
	int columns = width_px / STRIP_COLUMN_PX;
	__uint128_t sum[BOX_KINDS];
	size_t at = 0;

	for (int c = 0; c < columns; c++) {
		uint64_t from = start_ns(s) + (uint64_t)((__uint128_t)span_ns(s) * c / columns);
		uint64_t to = start_ns(s) + (uint64_t)((__uint128_t)span_ns(s) * (c + 1) / columns);
		__uint128_t below = 0, full = (__uint128_t)s->full * (to > from ? to - from : 1);

		integrate(s, from, to, &at, sum);
		for (int k = 0; k < strip_kinds; k++) {
			below += sum[k];
			top[c * strip_kinds + k] =
			    below >= full ? height_px
					  : (uint16_t)((below * height_px + full / 2) / full);
		}
	}
}
