#include "symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OPTIONS (DMGL_PARAMS | DMGL_ANSI)

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

void demangle_add(struct strbuf *sb, const char *name)
{
	size_t len = strnlen(name, DEMANGLE_MAX_BYTES + 1);
	bool is_mangled = name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');

	if (is_mangled && len <= DEMANGLE_MAX_BYTES && demangle(sb, name))
		return;
	strbuf_add(sb, name, len);
	if (len > DEMANGLE_MAX_BYTES)
		cut(sb, sb->len - 1);
}
