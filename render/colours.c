#include "render/colours.h"

#include <string.h>

void colours_clear(struct colours *c)
{
	c->n = 0;
	memset(c->memo, 0, sizeof(c->memo));
}

/* Green counts most, as to the eye. */
static uint32_t distance(uint32_t a, uint32_t b)
{
	int32_t red = (int32_t)(a >> 16 & 0xff) - (int32_t)(b >> 16 & 0xff);
	int32_t green = (int32_t)(a >> 8 & 0xff) - (int32_t)(b >> 8 & 0xff);
	int32_t blue = (int32_t)(a & 0xff) - (int32_t)(b & 0xff);

	return 2 * red * red + 4 * green * green + blue * blue;
}

static unsigned nearest(const struct colours *c, uint32_t rgb)
{
	uint32_t least = UINT32_MAX;
	unsigned best = 0;

	for (unsigned i = 0; i < c->n && least; i++) {
		uint32_t d = distance(c->rgb[i], rgb);

		if (d < least) {
			least = d;
			best = i;
		}
	}
	return best;
}

static unsigned find_or_add(struct colours *c, uint32_t rgb)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->rgb[i] == rgb)
			return i;
	if (c->n == COLOURS_MAX)
		return nearest(c, rgb);
	c->rgb[c->n] = rgb;
	return c->n++;
}

uint8_t colours_number(struct colours *c, uint32_t rgb)
{
	uint32_t slot;

	rgb &= 0xffffff;
	slot = rgb * 0x9e3779b1u / (UINT32_MAX / COLOURS_MEMO + 1);
	if (c->memo[slot].rgb != (rgb | COLOURS_KNOWN)) {
		c->memo[slot].number = find_or_add(c, rgb);
		c->memo[slot].rgb = rgb | COLOURS_KNOWN;
	}
	return c->memo[slot].number;
}
