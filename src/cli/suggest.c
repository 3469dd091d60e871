#include "cli/suggest.h"

#include <string.h>

/* Longer words than any of ours are not compared. */
#define WORD_MAX 32

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: Levenshtein's distance, where a swap of neighbours costs one too. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	unsigned row[3][WORD_MAX + 1], *above2 = row[0], *above = row[1], *here = row[2];

	for (unsigned j = 0; j <= n_b; j++)
		here[j] = j;
	for (unsigned i = 1; i <= n_a; i++) {
		unsigned *last = above2;

		above2 = above;
		above = here;
		here = last;
		here[0] = i;
		for (unsigned j = 1; j <= n_b; j++) {
			here[j] = min3(above[j] + 1, here[j - 1] + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < here[j])
				here[j] = above2[j - 2] + 1;
		}
	}
	return here[n_b];
}

void suggest_offer(struct suggestion *s, const char *candidate)
{
	size_t n = strlen(s->word), m = strlen(candidate);
	unsigned d;

	if (n < 2 || n > WORD_MAX || m > WORD_MAX)
		return;
	d = n < m && !memcmp(s->word, candidate, n) ? 0 : distance(s->word, n, candidate, m);
	if (d <= (n + 2) / 4 + (n > 2) && (!s->best || d < s->distance)) {
		s->best = candidate;
		s->distance = d;
	}
}
