/*
 * Random recordings, written as folded text in every way that is allowed, come back as the same
 * sums. The other side of the comparison is a plain list of lines, added up by their text.
 */
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "import/folded.h"
#include "tests/test.h"

#define ROUNDS 300

struct line {
	char *text; /* as told() gives it, without the count */
	uint64_t count;
};

static uint64_t state = 1;

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static size_t add_up(struct line *line, size_t n)
{
	size_t to = 0;

	qsort(line, n, sizeof(*line), by_text);
	for (size_t i = 0; i < n; i++) {
		if (!line[i].count) {
			free(line[i].text);
		} else if (to && !strcmp(line[to - 1].text, line[i].text)) {
			line[to - 1].count += line[i].count;
			free(line[i].text);
		} else {
			line[to++] = line[i];
		}
	}
	return to;
}

static void add_name(struct strbuf *text, struct strbuf *expect)
{
	static const struct {
		const char *text, *expect;
	} odd[] = {
	    {"", "[unknown]/4"},  {"[truncated]", "[truncated]/5"},
	    {"a b_[k]", "a b/1"}, {"x_[j]", "x/2"},
	    {"x_[i]", "x/3"},	  {"lib.so+0x1", "lib.so+0x1/4"},
	};
	char name[8];
	size_t n = 1 + rnd(3);

	strbuf_addc(text, ';');
	strbuf_addc(expect, ';');
	if (!rnd(6)) {
		n = rnd(ARRAY_SIZE(odd));
		strbuf_adds(text, odd[n].text);
		strbuf_adds(expect, odd[n].expect);
		return;
	}
	for (size_t i = 0; i < n; i++)
		name[i] = "ab"[rnd(2)];
	strbuf_add(text, name, n);
	strbuf_addf(expect, "%.*s/0", (int)n, name);
}

/* Adds a random stack to the text; in sorted text it begins like the one before. */
static struct line add_line(struct strbuf *text)
{
	static struct strbuf name, expect;
	char process[8] = {"pq"[rnd(2)], "pq"[rnd(2)] & (rnd(2) ? 0xff : 0)};
	struct line line = {.count = rnd(4) ? rnd(100) : 0};
	size_t depth = rnd(2) ? rnd(4) : rnd(40);

	strbuf_clear(&name);
	strbuf_clear(&expect);
	strbuf_adds(&name, process);
	strbuf_adds(&expect, process);
	for (size_t i = 0; i < depth; i++)
		add_name(&name, &expect);
	if (depth && name.data[name.len - 1] == ';') {
		strbuf_adds(&name, "end");
		strbuf_clear(&expect);
		line.count = 0;
	}
	strbuf_addf(text, "%s%s%llu%s", name.data, rnd(4) ? " " : " \t ",
		    (unsigned long long)line.count, rnd(4) ? "\n" : "\r\n");
	line.text = xstrdup(strbuf_str(&expect));
	return line;
}

static size_t read_back(struct recording *rec, size_t index, struct line *line)
{
	struct snapshot s = {0};
	struct strbuf sb = {0};
	size_t n = 0;

	CHECK_EQ(recording_load(rec, index, &s), 0);
	CHECK(account_balanced(&s.info.account));
	for (size_t e = 0; e < s.n_entries; e++) {
		uint32_t path[64], depth = 0;
		const struct dict *d = &rec->dict;

		CHECK(s.entry[e].count > 0);
		for (uint32_t at = s.entry[e].node; at; at = d->node[at].parent)
			path[depth++] = d->node[at].frame;
		strbuf_clear(&sb);
		strbuf_adds(&sb, dict_text(d, d->process[s.entry[e].process].comm));
		while (depth--)
			strbuf_addf(&sb, ";%s/%d", dict_frame_name(d, path[depth]),
				    d->frame[path[depth]].kind);
		line[n++] = (struct line){xstrdup(strbuf_str(&sb)), s.entry[e].count};
	}
	snapshot_deinit(&s);
	strbuf_deinit(&sb);
	CHECK_EQ(add_up(line, n), n);
	return n;
}

static void round_trip(void)
{
	static struct line expect[8][400], got[400];
	size_t n[8], n_snapshots = 1 + rnd(8);
	struct strbuf text = {0};
	struct recording rec;

	for (size_t i = 0; i < n_snapshots; i++) {
		n[i] = i ? rnd(400) : 1 + rnd(399);
		strbuf_addf(&text, "# t=%zu dur=1\n", i);
		for (size_t j = 0; j < n[i]; j++)
			expect[i][j] = add_line(&text);
		n[i] = add_up(expect[i], n[i]);
	}
	CHECK_EQ(import_folded_text("random", text.data, text.len, NULL, &rec), 0);
	CHECK_EQ(rec.n_snapshots, n_snapshots);
	for (size_t i = 0; i < n_snapshots; i++) {
		uint64_t truncated = 0, sum = 0;

		CHECK_EQ(read_back(&rec, i, got), n[i]);
		for (size_t j = 0; j < n[i]; j++) {
			CHECK_STR(got[j].text, expect[i][j].text);
			CHECK_EQ(got[j].count, expect[i][j].count);
			sum += got[j].count;
			if (strstr(got[j].text, "[truncated]/5"))
				truncated += got[j].count;
			free(got[j].text);
			free(expect[i][j].text);
		}
		CHECK_EQ(rec.snapshot[i].account.taken, sum);
		CHECK_EQ(rec.snapshot[i].account.truncated, truncated);
	}
	recording_deinit(&rec);
	strbuf_deinit(&text);
}

TEST(random_text_comes_back)
{
	for (int i = 0; i < ROUNDS; i++)
		round_trip();
}

TEST_MAIN()
