#include "capture/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest line has a path of PATH_MAX with each byte escaped, which nobody needs. */
#define LINE_MAX_BYTES 8192
/* Lines of one process that are read at most. */
#define LINES_MAX 100000

#define KTHREAD 0x00200000u /* PF_KTHREAD in the flags of /proc/PID/stat */

int procfs_read(uint32_t pid, struct procfs_process *ret)
{
	char path[64], buf[1024], *from, *to;
	unsigned int flags;
	int threads;
	char state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	buf[n] = '\0';
	/* The name may hold brackets and spaces: it ends with the last one. */
	from = strchr(buf, '(');
	to = strrchr(buf, ')');
	if (!from || !to || to < from ||
	    sscanf(to + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
		   &state, &flags, &threads) != 3)
		return -ESRCH;
	*to = '\0';
	*ret = (struct procfs_process){.pid = pid,
				       .is_kernel = flags & KTHREAD,
				       .is_dead = state == 'Z' || state == 'X',
				       .threaded = threads > 1};
	ret->is_ending = ret->is_dead && !ret->threaded;
	strncpy(ret->comm, from + 1, sizeof(ret->comm) - 1);
	return 0;
}

uint32_t procfs_thread(uint32_t pid)
{
	struct procfs_process p;
	uint32_t found = pid;
	struct dirent *e;
	char path[64];
	DIR *dir;

	if (procfs_read(pid, &p) || !p.is_dead || !p.threaded)
		return pid;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	while (dir && found == pid && (e = readdir(dir))) {
		uint32_t tid = strtoul(e->d_name, NULL, 10);

		/* By itself, and not below its process, a thread has all that a process has. */
		if (tid && !procfs_read(tid, &p) && !p.is_dead)
			found = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A newline in a path stands there as \012. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (!strncmp(s, "\\012", 4)) {
			*to++ = '\n';
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

bool procfs_parse_map(char *line, struct mapped *map_ret, uint64_t *pgoff_ret)
{
	unsigned long long start, end, pgoff, inode;
	unsigned int major, minor;
	char prot[5];
	int at = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu%n", &start, &end, prot, &pgoff, &major,
		   &minor, &inode, &at) != 7 ||
	    strlen(prot) != 4 || prot[2] != 'x' || end <= start)
		return false;
	line += at;
	line += strspn(line, " ");
	unescape(line);
	*map_ret = (struct mapped){.start = start,
				   .end = end,
				   .dev_major = major,
				   .dev_minor = minor,
				   .inode = inode,
				   .path = line};
	*pgoff_ret = pgoff;
	return true;
}

void procfs_maps(uint32_t pid, procfs_map_fn *fn, void *arg)
{
	char path[64], buf[2 * LINE_MAX_BYTES], *line, *end;
	size_t len = 0, lines = 0;
	struct mapped map;
	uint64_t pgoff;
	ssize_t n;
	int fd;

	pid = procfs_thread(pid);
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (lines < LINES_MAX && (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0) {
		len += n;
		buf[len] = '\0';
		for (line = buf; (end = memchr(line, '\n', buf + len - line)); line = end + 1) {
			*end = '\0';
			lines++;
			if (!procfs_parse_map(line, &map, &pgoff))
				continue;
			map.pid = pid;
			fn(arg, &map, pgoff);
		}
		len = buf + len - line;
		memmove(buf, line, len);
		if (len == sizeof(buf) - 1)
			break;
	}
	close(fd);
}

void procfs_each(bool (*fn)(void *arg, uint32_t pid), void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char *end;
		unsigned long pid = strtoul(e->d_name, &end, 10);

		if (pid && !*end && !fn(arg, pid))
			break;
	}
	if (dir)
		closedir(dir);
}
