/*
 * A workload of known shape, for tests of sampling: main → outer → inner, of which outer's own
 * part takes a quarter of the time and inner's three quarters. Built with frame pointers.
 *
 *	spin SECONDS [THREADS]     ends by itself; THREADS named spin-1 … spin the same
 *	spin fork SECONDS          a child that forks a grandchild, which spins
 *	spin short N               N children one after the other, each 20 ms
 *	spin jit SECONDS           code in anonymous memory, with a perf map
 *	spin syscalls SECONDS      most of the time in the kernel
 *	spin asleep SECONDS        the main thread sleeps, another one spins
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Compilers leave out the frame pointer in a function that calls nothing. */
#define NEEDS_FRAME() __asm__ volatile("" ::"r"(__builtin_frame_address(0)))

static double end_s;
volatile uint64_t sink;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static __attribute__((noipa)) void spin_inner(long n)
{
	for (long i = 0; i < n; i++)
		sink = sink * 31 + i;
	NEEDS_FRAME();
}

static __attribute__((noipa)) void spin_outer(void)
{
	spin_inner(300000);
	for (long i = 0; i < 100000; i++)
		sink = sink * 31 + i;
	NEEDS_FRAME();
}

static void spin_for(double seconds)
{
	end_s = now_s() + seconds;
	while (now_s() < end_s)
		spin_outer();
	__asm__ volatile("");
}

static void *thread(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "spin-%d", (int)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	while (now_s() < end_s)
		spin_outer();
	return NULL;
}

static void in_a_child(void (*fn)(double), double arg)
{
	pid_t pid = fork();

	if (!pid) {
		fn(arg);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void child(double seconds)
{
	in_a_child(spin_for, seconds);
}

static void jit(double seconds)
{
	/* xor eax,eax; 1: inc eax; cmp eax,imm32; jb 1b; ret */
	static const uint8_t code[] = {0x31, 0xc0, 0xff, 0xc0, 0x3d, 0x80,
				       0x96, 0x98, 0x00, 0x72, 0xf7, 0xc3};
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*fn)(void);
	char path[64];
	FILE *f;

	memcpy(p, code, sizeof(code));
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	memcpy(&fn, &p, sizeof(fn));
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	f = fopen(path, "w");
	if (f) {
		fprintf(f, "%lx %zx made_at_run_time\n", (unsigned long)(uintptr_t)p, sizeof(code));
		fclose(f);
	}
	end_s = now_s() + seconds;
	while (now_s() < end_s)
		fn();
	unlink(path);
}

static void asleep(double seconds)
{
	pthread_t other;

	end_s = now_s() + seconds;
	if (!pthread_create(&other, NULL, thread, (void *)(intptr_t)1))
		pthread_join(other, NULL);
}

static void syscalls(double seconds)
{
	int fd = open("/dev/zero", O_RDONLY);
	static char buf[1 << 20];

	end_s = now_s() + seconds;
	while (now_s() < end_s)
		if (read(fd, buf, sizeof(buf)) < 0)
			break;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "1";
	double seconds = argc > 2 ? atof(argv[2]) : 1;
	pthread_t threads[16];
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(how, "fork")) {
		in_a_child(child, seconds);
	} else if (!strcmp(how, "short")) {
		for (int i = 0; i < n; i++)
			in_a_child(spin_for, 0.02);
	} else if (!strcmp(how, "jit")) {
		jit(seconds);
	} else if (!strcmp(how, "syscalls")) {
		syscalls(seconds);
	} else if (!strcmp(how, "asleep")) {
		asleep(seconds);
	} else {
		end_s = now_s() + atof(how);
		for (int i = 0; i < n && i < 16; i++)
			pthread_create(&threads[i], NULL, thread, (void *)(intptr_t)(i + 1));
		spin_for(atof(how));
		for (int i = 0; i < n && i < 16; i++)
			pthread_join(threads[i], NULL);
	}
	return 3;
}
