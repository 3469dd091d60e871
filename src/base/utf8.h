#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/*
 * The one door through which a foreign name enters (symbols, commands, paths, imported frames):
 * adds it as valid UTF-8 in which nothing is obeyed by a terminal, a browser or a text renderer.
 * Bytes that are no UTF-8, and control characters, become \xNN; the bidirectional controls,
 * zero-width characters, line separators and noncharacters become \u{NNNN}. A longer name than
 * NAME_MAX_BYTES is cut, with "…" at its end. What is clean stays as it is.
 */
#define NAME_MAX_BYTES 65536

void utf8_add_clean(struct strbuf *sb, const char *name, size_t len);

/* How many bytes from p on are one character that needs no escape; 0: they need one. */
size_t utf8_plain(const char *p, const char *end);

/* Decodes one character of [p, end); returns its bytes, 0 where it is no valid UTF-8 (RFC 3629). */
size_t utf8_decode(const char *p, const char *end, uint32_t *c_ret);

#endif
