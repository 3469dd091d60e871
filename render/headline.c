#include "render/headline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timespan.h"
#include "base/utf8.h"
#include "render/words.h"

#define MARK_CELLS 32

static const char *const counts[] = {"no", "one", "two", "three"};

struct sentence {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

static void say_mark(struct sentence *t, const struct scene *s, const struct mark *mark)
{
	const char *end = mark->text + strlen(mark->text), *p = mark->text;
	char when[WORDS_MAX];
	uint32_t c;

	for (int cells = 0; p < end && cells < MARK_CELLS; cells++)
		p += utf8_decode(p, end, &c) ?: 1;
	words_tick(s, mark->t_ns, when, sizeof(when));
	say(t, " since “%.*s%s” at %s", (int)(p - mark->text), mark->text, p < end ? "…" : "",
	    when);
}

/* The mark with which something began that began with this snapshot, or beside it. */
static const struct mark *mark_near(const struct scene *s, uint32_t since)
{
	for (size_t i = s->rec->n_marks; i-- > 0;)
		if (s->mark_at[i] <= since + 1 && since <= s->mark_at[i] + 1)
			return &s->rec->mark[i];
	return NULL;
}

static void say_since(struct sentence *t, const struct scene *s, uint32_t since)
{
	const struct mark *mark = mark_near(s, since);
	char when[WORDS_MAX];

	if (mark) {
		say_mark(t, s, mark);
		return;
	}
	words_tick(s, s->rec->snapshot[since].t0_ns, when, sizeof(when));
	say(t, " since %s", when);
}

static const char *doing(const struct scene *s)
{
	return s->is_off_cpu ? "threads blocked" : s->knows_cpus ? "CPUs busy" : words_unit(s);
}

/* Movers that went this way, and how far together. */
static int count_movers(const struct change *ch, int direction, uint64_t *by_ret)
{
	int n = 0;

	*by_ret = 0;
	for (int p = 0; p < MOVERS_MAX; p++) {
		const struct mover *m = &ch->mover[p];

		if (m->subject == NO_FUNCTION || m->before == m->after ||
		    (m->after > m->before) != (direction > 0))
			continue;
		*by_ret += direction > 0 ? m->after - m->before : m->before - m->after;
		n++;
	}
	return n;
}

static void say_movers(struct sentence *t, const struct scene *s, const struct change *ch)
{
	uint64_t up, down, whole = ch->after > ch->before ? ch->after - ch->before : 0;
	int n_up = count_movers(ch, 1, &up), n_down = count_movers(ch, -1, &down);
	char number[32];

	if (ch->direction > 0 && n_up) {
		words_load(s, up, number, sizeof(number));
		say(t, up <= whole ? "; %s function%s took %s of it" : "; %s function%s grew by %s",
		    counts[n_up], n_up > 1 ? "s" : "", number);
	} else if (ch->direction < 0 && n_down) {
		words_load(s, down, number, sizeof(number));
		say(t, "; %s function%s fell by %s", counts[n_down], n_down > 1 ? "s" : "", number);
	} else if (!ch->direction && n_up + n_down) {
		say(t, ", about as before, but %s function%s changed", counts[n_up + n_down],
		    n_up + n_down > 1 ? "s" : "");
	}
}

static void say_warning(struct sentence *t, const struct state *st)
{
	const struct account *a = &st->account;
	uint64_t lost = account_lost(a), bad = lost + a->truncated + st->unnamed;
	uint64_t whole = a->taken + lost;
	char percent[32];

	if (!whole || bad * 100 <= whole * WARN_PERCENT)
		return;
	words_percent(bad > whole ? whole : bad, whole, percent, sizeof(percent));
	say(t, "⚠ %s unattributed · ", percent);
}

static uint64_t load_of(const struct scene *s, const struct state *st)
{
	uint64_t taken = st->account.taken;

	return scene_value(taken, scene_worth(s, st->first, st->end, taken));
}

static void say_load(struct sentence *t, const struct scene *s, const struct state *st)
{
	char number[32];

	words_load(s, load_of(s, st), number, sizeof(number));
	say(t, "%s %s", number, doing(s));
}

static void say_change(struct sentence *t, const struct scene *s, const struct state *st,
		       const struct change *ch)
{
	char before[32], after[32];
	uint64_t up, down;

	if (ch->direction) {
		words_load(s, ch->before, before, sizeof(before));
		words_load(s, ch->after, after, sizeof(after));
		say(t, "%s → %s %s", before, after, doing(s));
		say_since(t, s, ch->since);
	} else {
		say_load(t, s, st);
		if (!count_movers(ch, 1, &up) && !count_movers(ch, -1, &down))
			say(t, ", no significant change");
	}
	say_movers(t, s, ch);
}

/* Under SCALE_SHARE the load is not told: each image is 100 % of itself. */
static void say_shares(struct sentence *t, const struct change *ch)
{
	uint64_t up, down;
	int n = count_movers(ch, 1, &up) + count_movers(ch, -1, &down);

	if (n)
		say(t, "%s function%s changed %s share", counts[n], n > 1 ? "s" : "",
		    n > 1 ? "their" : "its");
	else
		say(t, "No significant change of shares");
}

void headline_words(const struct scene *s, const struct state *st, char *buf, size_t size)
{
	const struct changes *c = s->changes;
	bool compares = c->of && c->of[st->end - 1].judged;
	struct sentence t = {.buf = buf, .size = size};

	*buf = '\0';
	say_warning(&t, st);
	if (s->opt.scale == SCALE_SHARE) {
		if (compares)
			say_shares(&t, &c->of[st->end - 1]);
	} else if (compares) {
		say_change(&t, s, st, &c->of[st->end - 1]);
	} else {
		say_load(&t, s, st);
	}
	if (t.len >= 4 && !strcmp(buf + t.len - 4, " · "))
		buf[t.len - 4] = '\0';
}

static bool is_nothing(const struct scene *s, uint64_t value)
{
	return s->one == 1 ? !value : value < s->one / 200;
}

static void amount(const struct scene *s, uint64_t value, char *buf, size_t size)
{
	if (s->opt.scale == SCALE_SHARE)
		words_percent(value, s->one, buf, size);
	else if (is_nothing(s, value))
		snprintf(buf, size, "0");
	else
		words_load(s, value, buf, size);
}

static void factor(const struct scene *s, const struct mover *m, char *buf, size_t size)
{
	bool up = m->after > m->before;
	uint64_t big = up ? m->after : m->before, small = up ? m->before : m->after;
	unsigned long long tenths = small ? (big * 10 + small / 2) / small : 0;

	if (is_nothing(s, small))
		snprintf(buf, size, "%s", up ? "new" : "gone");
	else if (tenths >= 30)
		snprintf(buf, size, "%s%llu", up ? "×" : "÷", (tenths + 5) / 10);
	else
		snprintf(buf, size, "%s%llu.%llu", up ? "×" : "÷", tenths / 10, tenths % 10);
}

void headline_mover(const struct scene *s, const struct mover *m, bool unit, char *buf, size_t size)
{
	char before[32], after[32], times[32];

	unit &= s->opt.scale != SCALE_SHARE;
	amount(s, m->before, before, sizeof(before));
	amount(s, m->after, after, sizeof(after));
	factor(s, m, times, sizeof(times));
	snprintf(buf, size, "%s %s → %s%s%s (%s)", m->after > m->before ? "▲" : "▼", before, after,
		 unit ? " " : "", unit ? words_unit(s) : "", times);
}

void headline_baseline(const struct scene *s, char *buf, size_t size)
{
	const struct changes *c = s->changes;
	const struct snapshot_info *info = s->rec->snapshot;
	char span[TIMESPAN_MAX];

	if (c->has_mark)
		snprintf(buf, size, "baseline: before the first mark");
	else
		snprintf(buf, size, "baseline: the first %s",
			 timespan_format(span, (info[c->baseline - 1].t1_ns - info[0].t0_ns +
						NS_PER_S / 20) /
						   (NS_PER_S / 10) * (NS_PER_S / 10)));
}
