#include "profile/kind.h"

#include <stdbool.h>
#include <string.h>

static bool is_text(const char *s, size_t len, const char *text)
{
	return len == strlen(text) && !memcmp(s, text, len);
}

static bool is_hex(const char *s, size_t len)
{
	if (len < 3 || s[0] != '0' || s[1] != 'x')
		return false;
	for (size_t i = 2; i < len; i++)
		if (!strchr("0123456789abcdefABCDEF", s[i]) || !s[i])
			return false;
	return true;
}

static bool is_unnamed(const char *s, size_t len)
{
	size_t at = len;

	if (!len || is_text(s, len, FRAME_UNKNOWN) || is_hex(s, len))
		return true;
	while (at && s[at - 1] != '+' && s[at - 1] != '@')
		at--;
	return at > 1 && is_hex(s + at, len - at);
}

#define BEGIN "[truncated: "

static bool is_truncated_why(const char *s, size_t n)
{
	return n > sizeof(BEGIN) && !memcmp(s, BEGIN, sizeof(BEGIN) - 1) && s[n - 1] == ']';
}

const char *kind_truncated_why(const char *name, size_t *len_ret)
{
	size_t n = strlen(name);

	if (is_truncated_why(name, n)) {
		*len_ret = n - sizeof(BEGIN);
		return name + sizeof(BEGIN) - 1;
	}
	*len_ret = strlen("no known start");
	return strcmp(name, FRAME_TRUNCATED) ? NULL : "no known start";
}

enum frame_kind kind_of_name(const char *s, size_t *len)
{
	size_t n = *len;

	if (n > KIND_SUFFIX_LEN && s[n - 4] == '_' && s[n - 3] == '[' && s[n - 1] == ']') {
		*len = n - KIND_SUFFIX_LEN;
		switch (s[n - 2]) {
		case 'k':
			return FRAME_KERNEL;
		case 'j':
			return FRAME_JIT;
		case 'i':
			return FRAME_INLINED;
		}
		*len = n;
	}
	if (is_text(s, n, FRAME_TRUNCATED) || is_truncated_why(s, n))
		return FRAME_MARK;
	return is_unnamed(s, n) ? FRAME_UNNAMED : FRAME_USER;
}

const char *kind_suffix(enum frame_kind kind)
{
	switch (kind) {
	case FRAME_KERNEL:
		return "_[k]";
	case FRAME_JIT:
		return "_[j]";
	case FRAME_INLINED:
		return "_[i]";
	default:
		return "";
	}
}
