#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

/*
 * The nearest spelling of a word that is not known: one that begins with it, or else the one with
 * the fewest letters to change, add, drop or swap with a neighbour, if these are few.
 *
 *	struct suggestion s = {.word = typed};
 *	... suggest_offer(&s, candidate) for each ...
 *	s.best is one of the candidates (borrowed), or NULL
 */
struct suggestion {
	const char *word, *best;
	unsigned distance;
};

void suggest_offer(struct suggestion *s, const char *candidate);

#endif
