#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include <stddef.h>

/*
 * A file that appears under its name only when it is whole. It is written as ".NAME.part" in the
 * same folder, under a lock, and renamed by outfile_commit(); a killed writer leaves nothing under
 * the final name, and the next writer of that name takes over what was left. Not for recordings,
 * which are readable while they grow.
 *
 *	err = outfile_open(&out, "x.mp4");
 *	... write to out.fd (or to the path out.temp) ...
 *	err = outfile_commit(&out);	or outfile_abort(&out);
 *
 * All return 0 or a negative errno and print nothing; -EBUSY means that another process is writing
 * this very file, -ENOTSUP that the name is a device, pipe or socket, which a rename would replace.
 * outfile_commit() calls outfile_abort() when it fails.
 */
struct outfile {
	int fd;
	char *path, *temp;
};

int outfile_open(struct outfile *out, const char *path);
/* Whether it could be opened, as far as can be told without touching anything. */
int outfile_check(const char *path);
/* What to say of an error of these functions. */
const char *outfile_why(int err);
int outfile_commit(struct outfile *out);
void outfile_abort(struct outfile *out);

/* The whole of it at once. */
int outfile_write(const char *path, const void *data, size_t size);

/* Writes all bytes, whatever the kernel takes at a time. 0 or a negative errno. */
int write_all(int fd, const void *data, size_t size);

#endif
