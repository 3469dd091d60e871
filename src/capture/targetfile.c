#include "capture/targetfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/procfs.h"

/* An O_PATH descriptor disturbs nothing, neither a FIFO nor a tape. */
static int look(int root, const char *path, uint64_t flags)
{
	struct open_how how = {
	    .flags = O_PATH | O_CLOEXEC | flags,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Opens for reading what an O_PATH descriptor shows, and closes that. */
static int take_regular(int seen, struct stat *st)
{
	char self[64];
	int fd;

	if (fstat(seen, st)) {
		fd = -errno;
	} else if (!S_ISREG(st->st_mode)) {
		fd = -EINVAL;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", seen);
		fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	close(seen);
	return fd;
}

int targetfile_open_mapped(uint32_t pid, uint64_t start, uint64_t end)
{
	char path[96];
	struct stat st;
	int seen;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", procfs_thread(pid),
		 (unsigned long long)start, (unsigned long long)end);
	seen = open(path, O_PATH | O_CLOEXEC);
	return seen < 0 ? -errno : take_regular(seen, &st);
}

static int open_root(uint32_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/root", procfs_thread(pid));
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int targetfile_open_path(uint32_t pid, const char *path, uint32_t dev_major, uint32_t dev_minor,
			 uint64_t inode)
{
	int root = open_root(pid), fd;
	struct stat st;

	if (root < 0)
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = look(root, path, 0);
	close(root);
	if (fd < 0)
		return fd;
	fd = take_regular(fd, &st);
	if (fd >= 0 && inode &&
	    (st.st_ino != inode || st.st_dev != makedev(dev_major, dev_minor))) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* The process sees the files that we see. */
static bool is_ours(uint32_t pid, int root)
{
	struct stat own, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	if (stat("/proc/self/ns/mnt", &own) || stat(path, &its) || own.st_ino != its.st_ino)
		return false;
	return !stat("/", &own) && !fstat(root, &its) && own.st_dev == its.st_dev &&
	       own.st_ino == its.st_ino;
}

int targetfile_open_foreign(uint32_t pid, const char *path)
{
	int root = open_root(pid), fd;
	struct stat st;

	if (root < 0)
		return root;
	fd = is_ours(pid, root) ? -EXDEV : look(root, path, 0);
	close(root);
	return fd < 0 ? fd : take_regular(fd, &st);
}

/* The effective user of the process, and its pid as it sees it itself. */
static bool read_status(uint32_t pid, uint32_t *euid_ret, uint32_t *nspid_ret)
{
	char path[64], buf[4096], *p, *last;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	p = strstr(buf, "\nUid:");
	if (!p || sscanf(p, "\nUid: %*u %u", euid_ret) != 1)
		return false;
	p = strstr(buf, "\nNSpid:");
	if (!p)
		return false;
	p[1 + strcspn(p + 1, "\n")] = '\0';
	last = strrchr(p, '\t');
	return last && sscanf(last, "%u", nspid_ret) == 1;
}

int targetfile_open_perfmap(uint32_t pid)
{
	uint32_t euid, nspid;
	char path[64];
	struct stat st;
	int root, fd;

	if (!read_status(pid, &euid, &nspid))
		return -ESRCH;
	root = open_root(pid);
	if (root < 0)
		return root;
	snprintf(path, sizeof(path), "tmp/perf-%u.map", nspid);
	fd = look(root, path, O_NOFOLLOW);
	close(root);
	if (fd < 0)
		return fd;
	fd = take_regular(fd, &st);
	if (fd >= 0 && ((st.st_uid != euid && st.st_uid != 0) || st.st_nlink != 1)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}
