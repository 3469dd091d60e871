#include "render/core/labels.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#define ELLIPSIS "…"
#define DOTS	 "··· "
#define JOINT	 " ▸ "

static size_t char_bytes(const char *p)
{
	unsigned char c = *p;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static uint32_t char_advance(const struct advances *adv, const char *p, size_t left, size_t *n_ret)
{
	uint32_t c = 0;

	*n_ret = utf8_decode(p, p + left, &c);
	if (!*n_ret)
		*n_ret = 1;
	return c < 0x10000 && adv->of[c] ? adv->of[c] : adv->other;
}

uint32_t label_width_64(const struct advances *adv, int size_px, const char *text, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0, n; i < len; i += n)
		sum += char_advance(adv, text + i, len - i, &n);
	return (uint32_t)(sum * size_px / 64);
}

static size_t count_cells(const char *text, size_t len)
{
	size_t cells = 0;

	for (size_t i = 0; i < len; i += char_bytes(text + i))
		cells++;
	return cells;
}

struct fitter {
	const struct advances *adv;
	int size_px;
	uint32_t max_64;
};

static bool fits(const struct fitter *f, const char *text, size_t len)
{
	/* A glyph is never narrower than an eighth of its size: spares measuring long names. */
	return len <= LABEL_MAX_BYTES - 8 && count_cells(text, len) <= LABEL_MAX_CELLS &&
	       label_width_64(f->adv, f->size_px, text, len) <= f->max_64;
}

static size_t put(char *buf, const char *text, size_t len)
{
	memcpy(buf, text, len);
	buf[len] = '\0';
	return len;
}

/* The path that is left of "a::<impl b>::c" is "a::c", of "<a as b>::c" it is "c". */
static size_t add_to_path(char *buf, size_t n, char c)
{
	size_t colons = 0;

	while (colons < n && buf[n - 1 - colons] == ':')
		colons++;
	if (c != ':' && colons >= 2 && colons == n)
		n = 0;
	if (c == ':' && colons == 2)
		return n;
	buf[n] = c;
	return n + 1;
}

/* Drops what stands in <…> and (…), and what follows the parameters, but keeps "operator<". */
static size_t without_arguments(const char *name, size_t len, char *buf, size_t cap)
{
	size_t n = 0;
	int depth = 0;

	for (size_t i = 0; i < len && n < cap; i++) {
		char c = name[i];
		bool opens = c == '<' || c == '(';

		if (opens && n >= 8 && !memcmp(buf + n - 8, "operator", 8)) {
			size_t stop = i + (c == '(' ? 2 : 0);

			while (i < len && n < cap && (i < stop || strchr("<=>", name[i])))
				buf[n++] = name[i++];
			i--;
			continue;
		}
		if (c == '(' && !depth && n && i + 1 < len && strncmp(name + i, "(anonymous", 10))
			break;
		depth += opens;
		if (!depth)
			n = add_to_path(buf, n, c);
		if ((c == '>' || c == ')') && depth && !(i && name[i - 1] == '-'))
			depth--;
	}
	while (n && buf[n - 1] == ' ')
		n--;
	return n;
}

/*
 * V8 calls code "JS:*function /path/file.js:3:19", where an anonymous function is nothing: the
 * function then, and what is no such name stays whole.
 */
static const char *script_function(const char *name, size_t *len)
{
	size_t colon = 0, space = *len;

	while (colon < *len && name[colon] >= 'A' && name[colon] <= 'z')
		colon++;
	while (space > colon && name[space - 1] != ' ')
		space--;
	if (colon + 2 >= space || name[colon] != ':' || !strchr("*~^+", name[colon + 1]) ||
	    colon + 3 == space || name[*len - 1] < '0' || name[*len - 1] > '9')
		return name;
	*len = space - colon - 3;
	return name + colon + 2;
}

/* The start of the last `parts` components, divided by "::", "." or "/". */
static size_t last_components(const char *name, size_t len, int parts)
{
	for (size_t i = len; i-- > 1;) {
		bool divides = name[i] == '/' || (name[i] == ':' && name[i - 1] == ':') ||
			       (name[i] == '.' && i + 1 < len);

		if (divides && --parts == 0)
			return i + 1;
	}
	return 0;
}

