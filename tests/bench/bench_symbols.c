#include "symbols/elf.h"
#include "symbols/kallsyms.h"
#include "symbols/namer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * Reading symbols: bench_symbols [FILE ...]. For each file and for the kernel: time to load all
 * tables in this process, memory, time of a look-up in them, and time of a request to the namer for
 * one offset and for each of 512.
 */

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Best of five. */
static double load_ms(int fd, bool is_kernel, size_t *bytes_ret)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double t = now_ms();
		struct kallsyms *ks = is_kernel ? kallsyms_create(fd) : NULL;
		struct elf_names *elf = is_kernel ? NULL : elf_names_create(fd, -1);

		t = now_ms() - t;
		best = t < best ? t : best;
		*bytes_ret = ks ? kallsyms_bytes(ks) : elf ? elf_names_bytes(elf) : 0;
		kallsyms_destroy(ks);
		elf_names_destroy(elf);
	}
	return best;
}

static double find_ns(int fd, bool is_kernel, uint64_t first, uint64_t size)
{
	enum { N = 1000000 };
	struct kallsyms *ks = is_kernel ? kallsyms_create(fd) : NULL;
	struct elf_names *elf = is_kernel ? NULL : elf_names_create(fd, -1);
	struct kallsyms_place place;
	uint64_t at = 1;
	double t = now_ms();

	for (int i = 0; i < N && (ks || elf); i++) {
		at = at * 6364136223846793005u + 1442695040888963407u;
		if (ks)
			kallsyms_find(ks, first + (at >> 16) % size, &place);
		else
			elf_names_find(elf, first + (at >> 16) % size);
	}
	t = now_ms() - t;
	kallsyms_destroy(ks);
	elf_names_destroy(elf);
	return t * 1e6 / N;
}

static void bench(struct namer *namer, uint32_t id, const char *path, bool is_kernel)
{
	enum { N = 512, ROUNDS = 200 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	uint64_t offset[N], first = is_kernel ? 0xffffffff81000000u : 0;
	double load, one, many, first_ask;
	size_t bytes;

	if (fd < 0)
		return;
	if (is_kernel)
		size = 16 << 20;
	for (int i = 0; i < N; i++)
		offset[i] = first + (uint64_t)size / N * i;
	load = load_ms(fd, is_kernel, &bytes);
	namer_add_module(namer, id, is_kernel ? MODULE_KERNEL : MODULE_ELF, path, fd);
	first_ask = now_ms();
	namer_resolve(namer, id, offset, N);
	first_ask = now_ms() - first_ask;
	one = now_ms();
	for (int i = 0; i < ROUNDS; i++)
		namer_resolve(namer, id, offset + i % N, 1);
	one = (now_ms() - one) * 1e3 / ROUNDS;
	many = now_ms();
	for (int i = 0; i < ROUNDS; i++)
		namer_resolve(namer, id, offset, N);
	many = (now_ms() - many) * 1e3 / ROUNDS / N;
	printf("%-44s %7.1f ms %6.1f MB %6.0f ns %8.1f ms %7.1f us %7.2f us\n", path, load,
	       bytes / 1e6, find_ns(fd, is_kernel, first, size), first_ask, one, many);
	close(fd);
}

int main(int argc, char **argv)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);

	if (!namer)
		return EXIT_FAILURE;
	printf("%-44s %10s %9s %9s %11s %10s %10s\n", "symbols", "load", "memory", "look-up",
	       "first 512", "ask one", "of 512");
	bench(namer, 0, "/proc/kallsyms", true);
	bench(namer, 1, "/proc/self/exe", false);
	for (int i = 1; i < argc; i++)
		bench(namer, i + 1, argv[i], false);
	namer_destroy(namer);
	return EXIT_SUCCESS;
}
