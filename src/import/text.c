#include "import/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define READ_BYTES (1u << 20)
/* How long a pipe may stay empty without a word. */
#define PATIENCE_MS 1000

int text_bad(const struct text *t, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	log_error("%s:%zu: %s", t->name, t->line, words);
	return -EBADMSG;
}

static int too_long(struct text *t)
{
	return text_bad(t, "a line of more than %u MiB", TEXT_MAX_LINE_BYTES >> 20);
}

/* Handles whole lines, and what stands after the last line break if it is_end. */
static int handle_lines(struct text *t, const char *s, size_t size, bool is_end, size_t *used_ret)
{
	const char *from = s, *end = s + size;

	t->block++;
	if (!t->line && size >= 3 && !memcmp(s, "\xef\xbb\xbf", 3))
		s += 3;
	while (s < end) {
		const char *stop = memchr(s, '\n', end - s);
		const char *line_end = stop ? stop : end;
		int err;

		if (!stop && !is_end)
			break;
		t->line++;
		if (line_end - s > TEXT_MAX_LINE_BYTES)
			return too_long(t);
		err = t->handle(t->arg, s, line_end - (line_end > s && line_end[-1] == '\r'));
		if (err)
			return err;
		s = stop ? stop + 1 : end;
	}
	*used_ret = s - from;
	return 0;
}

static int read_fd(struct text *t, int fd)
{
	size_t len = 0, cap = READ_BYTES, used;
	char *buf = xmalloc(cap);
	int err;

	for (;;) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			log_error("cannot read '%s': %s", t->name, strerror(-err));
			break;
		}
		t->size_bytes += n;
		len += n;
		err = handle_lines(t, buf, len, !n, &used);
		if (err || !n)
			break;
		len -= used;
		memmove(buf, buf + used, len);
		if (len > TEXT_MAX_LINE_BYTES + 1) {
			t->line++;
			err = too_long(t);
			break;
		}
		if (len == cap)
			buf = xrealloc(buf, cap *= 2);
	}
	free(buf);
	return err;
}

/* Opens without waiting: for a pipe that nobody writes to we wait too, but not without a word. */
static int open_input(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISFIFO(st.st_mode) && !poll(&p, 1, PATIENCE_MS)) {
		log_note("waiting for somebody to write into '%s'; Ctrl-C ends that", path);
		poll(&p, 1, -1);
	}
	if (fcntl(fd, F_SETFL, 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int text_read_file(struct text *t, const char *path)
{
	int fd, err;

	t->name = path;
	t->line = t->size_bytes = 0;
	if (!strcmp(path, "-")) {
		t->name = "stdin";
		return read_fd(t, STDIN_FILENO);
	}
	fd = open_input(path);
	if (fd < 0) {
		log_error("cannot open '%s': %s", path, strerror(-fd));
		return fd;
	}
	err = read_fd(t, fd);
	close(fd);
	return err;
}

int text_read_memory(struct text *t, const char *text, size_t size_bytes)
{
	size_t used;

	t->line = 0;
	t->size_bytes = size_bytes;
	return handle_lines(t, text, size_bytes, true, &used);
}