/* A third of a label of twelve characters or more is the name's end. */
static size_t tail_cells(size_t keep)
{
	return keep >= 12 ? keep / 3 : 0;
}

/*
 * Where the first and the last characters of a name end or begin, and how wide they are together,
 * measured once: index k is for k characters.
 */
struct ends {
	size_t head_bytes[LABEL_MAX_CELLS + 1], tail_bytes[LABEL_MAX_CELLS / 3 + 1];
	uint64_t head_adv[LABEL_MAX_CELLS + 1], tail_adv[LABEL_MAX_CELLS / 3 + 1];
};

static size_t bytes_before(const char *text, size_t at)
{
	size_t n = 1;

	while (n < at && n < 4 && ((unsigned char)text[at - n] & 0xc0) == 0x80)
		n++;
	return n;
}

static void measure(const struct fitter *f, const char *name, size_t len, size_t cells,
		    struct ends *e)
{
	size_t n, at = 0;

	e->head_bytes[0] = e->tail_bytes[0] = 0;
	e->head_adv[0] = e->tail_adv[0] = 0;
	for (size_t k = 1; k <= cells && k <= LABEL_MAX_CELLS; k++, at += n) {
		e->head_adv[k] = e->head_adv[k - 1] + char_advance(f->adv, name + at, len - at, &n);
		e->head_bytes[k] = at + n;
	}
	at = len;
	for (size_t k = 1; k <= cells && k <= LABEL_MAX_CELLS / 3; k++) {
		at -= bytes_before(name, at);
		e->tail_adv[k] = e->tail_adv[k - 1] + char_advance(f->adv, name + at, len - at, &n);
		e->tail_bytes[k] = len - at;
	}
}

/* Keeps as many characters as fit, at least three, with an ellipsis for the others. */
static size_t cut(const struct fitter *f, const char *name, size_t len, char *buf)
{
	uint32_t dots = label_width_64(f->adv, f->size_px, ELLIPSIS, strlen(ELLIPSIS));
	size_t cells = count_cells(name, len), keep, n;
	struct ends e;

	measure(f, name, len, cells, &e);
	for (keep = cells < LABEL_MAX_CELLS ? cells : LABEL_MAX_CELLS; keep-- > 3;) {
		size_t tail = tail_cells(keep);
		uint64_t adv = e.head_adv[keep - tail] + e.tail_adv[tail];

		if (adv * f->size_px / 64 + dots <= f->max_64)
			break;
	}
	buf[0] = '\0';
	if (keep < 3 || keep == SIZE_MAX)
		return 0;
	n = e.head_bytes[keep - tail_cells(keep)];
	memcpy(buf, name, n);
	memcpy(buf + n, ELLIPSIS, strlen(ELLIPSIS));
	n += strlen(ELLIPSIS);
	memcpy(buf + n, name + len - e.tail_bytes[tail_cells(keep)],
	       e.tail_bytes[tail_cells(keep)]);
	n += e.tail_bytes[tail_cells(keep)];
	buf[n] = '\0';
	return n;
}

static size_t fit(const struct fitter *f, const char *name, size_t len, char *buf)
{
	char bare[512];
	size_t n, at;

	if (fits(f, name, len))
		return put(buf, name, len);
	name = script_function(name, &len);
	if (fits(f, name, len))
		return put(buf, name, len);
	n = without_arguments(name, len, bare, sizeof(bare));
	if (n && fits(f, bare, n))
		return put(buf, bare, n);
	if (!n || n == sizeof(bare))
		return cut(f, name, len, buf);
	for (int parts = 2; parts > 0; parts--) {
		at = last_components(bare, n, parts);
		if (at && at < n && fits(f, bare + at, n - at))
			return put(buf, bare + at, n - at);
	}
	at = last_components(bare, n, 1);
	return cut(f, bare + (at < n ? at : 0), n - (at < n ? at : 0), buf);
}

size_t label_fit(const struct advances *adv, int size_px, int max_px, const char *name, char *buf)
{
	struct fitter f = {adv, size_px, max_px > 0 ? (uint32_t)max_px * 64 : 0};

	buf[0] = '\0';
	return fit(&f, name, strlen(name), buf);
}

size_t label_cut(const struct advances *adv, int size_px, int max_px, const char *name, char *buf)
{
	struct fitter f = {adv, size_px, max_px > 0 ? (uint32_t)max_px * 64 : 0};
	size_t len = strlen(name);

	buf[0] = '\0';
	return fits(&f, name, len) ? put(buf, name, len) : cut(&f, name, len, buf);
}

static bool append(char *buf, size_t *n, const char *text)
{
	size_t len = strlen(text);

	if (*n + len >= LABEL_MAX_BYTES)
		return false;
	memcpy(buf + *n, text, len);
	*n += len;
	return true;
}

/* Joins the last `n` names; false where they do not fit. A chain may be longer than one name. */
static bool join(const struct fitter *f, const char *const *name, size_t n, bool all, char *buf,
		 size_t *len_ret)
{
	size_t len = 0;

	if (!all && !append(buf, &len, DOTS))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((i && !append(buf, &len, JOINT)) || !append(buf, &len, name[i]))
			return false;
	if (label_width_64(f->adv, f->size_px, buf, len) > f->max_64)
		return false;
	buf[len] = '\0';
	*len_ret = len;
	return true;
}

size_t label_fit_chain(const struct advances *adv, int size_px, int max_px, const char *const *name,
		       size_t n, char *buf)
{
	struct fitter f = {adv, size_px, max_px > 0 ? (uint32_t)max_px * 64 : 0};
	uint32_t dots = label_width_64(adv, size_px, DOTS, strlen(DOTS));
	size_t len = 0, longest = 0;

	if (n == 1)
		return label_fit(adv, size_px, max_px, name[0], buf);
	/* The innermost names tell most: as many of them as there is room for. */
	for (size_t k = 1; k <= n && join(&f, name + n - k, k, k == n, buf, &len); k++)
		longest = k;
	if (longest && join(&f, name + n - longest, longest, longest == n, buf, &len))
		return len;
	f.max_64 = f.max_64 > dots ? f.max_64 - dots : 0;
	len = fit(&f, name[n - 1], strlen(name[n - 1]), buf);
	if (!len || len + strlen(DOTS) >= LABEL_MAX_BYTES)
		return label_fit(adv, size_px, max_px, name[n - 1], buf);
	memmove(buf + strlen(DOTS), buf, len + 1);
	memcpy(buf, DOTS, strlen(DOTS));
	return len + strlen(DOTS);
}

static bool is_digits(const char *p, size_t n, const char *more)
{
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !strchr(more, p[i]))
			return false;
	return n > 0;
}

/* Whether the suffix from the dot at p on is one that a compiler put there. */
static bool is_copy_suffix(const char *p, size_t n)
{
	static const char *const known[] = {".constprop", ".isra", ".part", ".cold", ".lto_priv"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t k = strlen(known[i]);

		if (n >= k && !memcmp(p, known[i], k) &&
		    (n == k || (p[k] == '.' && is_digits(p + k + 1, n - k - 1, ""))))
			return true;
	}
	return n > 6 && !memcmp(p, ".llvm.", 6);
}

size_t label_normalise(const char *name, size_t len, char *buf)
{
	static const char hex[] = "abcdefABCDEF";
	size_t n = len;

	for (;;) {
		size_t dot = n, at = n;

		while (at > 1 && dot == n)
			if (name[--at] == '+' && n - at > 3 && !memcmp(name + at, "+0x", 3) &&
			    is_digits(name + at + 3, n - at - 3, hex))
				dot = at;
			else if (name[at] == '.' && is_copy_suffix(name + at, n - at))
				dot = at;
		if (dot == n)
			break;
		n = dot;
	}
	if (n > 2 && name[0] == '0' && name[1] == 'x' && is_digits(name + 2, n - 2, hex)) {
		static const char unknown[] = "[unknown]";

		n = len < strlen(unknown) ? len : strlen(unknown);
		memcpy(buf, unknown, n);
		return n;
	}
	memcpy(buf, name, n);
	return n;
}
