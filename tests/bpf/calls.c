/*
 * Known numbers of events: `calls call N` calls probed() N times, `calls touch N` touches N pages
 * of new memory for the first time, `calls open N` opens a file N times, `calls sleep N` sleeps N
 * times.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

volatile int sink;

void probed(int i);

__attribute__((noipa)) void probed(int i)
{
	sink = i;
}

static void touch(int n)
{
	char *p = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	madvise(p, (size_t)n * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < n; i++)
		p[(size_t)i * PAGE] = 1;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (argc > 1 && !strcmp(argv[1], "touch"))
		touch(n);
	for (int i = 0; i < n; i++) {
		if (!strcmp(argv[1], "call"))
			probed(i);
		else if (!strcmp(argv[1], "open"))
			close(open("/dev/null", O_RDONLY));
		else if (!strcmp(argv[1], "sleep"))
			usleep(1000);
	}
	return 0;
}
