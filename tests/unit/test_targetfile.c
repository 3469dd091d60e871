#include "capture/targetfile.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test-targetfile-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return path;
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0 && write(fd, path, strlen(path)) > 0);
	close(fd);
}

/* A process that has dir/root as its root. */
static pid_t start(void)
{
	int ready[2];
	pid_t pid;
	char c;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid) {
		if (!unshare(CLONE_NEWNS) && !chroot(in_dir("/root")) && !chdir("/") &&
		    write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

/* 1 where it is the file that holds `text`. */
static int opens(pid_t pid, const char *path, const char *text)
{
	char got[100] = "";
	int fd = targetfile_open_foreign(pid, path), same;

	if (fd < 0)
		return fd;
	same = read(fd, got, sizeof(got) - 1) > 0 && !strcmp(got, text);
	close(fd);
	return same;
}

TEST(a_path_is_resolved_in_the_root_of_the_process)
{
	char outer[100], inner[100];
	pid_t pid;

	/* Another root, and links into it, need one who may make them. */
	if (geteuid())
		return;
	CHECK(mkdtemp(dir));
	strcpy(outer, in_dir("/outside"));
	write_file(outer);
	CHECK(!mkdir(in_dir("/root"), 0700));
	strcpy(inner, in_dir("/root/inside"));
	write_file(inner);
	CHECK(!symlink("/inside", in_dir("/root/absolute")));
	CHECK(!symlink(outer, in_dir("/root/out")));
	CHECK(!symlink("../outside", in_dir("/root/up")));
	CHECK(!mkfifo(in_dir("/root/fifo"), 0600));
	pid = start();
	CHECK_EQ(opens(pid, "/inside", inner), 1);
	CHECK_EQ(opens(pid, "/absolute", inner), 1);
	CHECK_EQ(opens(pid, "/../../inside", inner), 1);
	CHECK_EQ(opens(pid, "/out", outer), -ENOENT);
	CHECK_EQ(opens(pid, "/up", outer), -ENOENT);
	CHECK_EQ(opens(pid, outer, outer), -ENOENT);
	CHECK_EQ(opens(pid, "/fifo", ""), -EINVAL);
	CHECK_EQ(opens(pid, "/", ""), -EINVAL);
	CHECK_EQ(opens(getpid(), outer, outer), -EXDEV);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(opens(pid, "/inside", inner) < 0);
	CHECK(!unlink(outer) && !unlink(inner) && !unlink(in_dir("/root/absolute")) &&
	      !unlink(in_dir("/root/out")) && !unlink(in_dir("/root/up")) &&
	      !unlink(in_dir("/root/fifo")) && !rmdir(in_dir("/root")) && !rmdir(dir));
}

TEST_MAIN()
