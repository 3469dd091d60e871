/* How fast folded text in memory becomes a recording. Prints name, value, unit and limit. */
#include <stdio.h>
#include <time.h>

#include "import/folded.h"
#include "tests/gen.h"

#define ROUNDS 5

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* The best of a few rounds, as CPU time, which other users of the machine disturb least. */
static void measure(const char *name, const struct strbuf *text, const char *limit)
{
	uint64_t best_ns = UINT64_MAX;
	struct recording rec;
	size_t nodes = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t from_ns = cpu_ns(), took_ns;

		if (import_folded_text(name, text->data, text->len, NULL, &rec))
			exit(1);
		took_ns = cpu_ns() - from_ns;
		best_ns = took_ns < best_ns ? took_ns : best_ns;
		nodes = rec.dict.n_nodes;
		recording_deinit(&rec);
	}
	printf("%s\t%.0f\tMB/s\t%s\n", name, text->len * 1e3 / best_ns, limit);
	printf("%s_text\t%.1f\tMB\t-\n%s_nodes\t%zu\tnodes\t-\n", name, text->len / 1e6, name,
	       nodes);
}

static void shuffle_lines(struct gen *g, struct strbuf *text)
{
	struct line {
		const char *s;
		size_t len;
	} *line = NULL;
	size_t n = 0, cap = 0;
	struct strbuf out = {0};

	for (const char *s = text->data, *end = s + text->len; s < end; s += line[n++].len) {
		line = xgrow(line, &cap, n + 1, sizeof(*line));
		line[n].s = s;
		line[n].len = (const char *)memchr(s, '\n', end - s) + 1 - s;
	}
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = gen_below(g, i + 1);
		struct line l = line[i];

		line[i] = line[j];
		line[j] = l;
	}
	for (size_t i = 0; i < n; i++)
		if (line[i].s[0] != '#')
			strbuf_add(&out, line[i].s, line[i].len);
	free(line);
	strbuf_deinit(text);
	*text = out;
}

int main(void)
{
	struct gen_options opt = GEN_DEFAULTS;
	struct strbuf text = {0};
	struct gen g;

	opt.every_stack = true;
	opt.snapshots = 40;
	gen_init(&g, &opt);
	gen_header(&g, &text);
	for (uint32_t t = 0; t < opt.snapshots; t++)
		gen_snapshot(&g, &text, t);
	measure("folded_parse", &text, ">= 300");
	/* One snapshot in which no line helps the next. */
	shuffle_lines(&g, &text);
	measure("folded_parse_shuffled", &text, ">= 300");
	gen_deinit(&g);
	strbuf_deinit(&text);
	return 0;
}
