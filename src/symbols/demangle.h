#ifndef SYMBOLS_DEMANGLE_H
#define SYMBOLS_DEMANGLE_H

#include <stddef.h>

#include "base/strbuf.h"

/*
 * Readable names for mangled ones: C++ (Itanium ABI), Rust legacy (without its hash), Rust v0 and
 * D. What is in none of them (C; Go, whose names are plain), is malformed, or is longer than
 * DEMANGLE_MAX_BYTES is added as it stands.
 *
 * A hostile name of a few hundred bytes can stand for 2^100 bytes of text: output ends after
 * DEMANGLE_MAX_BYTES, with a horizontal ellipsis. The libiberty's own limit of recursion stays on.
 * The result is not clean yet (base/utf8.h).
 */
#define DEMANGLE_MAX_BYTES 4096

void demangle_add(struct strbuf *sb, const char *name);

#endif
