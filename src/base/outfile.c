#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= n;
	}
	return 0;
}

static char *temp_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return xasprintf("%.*s.%s.part", (int)(name - path), path, name);
}

/*
 * Between open() and flock() the previous owner may have renamed the file away; then the lock is
 * on a finished file, and we start over.
 */
static int open_locked(const char *temp)
{
	for (;;) {
		struct stat by_fd, by_name;
		int fd = open(temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			int err = errno == EWOULDBLOCK ? -EBUSY : -errno;

			close(fd);
			return err;
		}
		if (!fstat(fd, &by_fd) && !stat(temp, &by_name) && by_fd.st_ino == by_name.st_ino &&
		    by_fd.st_dev == by_name.st_dev)
			return fd;
		close(fd);
	}
}

const char *outfile_why(int err)
{
	return err == -EBUSY	 ? "another process is writing it"
	       : err == -ENOTSUP ? "it is a device or a pipe, not a file"
				 : strerror(-err);
}

/* What stands under the name must not be replaced by a file. */
static int check_old(const char *path)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
}

int outfile_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xasprintf("%.*s/.", (int)(slash - path), path) : xstrdup(".");
	int err = access(folder, W_OK | X_OK) ? -errno : 0;

	free(folder);
	return err ? err : check_old(path);
}

int outfile_open(struct outfile *out, const char *path)
{
	int fd = check_old(path);
	char *temp;

	*out = (struct outfile){.fd = -1};
	if (fd)
		return fd;
	temp = temp_name(path);
	fd = open_locked(temp);
	if (fd < 0) {
		free(temp);
		return fd;
	}
	if (ftruncate(fd, 0)) {
		int err = -errno;

		unlink(temp);
		close(fd);
		free(temp);
		return err;
	}
	*out = (struct outfile){.fd = fd, .path = xstrdup(path), .temp = temp};
	return 0;
}

static void outfile_free(struct outfile *out)
{
	if (out->fd >= 0)
		close(out->fd);
	free(out->path);
	free(out->temp);
	*out = (struct outfile){.fd = -1};
}

int outfile_commit(struct outfile *out)
{
	int err = 0;

	if (rename(out->temp, out->path)) {
		err = -errno;
		unlink(out->temp);
	}
	outfile_free(out);
	return err;
}

void outfile_abort(struct outfile *out)
{
	if (out->temp)
		unlink(out->temp);
	outfile_free(out);
}

int outfile_write(const char *path, const void *data, size_t size)
{
	struct outfile out;
	int err = outfile_open(&out, path);

	if (err)
		return err;
	err = write_all(out.fd, data, size);
	if (err) {
		outfile_abort(&out);
		return err;
	}
	return outfile_commit(&out);
}
