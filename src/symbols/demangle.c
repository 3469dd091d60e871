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

/*
 * Compilers write a parameter that is `return scope` as NkM, and libiberty reads MNk alone. Of the
 * same length, it leaves all references back as they are. A name of somebody's with these letters
 * would be another one then: it is left alone.
 */
static char *demangle_d_in_order(char *name)
{
	bool differs = false;
	char *text;

	for (char *p = name; (p = strstr(p, "NkM")); differs = true)
		memcpy(p, "MNk", 3);
	text = differs ? dlang_demangle(name, OPTIONS) : NULL;
	if (text && strstr(text, "MNk")) {
		free(text);
		return NULL;
	}
	return text;
}

static bool demangle_d(struct strbuf *sb, const char *name)
{
	/* What a compiler adds to the name of a part or a copy of a function: ".part.0". */
	size_t len = strcspn(name, ".");
	size_t at = sb->len;
	struct strbuf bare = {0};
	char *text;

	strbuf_add(&bare, name, len);
	text = dlang_demangle(strbuf_str(&bare), OPTIONS);
	if (!text)
		text = demangle_d_in_order(bare.data);
	if (text && *text) {
		strbuf_add(sb, text, strnlen(text, DEMANGLE_MAX_BYTES + 1));
		if (name[len])
			strbuf_addf(sb, " [clone %s]", name + len);
	}
	if (sb->len > at + DEMANGLE_MAX_BYTES)
		cut(sb, at + DEMANGLE_MAX_BYTES);
	strbuf_deinit(&bare);
	free(text);
	return sb->len > at;
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
