#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

/*
 * LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. At most ten
 * bytes. The same encoding as in protobuf and DWARF.
 */
#define VARINT_MAX 10

static inline size_t varint_put(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)v | 0x80;
	p[n++] = (uint8_t)v;
	return n;
}

/* Returns the bytes read, or 0 where [p, end) holds no whole number of 64 bits. */
static inline size_t varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v_ret)
{
	uint64_t v = 0;

	for (size_t n = 0; n < VARINT_MAX && p + n < end; n++) {
		uint64_t low = p[n] & 0x7f;

		if (n == VARINT_MAX - 1 && low > 1)
			return 0;
		v |= low << (7 * n);
		if (!(p[n] & 0x80)) {
			*v_ret = v;
			return n + 1;
		}
	}
	return 0;
}

#endif
