/*
 * Very many of something, and how many is known: each calls probed() once, which tests attach to.
 *
 *	crowd stacks N [US]	N calls, each by a stack of its own; sleeps US after each hundred
 *	crowd alive N		N processes that are there at the same time
 *	crowd storm N		N processes that end at once, eight at a time
 *	crowd deep SECONDS	stacks of 400 frames, on every CPU for that long of its time
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BITS	20
#define ABREAST 8
#define FN	__attribute__((noipa))
#define AFTER	__asm__ volatile("" ::: "memory")

volatile int sink;

void probed(int i);

FN void probed(int i)
{
	sink = i;
}

/* --- stacks: a number as a chain of calls, a bit each --- */

static void go_down(uint32_t i, int left);

FN static void zero(uint32_t i, int left)
{
	go_down(i, left);
	AFTER;
}

FN static void one(uint32_t i, int left)
{
	go_down(i, left);
	AFTER;
}

static inline __attribute__((always_inline)) void go_down(uint32_t i, int left)
{
	if (!left)
		probed(i);
	else if (i >> (left - 1) & 1)
		one(i, left - 1);
	else
		zero(i, left - 1);
}

FN static void number(uint32_t i)
{
	go_down(i, BITS);
	AFTER;
}

static void stacks(int n, int us)
{
	/* Its tables are made meanwhile. */
	usleep(600000);
	for (int i = 0; i < n; i++) {
		number(i);
		if (us && i % 100 == 99)
			usleep(us);
	}
}

/* --- processes --- */

/* 0: the process is the new one. */
static pid_t begin(void)
{
	pid_t pid;

	while ((pid = fork()) < 0)
		usleep(1000);
	return pid;
}

static void alive(int n)
{
	int go[2], end[2];
	char c;

	if (pipe(go) || pipe(end))
		_exit(1);
	for (int i = 0; i < n; i++) {
		if (begin())
			continue;
		close(go[1]);
		close(end[1]);
		while (read(go[0], &c, 1) > 0)
			;
		probed(i);
		while (read(end[0], &c, 1) > 0)
			;
		_exit(0);
	}
	close(go[1]);
	sleep(1 + n / 2000);
	close(end[1]);
	while (wait(NULL) > 0)
		;
}

static void storm(int n)
{
	for (int i = 0; i < n; i++) {
		if (!begin()) {
			probed(i);
			_exit(0);
		}
		if (i >= ABREAST)
			wait(NULL);
	}
	while (wait(NULL) > 0)
		;
}

/* --- large records --- */

FN static void deep(int left)
{
	if (left)
		deep(left - 1);
	else
		for (int i = 0; i < 100000; i++)
			sink = i;
	AFTER;
}

static void deep_for(double seconds)
{
	struct timespec used;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	while (cpus-- > 1 && begin())
		;
	do {
		deep(400);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	} while (used.tv_sec + used.tv_nsec * 1e-9 < seconds);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "stacks"))
		stacks(n, argc > 3 ? atoi(argv[3]) : 0);
	else if (!strcmp(what, "alive"))
		alive(n);
	else if (!strcmp(what, "storm"))
		storm(n);
	else if (!strcmp(what, "deep"))
		deep_for(n);
	else
		return 2;
	return 0;
}
