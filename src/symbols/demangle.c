#include "symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS (DMGL_PARAMS | DMGL_ANSI)
/* Two references back at each of n levels double the text n times; this many make 16 MB of it. */
#define D_REFERENCES_MAX 24

struct sink {
	struct strbuf *sb;
	size_t limit;
	jmp_buf full;
};

static void cut(struct strbuf *sb, size_t len)
{
	while (len && ((unsigned char)sb->data[len] & 0xc0) == 0x80)
		len--;
	sb->len = len;
	strbuf_adds(sb, "…");
}

/*
 * Leaving by longjmp() is the only way to end the demangler early. The C++ one keeps its state on
 * its stack; the Rust one may leak the one buffer of a Punycode identifier.
 */
static void on_text(const char *text, size_t len, void *arg)
{
	struct sink *sink = arg;

	strbuf_add(sink->sb, text, len);
	if (sink->sb->len > sink->limit)
		longjmp(sink->full, 1);
}

static bool demangle(struct strbuf *sb, const char *name)
{
	size_t at = sb->len;
	struct sink sink = {.sb = sb, .limit = at + DEMANGLE_MAX_BYTES};

	if (setjmp(sink.full)) {
		cut(sb, at + DEMANGLE_MAX_BYTES);
		return true;
	}
	if (rust_demangle_callback(name, OPTIONS, on_text, &sink))
		return true;
	sb->len = at;
	if (name[1] == 'Z' && cplus_demangle_v3_callback(name, OPTIONS, on_text, &sink))
		return true;
	sb->len = at;
	return false;
}

static bool is_d(const char *name)
{
	size_t n = 0;

	if (name[0] != '_' || name[1] != 'D' ||
	    ((name[2] < '1' || name[2] > '9') && strcmp(name, "_Dmain")))
		return false;
	for (const char *p = name; *p; p++)
		n += *p == 'Q';
	return n <= D_REFERENCES_MAX;
}

static bool demangle_d(struct strbuf *sb, const char *name)
{
	char *text = dlang_demangle(name, OPTIONS);
	size_t len = text ? strnlen(text, DEMANGLE_MAX_BYTES + 1) : 0;

	if (len)
		strbuf_add(sb, text, len);
	if (len > DEMANGLE_MAX_BYTES)
		cut(sb, sb->len - 1);
	free(text);
	return len;
}

void demangle_add(struct strbuf *sb, const char *name)
{
	size_t len = strnlen(name, DEMANGLE_MAX_BYTES + 1);
	bool is_mangled = name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');

	if (is_mangled && len <= DEMANGLE_MAX_BYTES && demangle(sb, name))
		return;
	if (len <= DEMANGLE_MAX_BYTES && is_d(name) && demangle_d(sb, name))
		return;
	strbuf_add(sb, name, len);
	if (len > DEMANGLE_MAX_BYTES)
		cut(sb, sb->len - 1);
}
