/*
 * Call chains that are known, for the ground truth of unwinding. tests/bpf/unwind.sh builds it with
 * several compilers, without frame pointers, and names here what it expects there.
 *
 *	chains MODE SECONDS	MODE: a name of the table below, or "all" of them
 *	chains headless SECONDS	a thread works on when the main thread has ended
 *	chains memfd SECONDS	mode_plain() in a copy of the program that never had a name
 *	chains split N		N rounds of equal work: 5 in half(), 3 in third(), 2 in fifth()
 *
 * It begins with a moment in which the tables of its modules can be made. Seconds are CPU time of
 * the process: how many samples there are does not depend on who else runs. Every stack that counts
 * ends in spin_leaf(), and whoever calls it does nothing else for long.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* A call of its own, and nobody's last: it stays a frame. */
#ifdef __clang__
#define FN static __attribute__((noinline, used))
#else
#define FN static __attribute__((noipa, used))
#endif
#define AFTER __asm__ volatile("" ::: "memory")
#define SPINS 60000

volatile uint64_t sink;
static double end_s;
static const char *program;

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static int goes_on(void)
{
	return cpu_s() < end_s;
}

FN void spin_leaf(void)
{
	for (long i = 0; i < SPINS; i++)
		sink = sink * 31 + i;
}

/* --- plain calls --- */

FN void plain_b(void)
{
	spin_leaf();
	AFTER;
}

FN void plain_a(void)
{
	plain_b();
	AFTER;
}

FN void mode_plain(void)
{
	while (goes_on())
		plain_a();
}

/* --- frames of unusual size and shape --- */

FN void use(volatile char *p)
{
	p[0] = 1;
	spin_leaf();
	AFTER;
}

FN void by_alloca(size_t n)
{
	volatile char *p = __builtin_alloca(n);

	use(p);
	AFTER;
}

FN void mode_alloca(void)
{
	for (size_t n = 1; goes_on(); n = n * 7 % 5003)
		by_alloca(n);
}

FN void large_frame(void)
{
	volatile char p[200000];

	p[sizeof(p) - 1] = 1;
	use(p);
	AFTER;
}

FN void mode_large(void)
{
	while (goes_on())
		large_frame();
}

/* A stack pointer that is aligned, arguments on the stack, and a frame of no fixed size: such a
 * function finds its caller by a pointer of its own (DRAP). */
FN long realigned(long a, long b, long c, long d, long e, long f, long g, long h)
{
	_Alignas(64) volatile char p[128];
	volatile char *q = __builtin_alloca(h);

	p[0] = q[0] = a;
	use(p);
	AFTER;
	return a + b + c + d + e + f + g + h + p[0];
}

/* Whose registers the function saved by that pointer. */
FN long needs_registers(long n)
{
	long a = sink, b = a + n, c = b * 3, d = c ^ a, e = d + 7;
	volatile char *p = __builtin_alloca(n % 77 + 1);

	p[0] = n;

	for (int i = 0; i < 2; i++)
		e += realigned(a, b, c, d, e, 6, 7, 8 + n % 99);
	return a + b + c + d + e;
}

FN void mode_realign(void)
{
	for (long n = 1; goes_on(); n++)
		sink += needs_registers(n);
}

FN void recurse(int n)
{
	if (n > 1)
		recurse(n - 1);
	else
		spin_leaf();
	AFTER;
}

FN void mode_deep200(void)
{
	while (goes_on())
		recurse(200);
}

FN void mode_deep300(void)
{
	while (goes_on())
		recurse(300);
}

/* --- callbacks and signals --- */

FN int compare(const void *a, const void *b)
{
	spin_leaf();
	return *(const char *)a - *(const char *)b;
}

FN void mode_qsort(void)
{
	while (goes_on()) {
		char two[2] = {2, 1};

		qsort(two, 2, 1, compare);
	}
}

static volatile int in_busy;

FN void on_alarm(int sig)
{
	(void)sig;
	if (in_busy)
		spin_leaf();
	AFTER;
}

FN void busy(void)
{
	in_busy = 1;
	for (long i = 0; i < 400000; i++)
		sink = sink * 31 + i;
	in_busy = 0;
	AFTER;
}

FN void mode_alarm(void)
{
	struct itimerval often = {{0, 400}, {0, 400}}, never = {{0, 0}, {0, 0}};

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	while (goes_on())
		busy();
	setitimer(ITIMER_REAL, &never, NULL);
}

FN void on_raise(int sig)
{
	(void)sig;
	spin_leaf();
	AFTER;
}

FN void mode_raise(void)
{
	signal(SIGUSR1, on_raise);
	while (goes_on())
		raise(SIGUSR1);
}

/*
 * Interrupted at its first byte: the byte before it belongs to another function, of another frame.
 */
