#include "symbols/startup.h"

#include <stdbool.h>
#include <string.h>

/* Those that leave the stack pointer as it is. A zero of `mask` stands for any byte. */
static const struct plain {
	uint8_t size, byte[8], mask[8];
} plain[] = {
    {4, {0xf3, 0x0f, 0x1e, 0xfa}, {255, 255, 255, 255}},  /* endbr64 */
    {7, {0x48, 0x8b, 0x05}, {255, 255, 255, 0, 0, 0, 0}}, /* mov ADDR(%rip),%rax */
    {3, {0x48, 0x85, 0xc0}, {255, 255, 255}},		  /* test %rax,%rax */
    {4, {0x74, 0x02, 0xff, 0xd0}, {255, 255, 255, 255}},  /* je, over the next; call *%rax */
    {7, {0x74, 0x05, 0xe8}, {255, 255, 255, 0, 0, 0, 0}}  /* je, over the next; call ADDR */
};

/* How long the instruction is; 0: it is another. */
static size_t plain_size(const uint8_t *p, size_t left)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		size_t k = 0;

		while (k < plain[i].size && k < left &&
		       !((p[k] ^ plain[i].byte[k]) & plain[i].mask[k]))
			k++;
		if (k == plain[i].size)
			return k;
	}
	return 0;
}

/* sub and add of a small number to rsp: how much further the caller is then. */
static bool moves(const uint8_t *p, size_t left, int32_t *by_ret)
{
	if (left < 4 || p[0] != 0x48 || p[1] != 0x83 || (p[2] != 0xec && p[2] != 0xc4) ||
	    p[3] >= 0x80 || p[3] % 8)
		return false;
	*by_ret = p[2] == 0xec ? p[3] : -(int32_t)p[3];
	return true;
}

size_t startup_rows(const uint8_t *code, size_t size, struct startup_row row[STARTUP_ROWS_MAX])
{
	size_t n = 1, at = 0, step;
	int32_t cfa = 8, by;

	row[0] = (struct startup_row){0, 8};
	for (size = size < STARTUP_BYTES_MAX ? size : STARTUP_BYTES_MAX; at < size; at += step) {
		const uint8_t *p = code + at;

		if (*p == 0xc3 && cfa == 8) {
			row[n++] = (struct startup_row){at + 1, 0};
			return n;
		}
		step = plain_size(p, size - at);
		if (step)
			continue;
		step = 4;
		if (!moves(p, size - at, &by) || cfa + by < 8 || n >= STARTUP_ROWS_MAX - 1)
			return 0;
		cfa += by;
		row[n++] = (struct startup_row){at + step, cfa};
	}
	return 0;
}
