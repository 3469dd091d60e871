#include "render/core/timeline.h"

#define SECOND_NS     1000000000u
#define STEP_MIN_NS   (SECOND_NS / 2)
#define LENGTH_MIN_NS (10ull * SECOND_NS)
#define LENGTH_MAX_NS (45ull * SECOND_NS)
#define REST_NS	      (2ull * SECOND_NS)
/* On top of the 0.3 s that a step of 0.5 s rests anyway. */
#define LAST_REST_NS (REST_NS - 3ull * SECOND_NS / 10)

/* Time that the steps share: the last one rests longer, where the film is not a mere moment. */
static uint64_t steps_time(uint64_t length_ns)
{
	return length_ns >= 2 * REST_NS ? length_ns - LAST_REST_NS : length_ns;
}

static uint32_t window_of(const struct timeline *tl, uint64_t interval_ns,
			  const struct render_options *opt)
{
	uint64_t w = tl->intervals_per_step > 5 ? tl->intervals_per_step : 5;

	if (opt->window_ns && interval_ns)
		w = (opt->window_ns + interval_ns / 2) / interval_ns;
	if (w < tl->intervals_per_step || opt->mode == MODE_INTERVAL)
		w = tl->intervals_per_step;
	return w > tl->n_snapshots ? tl->n_snapshots : (uint32_t)w;
}

void timeline_plan(struct timeline *tl, uint32_t n, uint64_t interval_ns, uint64_t recorded_ns,
		   const struct render_options *opt)
{
	uint64_t length = opt->length_ns, most;

	*tl =
	    (struct timeline){.n_snapshots = n, .mode = opt->mode, .fps = opt->fps ? opt->fps : 30};
	/* Half a second a snapshot, and the rest of the last one. */
	if (!length)
		length = n * (uint64_t)STEP_MIN_NS + LAST_REST_NS;
	if (!opt->length_ns && length < LENGTH_MIN_NS)
		length = LENGTH_MIN_NS;
	if (!opt->length_ns && length > LENGTH_MAX_NS)
		length = LENGTH_MAX_NS;
	tl->steps_ns = steps_time(length);
	if (opt->speed > 0)
		tl->steps_ns = (uint64_t)((double)recorded_ns / opt->speed);
	if (tl->steps_ns < STEP_MIN_NS)
		tl->steps_ns = STEP_MIN_NS;
	tl->length_ns = opt->speed > 0 ? tl->steps_ns + LAST_REST_NS : length;
	if (tl->length_ns < tl->steps_ns)
		tl->length_ns = tl->steps_ns;
	most = tl->steps_ns / STEP_MIN_NS;
	/* A step has an image of its own, also at one a second. */
	if (most > tl->steps_ns * tl->fps / SECOND_NS)
		most = tl->steps_ns * tl->fps / SECOND_NS;
	most = most ? most : 1;
	most = most > n ? n : most;
	tl->intervals_per_step = (uint32_t)((n + most - 1) / most);
	tl->n_steps = (n + tl->intervals_per_step - 1) / tl->intervals_per_step;
	tl->window = window_of(tl, interval_ns, opt);
	tl->motion = (tl->fps + 2) / 5 > 1 ? (tl->fps + 2) / 5 : 1;
	tl->speed = (double)recorded_ns / (double)tl->steps_ns;
}

void timeline_window(const struct timeline *tl, uint32_t last, uint32_t *first_ret,
		     uint32_t *end_ret)
{
	*end_ret = last + 1;
	*first_ret = 0;
	if (tl->mode == MODE_CUMULATIVE)
		return;
	if (last >= tl->window)
		*first_ret = last + 1 - tl->window;
	for (uint32_t i = 0; i < tl->n_cuts && tl->cut[i] <= last; i++)
		if (tl->cut[i] > *first_ret)
			*first_ret = tl->cut[i];
}

uint32_t timeline_last(const struct timeline *tl, uint32_t step)
{
	uint32_t end = (step + 1) * tl->intervals_per_step;

	return (end > tl->n_snapshots ? tl->n_snapshots : end) - 1;
}

uint64_t timeline_start(const struct timeline *tl, uint32_t step)
{
	uint64_t images = tl->steps_ns * tl->fps / SECOND_NS;

	return images * step / tl->n_steps;
}

uint32_t timeline_ease(uint32_t i, uint32_t n)
{
	uint64_t x = ((uint64_t)i << 16) / n;

	return (uint32_t)((x * x >> 16) * (3 * 65536 - 2 * x) >> 16);
}
