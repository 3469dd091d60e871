/*
 * A service whose hot path changes half-way: it answers requests from a cache, then the cache is
 * dropped and every request is parsed, looked up and rendered. A housekeeper runs beside it.
 *
 *	service [SECONDS]	works for 20 s if nothing is said; the change comes after half of it
 *
 * Each function below works by itself for a share of the time, so that the picture is known: see
 * samples/README.md.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLE 4096

/* gcc gives a function that calls no other no frame of its own, whatever the flags, and its caller
 * would be missing from each stack taken in it. This needs the frame. */
#define KEEP_FRAME() __asm__ volatile("" ::"r"(__builtin_frame_address(0)))

static volatile uint64_t sink;
static uint64_t table[TABLE];
static char page[8192];
static double end_s;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static uint64_t mix(uint64_t v, int rounds)
{
	KEEP_FRAME();
	while (rounds--)
		v = (v ^ v >> 29) * 0xbf58476d1ce4e5b9u;
	return v;
}

static void read_request(uint64_t request)
{
	sink = mix(request, 4000);
}

static uint64_t cache_lookup(uint64_t request)
{
	uint64_t key = mix(request, 6000);

	return table[key % TABLE];
}

static void parse_query(uint64_t request)
{
	sink = mix(request, 8000);
}

static void compare_rows(uint64_t from)
{
	for (uint64_t i = 0; i < TABLE; i += 32)
		sink += mix(table[(from + i) % TABLE], 80);
}

static void scan_table(uint64_t request)
{
	for (int i = 0; i < 4; i++)
		compare_rows(request + i);
}

static void escape_html(uint64_t request)
{
	KEEP_FRAME();
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = 'a' + (request + i) % 26;
	sink = mix(page[request % sizeof(page)], 4000);
}

static void render_page(uint64_t request)
{
	for (int i = 0; i < 2; i++)
		escape_html(request + i);
}

static void query_database(uint64_t request)
{
	parse_query(request);
	scan_table(request);
}

static void answer_from_cache(uint64_t request)
{
	sink = cache_lookup(request);
}

static void answer_from_database(uint64_t request)
{
	query_database(request);
	render_page(request);
}

static void handle_request(uint64_t request, int has_cache)
{
	read_request(request);
	if (has_cache)
		answer_from_cache(request);
	else
		answer_from_database(request);
}

static void expire_sessions(void)
{
	sink = mix(sink, 200000);
}

static void *housekeeper(void *arg)
{
	while (now_s() < end_s) {
		expire_sessions();
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	return arg;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 20, half_s;
	pthread_t thread;

	if (seconds <= 0) {
		fprintf(stderr, "usage: service [SECONDS]\n");
		return 2;
	}
	half_s = now_s() + seconds / 2;
	end_s = half_s + seconds / 2;
	for (size_t i = 0; i < TABLE; i++)
		table[i] = mix(i, 5);
	if (pthread_create(&thread, NULL, housekeeper, NULL))
		return 1;
	for (uint64_t request = 0; now_s() < end_s; request++)
		handle_request(request, now_s() < half_s);
	pthread_join(thread, NULL);
	return 0;
}
