#include "export/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outfile.h"

static int complain(const char *path, int err)
{
	if (err && err != -EPIPE)
		log_error("cannot write '%s': %s", path, strerror(-err));
	return err;
}

/* Closes f, and tells whether all of it arrived. */
static int end(FILE *f)
{
	int err = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		err = errno ? -errno : -EIO;
	fclose(f);
	return err;
}

static FILE *stream_of(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

	if (!f && copy >= 0)
		close(copy);
	return f;
}

int textfile_write(const char *path,
		   int (*write)(struct recording *rec, const struct folded_style *style, FILE *f),
		   struct recording *rec, const struct folded_style *style)
{
	struct outfile out = {.fd = -1};
	bool to_stdout = !strcmp(path, "-");
	int err = to_stdout ? 0 : outfile_open(&out, path), err_write = 0;
	FILE *f;

	if (err)
		return complain(path, err);
	f = stream_of(to_stdout ? STDOUT_FILENO : out.fd);
	if (f) {
		err_write = write(rec, style, f);
		err = end(f);
	} else {
		err = -errno;
	}
	if (!to_stdout && !err && !err_write)
		err = outfile_commit(&out);
	else
		outfile_abort(&out);
	return err_write ? err_write : complain(to_stdout ? "stdout" : path, err);
}
