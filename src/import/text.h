#ifndef IMPORT_TEXT_H
#define IMPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Foreign text, line by line, in bounded memory, and the words for what is wrong in it. A line ends
 * with LF or CR LF, which the handler does not see, or with the text; it may hold any other byte.
 * Blank lines are handled too, and a byte order mark at the beginning is skipped.
 *
 * The handler returns 0 to go on, or a negative errno that ends the reading and is passed on.
 */
#define TEXT_MAX_LINE_BYTES (16u << 20)

struct text {
	const char *name; /* of the file, for words */
	size_t line;	  /* number of the line at hand, from 1 */
	size_t size_bytes;
	size_t block; /* the bytes of earlier lines are still there while this is the same */
	int (*handle)(void *arg, const char *line, const char *end);
	void *arg;
};

/*
 * Reads the file, or stdin where path is "-"; or a text in memory. They set name (or take it as it
 * is) and start from line 1. 0, what the handler returned, -EBADMSG for a line beyond the limit,
 * or a negative errno of open() or read(), after one line of words.
 */
int text_read_file(struct text *t, const char *path);
int text_read_memory(struct text *t, const char *text, size_t size_bytes);

/* Says "FILE:LINE: …", and returns -EBADMSG. */
int text_bad(const struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The precision for "%.*s" with which a piece of a wrong line stands in such words. */
static inline int text_shown(size_t len)
{
	return len < 60 ? (int)len : 60;
}

static inline bool text_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool text_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif
