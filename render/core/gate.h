#ifndef RENDER_CORE_GATE_H
#define RENDER_CORE_GATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether two numbers of samples differ by more than chance. Samples of a steady load are Poisson
 * distributed, so that the difference of `after` and `scale` × `before` has the variance
 * after + scale² × before; loads that come in bursts have more, which the intervals of the time
 * before tell: the larger of the two counts. A change is GATE_Z standard deviations, which chance
 * alone reaches in 1 of 16,000 tests; whoever asks for it twice in a row, in windows that share no
 * sample, hardly ever hears of one that is none.
 *
 * Doubles, and only operations that IEEE 754 rounds the same everywhere.
 */
#define GATE_Z		 4
#define GATE_MIN_SAMPLES 30

/* Samples in each of n intervals of equal length. */
struct gate_spread {
	uint32_t n;
	double sum, squares;
};

static inline void gate_note(struct gate_spread *spread, uint64_t samples)
{
	spread->n++;
	spread->sum += (double)samples;
	spread->squares += (double)samples * (double)samples;
}

/* Variance of one interval: 0 where fewer than 4 tell. */
static inline double gate_variance(const struct gate_spread *s)
{
	double v = s->n < 4 ? 0 : (s->squares - s->sum * s->sum / s->n) / (s->n - 1);

	return v > 0 ? v : 0;
}

/*
 * The same of intervals that may have been calm by chance: from few it is uncertain, for which
 * Student's t of the same chance, over GATE_Z and squared, makes up.
 */
static inline double gate_careful_variance(const struct gate_spread *s)
{
	static const double student[] = {0,   0,   0,	25.3, 13.0, 9.1, 7.4, 6.5, 6.0, 5.6,
					 5.4, 5.2, 5.0, 4.9,  4.8,  4.7, 4.7, 4.6, 4.6, 4.5};
	uint32_t freedom = s->n ? s->n - 1 : 0;
	double t = freedom < sizeof(student) / sizeof(*student) ? student[freedom] : 4.5;

	return gate_variance(s) * (t / GATE_Z) * (t / GATE_Z);
}

/*
 * 1 where `after` is more than `scale` × `before` (scale: the time after over the time before), -1
 * where it is less, 0 where that may be chance. variance: of the difference, as the intervals have
 * it.
 */
static inline int gate_direction(uint64_t before, uint64_t after, double scale, double variance)
{
	double diff = (double)after - scale * (double)before;
	double chance = (double)after + scale * scale * (double)before;

	if (before < GATE_MIN_SAMPLES && after < GATE_MIN_SAMPLES)
		return 0;
	if (chance < variance)
		chance = variance;
	if (diff * diff < GATE_Z * GATE_Z * chance)
		return 0;
	return diff > 0 ? 1 : -1;
}

#endif
