/*
 * Known times off the CPU, which the program measures itself, and prints in microseconds:
 *
 *	blocker sleep N US      sleeps N times
 *	blocker late N US       the same, after many of some 50 us
 *	blocker futex N US      waits N times for a thread that sleeps
 *	blocker pair N US       two threads that are busy for N * US of time share a CPU
 *	blocker half N US       N times: computes for US of its CPU time, then sleeps for US. Prints
 *				the time that it slept, then its CPU time
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int n, us;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static uint64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static void sleep_us(int t)
{
	struct timespec ts = {t / 1000000, t % 1000000 * 1000L};

	nanosleep(&ts, NULL);
}

static uint64_t sleeper(int times, int t)
{
	uint64_t sum = 0;

	for (int i = 0; i < times; i++) {
		uint64_t from = clock_us(CLOCK_MONOTONIC);

		sleep_us(t);
		sum += clock_us(CLOCK_MONOTONIC) - from;
	}
	return sum;
}

static void *waker(void *unused)
{
	for (int i = 0; i < n; i++) {
		sleep_us(us);
		pthread_mutex_lock(&lock);
		turn = i + 1;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static uint64_t waiter(void)
{
	uint64_t sum = 0;
	pthread_t t;

	pthread_create(&t, NULL, waker, NULL);
	for (int i = 0; i < n; i++) {
		uint64_t from = clock_us(CLOCK_MONOTONIC);

		pthread_mutex_lock(&lock);
		while (turn <= i)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		sum += clock_us(CLOCK_MONOTONIC) - from;
	}
	pthread_join(t, NULL);
	return sum;
}

/* Time that went by while it wanted to run, and did not. */
static void *busy(void *ret)
{
	uint64_t from = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_THREAD_CPUTIME_ID), now;

	do
		now = clock_us(CLOCK_MONOTONIC);
	while (now - from < (uint64_t)n * us);
	*(uint64_t *)ret = now - from - (clock_us(CLOCK_THREAD_CPUTIME_ID) - cpu);
	return NULL;
}

static uint64_t pair(void)
{
	uint64_t waited[2];
	pthread_t t;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
	pthread_create(&t, NULL, busy, &waited[1]);
	busy(&waited[0]);
	pthread_join(t, NULL);
	return waited[0] + waited[1];
}

static __attribute__((noinline)) void computer(int t)
{
	uint64_t until = clock_us(CLOCK_THREAD_CPUTIME_ID) + t;

	while (clock_us(CLOCK_THREAD_CPUTIME_ID) < until)
		for (volatile int i = 0; i < 1000; i++)
			;
}

static uint64_t half(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++) {
		computer(us);
		sum += sleeper(1, us);
	}
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t sum = 0;

	if (argc != 4)
		return 2;
	n = atoi(argv[2]);
	us = atoi(argv[3]);
	if (!strcmp(argv[1], "late"))
		sleeper(8000, 1);
	if (!strcmp(argv[1], "sleep") || !strcmp(argv[1], "late"))
		sum = sleeper(n, us);
	else if (!strcmp(argv[1], "futex"))
		sum = waiter();
	else if (!strcmp(argv[1], "pair"))
		sum = pair();
	else if (!strcmp(argv[1], "half"))
		sum = half();
	printf("%llu\n", (unsigned long long)sum);
	if (!strcmp(argv[1], "half"))
		printf("%llu\n", (unsigned long long)clock_us(CLOCK_THREAD_CPUTIME_ID));
	return 0;
}
