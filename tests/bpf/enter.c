/* enter DIR PROGRAM: runs a program of DIR with DIR as the root of its own mounts, as containers
 * have it. */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3 || unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(argv[1], argv[1], NULL, MS_BIND, NULL) || chdir(argv[1]) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/")) {
		perror("enter");
		return 1;
	}
	execl(argv[2], argv[2], NULL);
	perror(argv[2]);
	return 1;
}
