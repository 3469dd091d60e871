/*
 * A copied stack with any registers, bytes and mappings, over two files: the kernel's vDSO, and the
 * rest of the input. What comes back stays inside its bounds, and what is called complete lies in
 * the mappings.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/stackwalk.h"

#define VDSO_BYTES 8192
#define MAPS_MAX   6
#define PAGE	   4096u
#define BASE	   0x7f0000000000u
#define STACK	   0x7ffe00000000u
#define FRAMES	   64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of[3] = {-1, -1, -1};

static int get_file(void *arg, uint32_t module)
{
	(void)arg;
	return module < 3 ? file_of[module] : -1;
}

static void open_files(void)
{
	const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (file_of[2] >= 0)
		return;
	file_of[1] = memfd_create("vdso", MFD_CLOEXEC);
	file_of[2] = memfd_create("fuzz", MFD_CLOEXEC);
	if (vdso && write(file_of[1], vdso, VDSO_BYTES) < 0)
		abort();
}

/* Takes n bytes off the input, zeroes where there are no more. */
static void take(const uint8_t **data, size_t *size, void *out, size_t n)
{
	size_t got = n < *size ? n : *size;

	memset(out, 0, n);
	memcpy(out, *data, got);
	*data += got;
	*size -= got;
}

/* Ascending; any of the two files, or none, at any of its pages. */
static uint32_t make_maps(const uint8_t **data, size_t *size, struct stack_copy_map *map)
{
	uint64_t at = BASE;
	uint8_t n, b[4];

	take(data, size, &n, 1);
	n %= MAPS_MAX + 1;
	for (uint8_t i = 0; i < n; i++) {
		take(data, size, b, sizeof(b));
		at += b[0] % 8 * PAGE;
		map[i] = (struct stack_copy_map){.start = at,
						 .end = at + (1 + b[1] % 8) * PAGE,
						 .pgoff = b[2] % 4 * PAGE,
						 .module = b[3] % 4};
		if (b[1] == 255)
			map[i].end = UINT64_MAX - PAGE + 1;
		if (b[2] == 255)
			map[i].pgoff = UINT64_MAX - PAGE + 1;
		at = map[i].end;
	}
	return n;
}

static uint64_t word(uint16_t v, const struct stack_copy_map *map, uint32_t n)
{
	if (v & 1 && n)
		return map[v / 2 % n].start + (v >> 4);
	return v & 2 ? STACK + (v >> 2) : v;
}

static bool is_mapped(uint64_t address, const struct stack_copy_map *map, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (address >= map[i].start && address < map[i].end)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stackwalk *walk;
	struct stack_copy_map map[MAPS_MAX];
	struct stack_copy c = {0};
	uint64_t stack[128], address[FRAMES + 1];
	uint16_t v, max;
	bool complete = false;
	size_t n;

	open_files();
	c.n_maps = make_maps(&data, &size, map);
	for (int i = 0; i < 17; i++) {
		take(&data, &size, &v, sizeof(v));
		c.reg[i] = word(v, map, c.n_maps);
	}
	take(&data, &size, &v, sizeof(v));
	c.n_bytes = v % (sizeof(stack) + 1);
	take(&data, &size, &max, sizeof(max));
	max %= FRAMES + 1;
	for (size_t i = 0; i * 8 < c.n_bytes; i++) {
		take(&data, &size, &v, sizeof(v));
		stack[i] = word(v, map, c.n_maps);
	}
	if (ftruncate(file_of[2], 0) || pwrite(file_of[2], data, size, 0) != (ssize_t)size)
		return 0;
	address[max] = 42;
	walk = stackwalk_create(get_file, NULL);
	n = stackwalk_unwind(walk, &c, map, (const uint8_t *)stack, address, max, &complete);
	if (n > max || address[max] != 42 || (complete && !n))
		abort();
	for (size_t i = 0; i < n; i++)
		if (!is_mapped(address[i] - !!i, map, c.n_maps))
			abort();
	stackwalk_destroy(walk);
	return 0;
}
