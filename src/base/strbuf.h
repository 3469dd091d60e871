#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stddef.h>

/*
 * A growing string of bytes, always followed by a NUL that `len` does not count. Zero-initialise
 * it; `data` may be NULL while nothing was added (strbuf_str() never returns NULL).
 */
struct strbuf {
	char *data;
	size_t len, cap;
};

void strbuf_deinit(struct strbuf *sb);
void strbuf_clear(struct strbuf *sb);
void strbuf_add(struct strbuf *sb, const void *p, size_t n);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds s as a JSON string with its quotes; s is valid UTF-8 (see base/utf8.h). */
void strbuf_add_json(struct strbuf *sb, const char *s);
const char *strbuf_str(const struct strbuf *sb);
/* Gives the string to the caller, who frees it. */
char *strbuf_detach(struct strbuf *sb);

#endif
