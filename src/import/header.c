#include "import/header.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

#define NS_PER_S	 1000000000u
#define MAX_FREQ_HZ	 1000000
#define MAX_PERIOD_NS	 (3600ull * NS_PER_S)
#define MAX_CPUS	 65536
#define MAX_UTC_OFFSET_S (18 * 3600)

struct field {
	const char *key, *value;
	size_t key_len, len; /* len: of the value */
};

int header_digits(const char *s, const char *end, uint64_t *v_ret)
{
	const char *from = s;
	uint64_t v = 0;

	for (; s < end && text_is_digit(*s); s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return -1;
	*v_ret = v;
	return s - from > INT_MAX ? -1 : s - from;
}

/* Decimal seconds, which are all of the value. */
static bool read_seconds(const struct field *f, uint64_t *ns_ret)
{
	const char *s = f->value, *end = s + f->len;
	uint64_t whole, unit = NS_PER_S;
	int n = header_digits(s, end, &whole);

	if (n <= 0 || __builtin_mul_overflow(whole, unit, ns_ret))
		return false;
	s += n;
	if (s == end)
		return true;
	if (*s++ != '.' || s == end)
		return false;
	for (; s < end; s++) {
		unit /= 10;
		if (!unit || !text_is_digit(*s) ||
		    __builtin_add_overflow(*ns_ret, (*s - '0') * (uint64_t)unit, ns_ret))
			return false;
	}
	return true;
}

static bool is_key(const struct field *f, const char *key)
{
	return f->key_len == strlen(key) && !memcmp(f->key, key, f->key_len);
}

static int set_text(const struct text *t, char **have, const struct field *f)
{
	struct strbuf sb = {0};
	int err = 0;

	utf8_add_clean(&sb, f->value, f->len);
	if (**have && strcmp(*have, strbuf_str(&sb))) {
		err = text_bad(t, "'%.*s=%.*s', but before it was '%.60s'", (int)f->key_len, f->key,
			       text_shown(f->len), f->value, *have);
	} else if (sb.len) {
		free(*have);
		*have = strbuf_detach(&sb);
	}
	strbuf_deinit(&sb);
	return err;
}

static int set_number(const struct text *t, uint64_t *have, const struct field *f, uint64_t max)
{
	uint64_t v;
	int n = header_digits(f->value, f->value + f->len, &v);

	if (n <= 0 || (size_t)n != f->len || v > max)
		return text_bad(t, "'%.*s=%.*s' is not a number from 0 to %llu", (int)f->key_len,
				f->key, text_shown(f->len), f->value, (unsigned long long)max);
	if (*have && *have != v)
		return text_bad(t, "'%.*s=%.*s', but before it was %llu", (int)f->key_len, f->key,
				text_shown(f->len), f->value, (unsigned long long)*have);
	*have = v;
	return 0;
}

static int set_utc_offset(const struct text *t, int32_t *have, const struct field *f)
{
	bool is_west = f->len && *f->value == '-';
	struct field size = *f;
	uint64_t offset_s = 0;
	int err;

	size.value += is_west;
	size.len -= is_west;
	err = set_number(t, &offset_s, &size, MAX_UTC_OFFSET_S);
	if (!err)
		*have = is_west ? -(int32_t)offset_s : (int32_t)offset_s;
	return err;
}

static int set_meta(const struct text *t, struct recording_meta *meta, const struct field *f)
{
	uint64_t freq_hz = meta->freq_hz, cpus = meta->online_cpus;
	int err = 0;

	if (is_key(f, "host"))
		err = set_text(t, &meta->host, f);
	else if (is_key(f, "event"))
		err = set_text(t, &meta->event, f);
	else if (is_key(f, "freq_hz"))
		err = set_number(t, &freq_hz, f, MAX_FREQ_HZ);
	else if (is_key(f, "period_ns"))
		err = set_number(t, &meta->period_ns, f, MAX_PERIOD_NS);
	else if (is_key(f, "online_cpus"))
		err = set_number(t, &cpus, f, MAX_CPUS);
	else if (is_key(f, "utc_offset_s"))
		err = set_utc_offset(t, &meta->utc_offset_s, f);
	meta->freq_hz = freq_hz;
	meta->online_cpus = cpus;
	return err;
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && text_is_blank(*s))
		s++;
	return s;
}

/* The next "key=value" of [*s, end); words without "=" are passed over. */
static bool next_field(const char **s, const char *end, struct field *f_ret)
{
	while ((*s = skip_blanks(*s, end)) < end) {
		const char *word = *s, *equals;

		while (*s < end && !text_is_blank(**s))
			++*s;
		equals = memchr(word, '=', *s - word);
		if (!equals)
			continue;
		*f_ret = (struct field){.key = word,
					.key_len = equals - word,
					.value = equals + 1,
					.len = *s - equals - 1};
		return true;
	}
	return false;
}

static int read_time(const struct text *t, const char *s, const char *end, struct header *header)
{
	struct field f, time = {0}, dur = {0};
	uint64_t dur_ns;

	while (next_field(&s, end, &f)) {
		if (is_key(&f, "t") && !time.key)
			time = f;
		else if (is_key(&f, "dur") && !dur.key)
			dur = f;
	}
	if (!read_seconds(&time, &header->t0_ns))
		return text_bad(t, "'t=%.*s' is not a time in seconds, such as t=1763647407.25",
				text_shown(time.len), time.value);
	if (!dur.key)
		return text_bad(t, "the header has no dur= (the seconds that its block covers)");
	if (!read_seconds(&dur, &dur_ns) || !dur_ns ||
	    __builtin_add_overflow(header->t0_ns, dur_ns, &header->t1_ns))
		return text_bad(t, "'dur=%.*s' is not a duration in seconds, such as dur=1",
				text_shown(dur.len), dur.value);
	header->kind = HEADER_TIME;
	return 0;
}

int header_read(const struct text *t, const char *s, const char *end, struct recording_meta *meta,
		struct header *header_ret)
{
	static const char own[] = "flamelapse";
	const size_t own_len = sizeof(own) - 1;
	struct field f;
	int err = 0;

	*header_ret = (struct header){.kind = HEADER_NONE};
	s = skip_blanks(s + 1, end);
	if (end - s >= 2 && s[0] == 't' && s[1] == '=')
		return read_time(t, s, end, header_ret);
	if ((size_t)(end - s) <= own_len || memcmp(s, own, own_len) || !text_is_blank(s[own_len]))
		return 0;
	header_ret->kind = HEADER_META;
	while (!err && next_field(&s, end, &f))
		err = set_meta(t, meta, &f);
	return err;
}
