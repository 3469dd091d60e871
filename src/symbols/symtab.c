#include "symbols/symtab.h"

#include <stdlib.h>
#include <string.h>

#define NAME_CMP_MAX 4096

static int compare_names(const char *a, const char *b)
{
	size_t under_a = 0, under_b = 0, len_a, len_b;

	while (a[under_a] == '_' && under_a < NAME_CMP_MAX)
		under_a++;
	while (b[under_b] == '_' && under_b < NAME_CMP_MAX)
		under_b++;
	if (under_a != under_b)
		return under_a < under_b ? -1 : 1;
	len_a = strnlen(a, NAME_CMP_MAX);
	len_b = strnlen(b, NAME_CMP_MAX);
	if (len_a != len_b)
		return len_a < len_b ? -1 : 1;
	return memcmp(a, b, len_a);
}

/* The best of one start comes last, since in a table of ranges the last one wins. */
static int compare_symbols(const void *a, const void *b, void *text)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	if (x->name == y->name)
		return 0;
	return compare_names((char *)text + y->name, (char *)text + x->name);
}

/* Where a symbol without size ends. */
static uint64_t implied_end(const struct symtab *st, size_t i)
{
	uint64_t start = st->symbol[i].start, end = start + 1;
	size_t lo = 0, hi = st->n_functions;

	for (size_t s = 0; s < st->n_code; s++)
		if (start - st->code[s].start < st->code[s].end - st->code[s].start)
			end = st->code[s].end;
	while (++i < st->n_symbols)
		if (st->symbol[i].start > start) {
			end = end < st->symbol[i].start ? end : st->symbol[i].start;
			break;
		}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (st->function[mid] <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < st->n_functions && st->function[lo] < end ? st->function[lo] : end;
}

void symtab_ranges(const struct symtab *st, struct range *out)
{
	uint64_t last_start = 0, last_end = 0;

	if (st->n_symbols)
		qsort_r(st->symbol, st->n_symbols, sizeof(*st->symbol), compare_symbols,
			(void *)st->text);
	for (size_t i = 0; i < st->n_symbols; i++) {
		const struct symbol *s = &st->symbol[i];
		uint64_t end = s->start + s->size;

		if (!s->size) {
			if (last_end == 0 || last_start != s->start)
				last_end = implied_end(st, i);
			last_start = s->start;
			end = last_end;
		}
		out[i] = (struct range){s->start, end, s->name};
	}
}