void at_first(void);
__asm__(".text\n"
	".type before_first, @function\n"
	"before_first: .cfi_startproc\n"
	".cfi_def_cfa_offset 512\n"
	"nop\n"
	".cfi_endproc\n"
	".size before_first, . - before_first\n"
	".globl at_first\n"
	".type at_first, @function\n"
	"at_first: .cfi_startproc\n"
	"ud2\n"
	"ret\n"
	".cfi_endproc\n"
	".size at_first, . - at_first\n");

FN void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	spin_leaf();
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

FN void mode_trap(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	sigaction(SIGILL, &sa, NULL);
	while (goes_on())
		at_first();
}

/* --- threads and processes --- */

FN void *in_thread(void *arg)
{
	while (goes_on())
		plain_a();
	return arg;
}

FN void mode_thread(void)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, in_thread, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

FN void *in_heir(void *arg)
{
	const struct timespec while_it_ends = {.tv_nsec = 100000000};

	prctl(PR_SET_NAME, "heir");
	nanosleep(&while_it_ends, NULL);
	while (goes_on())
		plain_a();
	return arg;
}

FN void mode_headless(void)
{
	pthread_t t;

	if (!pthread_create(&t, NULL, in_heir, NULL))
		pthread_exit(NULL);
}

/* The child has all to itself, and its own CPU time. */
FN void mode_vfork(void)
{
	double left = end_s - cpu_s();
	pid_t pid = vfork();

	if (pid == 0) {
		for (long i = 0; i < left * 12000; i++)
			plain_a();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* --- code that came later --- */

FN void mode_vdso(void)
{
	struct timespec ts;

	while (goes_on())
		for (int i = 0; i < 2000; i++)
			clock_gettime(CLOCK_MONOTONIC, &ts);
}

static const struct timespec moment = {0, 250000000};

FN void call_library(void (*fn)(void))
{
	/* The table of the library is made meanwhile. */
	fn();
	nanosleep(&moment, NULL);
	while (goes_on())
		fn();
}

FN void mode_dlopen(void)
{
#ifdef LIBRARY
	void *lib = dlopen(LIBRARY, RTLD_NOW);
	void (*fn)(void) = lib ? (void (*)(void))dlsym(lib, "lib_outer") : NULL;

	if (!fn)
		abort();
	call_library(fn);
	AFTER;
#endif
}

FN void mode_exec(void)
{
	char left[32];
	pid_t pid;

	snprintf(left, sizeof(left), "%f", end_s - cpu_s());
	pid = fork();
	if (!pid) {
		execl(program, program, "exec1", left, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* Another program in the same process, twice. */
FN void mode_exec1(void)
{
	char left[32];

	snprintf(left, sizeof(left), "%f", end_s - cpu_s());
	execl(program, program, "exec2", left, (char *)NULL);
}

FN void mode_exec2(void)
{
	while (goes_on())
		plain_a();
}

FN void mode_memfd(void)
{
	char *argv[] = {(char *)"chains", (char *)"plain", (char *)"0.3", NULL};
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create("chains", MFD_CLOEXEC);

	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	fexecve(to, argv, environ);
}

/* --- known shares --- */

FN void half(void)
{
	for (int i = 0; i < 5; i++)
		spin_leaf();
	AFTER;
}

FN void third(void)
{
	for (int i = 0; i < 3; i++)
		spin_leaf();
	AFTER;
}

FN void fifth(void)
{
	for (int i = 0; i < 2; i++)
		spin_leaf();
	AFTER;
}

FN void mode_split(long rounds)
{
	for (long i = 0; i < rounds; i++) {
		half();
		third();
		fifth();
	}
}

FN void warm_up(void)
{
	const struct timespec long_enough = {.tv_nsec = 600000000};

	for (long i = 0; i < 3000000; i++)
		sink = sink * 31 + i;
	/* Its tables are made meanwhile, and the recording's file is written to the disk. */
	nanosleep(&long_enough, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
    {"plain", mode_plain},	 {"alloca", mode_alloca},   {"large", mode_large},
    {"realign", mode_realign},	 {"deep200", mode_deep200}, {"deep300", mode_deep300},
    {"qsort", mode_qsort},	 {"alarm", mode_alarm},	    {"raise", mode_raise},
    {"trap", mode_trap},	 {"thread", mode_thread},   {"vfork", mode_vfork},
    {"vdso", mode_vdso},	 {"dlopen", mode_dlopen},   {"exec", mode_exec},
    {"exec1", mode_exec1},	 {"exec2", mode_exec2},	    {"memfd", mode_memfd},
    {"headless", mode_headless},
};

#define N_ALL (sizeof(modes) / sizeof(modes[0]) - 4)

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "all";
	double seconds = argc > 2 ? atof(argv[2]) : 0.1;

	program = argv[0];
	if (strncmp(mode, "exec", 4))
		warm_up();
	if (!strcmp(mode, "split")) {
		mode_split(argc > 2 ? atol(argv[2]) : 100);
		return 0;
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i].name) && (strcmp(mode, "all") || i >= N_ALL))
			continue;
		end_s = cpu_s() + seconds;
		modes[i].run();
	}
	return 0;
}
