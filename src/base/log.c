#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

static bool quiet;
static bool progress_open;

/* Writes the line in one call, so that lines of several processes do not mix. */
static void put(const char *end, const char *fmt, va_list ap)
{
	char raw[1024], line[4 * sizeof(raw) + 32];
	size_t n = 0;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	if (progress_open)
		n += sprintf(line + n, "%s", *end == '\r' ? "\r\033[K" : "\n");
	n += sprintf(line + n, "flamelapse: ");
	for (const char *p = raw, *stop = raw + strlen(raw); p < stop;) {
		size_t plain = utf8_plain(p, stop);

		if (plain)
			memcpy(line + n, p, plain);
		n += plain ? plain : (size_t)sprintf(line + n, "\\x%02x", (unsigned char)*p);
		p += plain ? plain : 1;
	}
	if (*end == '\n')
		line[n++] = '\n';
	progress_open = *end == '\r';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody left to tell */
}

#define PUT(end)                                                                                   \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		put(end, fmt, ap);                                                                 \
		va_end(ap);                                                                        \
	} while (0)

void log_error(const char *fmt, ...)
{
	PUT("\n");
}

void log_warn(const char *fmt, ...)
{
	PUT("\n");
}

void log_note(const char *fmt, ...)
{
	if (!quiet)
		PUT("\n");
}

void log_progress(const char *fmt, ...)
{
	if (!quiet && isatty(STDERR_FILENO))
		PUT("\r");
}

void log_progress_end(void)
{
	if (progress_open && write(STDERR_FILENO, "\n", 1) < 0)
		return;
	progress_open = false;
}

void log_set_quiet(bool on)
{
	quiet = on;
}
