#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t utf8_decode(const char *s, const char *end, uint32_t *c_ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = (const uint8_t *)s;
	size_t left = end - s, n;
	uint32_t c;

	if (!left)
		return 0;
	if (p[0] < 0x80) {
		*c_ret = p[0];
		return 1;
	}
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	c = p[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*c_ret = c;
	return n;
}

static bool is_unsafe(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x061c || c == 0x180e ||
	       (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe ||
	       (c >= 0xe0000 && c <= 0xe0fff) || (c >= 0xfff0 && c <= 0xfffb);
}

size_t utf8_plain(const char *p, const char *end)
{
	uint32_t c;
	size_t n = utf8_decode(p, end, &c);

	return n && c >= 0x20 && (c < 0x7f || c > 0x9f) && !is_unsafe(c) ? n : 0;
}

static void cut(struct strbuf *sb, size_t len)
{
	while (((unsigned char)sb->data[len] & 0xc0) == 0x80)
		len--;
	sb->data[sb->len = len] = '\0';
	strbuf_adds(sb, "…");
}

void utf8_add_clean(struct strbuf *sb, const char *name, size_t len)
{
	const char *p = name, *end = name + len, *plain = p;
	size_t limit = sb->len + NAME_MAX_BYTES;

	while (p < end && sb->len + (p - plain) <= limit) {
		size_t n = utf8_plain(p, end);
		uint32_t c;

		if (n) {
			p += n;
			continue;
		}
		n = utf8_decode(p, end, &c);
		strbuf_add(sb, plain, p - plain);
		if (n <= 1)
			strbuf_addf(sb, "\\x%02x", (unsigned char)*p);
		else if (c <= 0x9f)
			strbuf_addf(sb, "\\x%02x", c);
		else
			strbuf_addf(sb, "\\u{%04x}", c);
		p += n ? n : 1;
		plain = p;
	}
	strbuf_add(sb, plain, p - plain);
	if (sb->len > limit)
		cut(sb, limit - strlen("…"));
}
