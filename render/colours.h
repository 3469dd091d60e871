#ifndef RENDER_COLOURS_H
#define RENDER_COLOURS_H

#include <stdint.h>

/*
 * The colours of one image: a table that grows as it is drawn, so that a pixel is one byte and a
 * picture with a palette needs no search for one. A colour gets its number when it is first asked
 * for: the numbers depend on the order of drawing alone, never on an earlier image.
 *
 * A flame graph has some dozens of fills, and the shades between them and their text. Should it ask
 * for more than fit, then the nearest of those that are there stands for each further colour: draw
 * first what must be exact. Integers alone, the earlier of equals.
 */
#define COLOURS_MAX   256
#define COLOURS_MEMO  512
#define COLOURS_KNOWN 0x01000000u

struct colours {
	uint32_t rgb[COLOURS_MAX]; /* 0x00RRGGBB */
	unsigned n;
	/* Answers given before, at a hash of the colour. */
	struct {
		uint32_t rgb; /* COLOURS_KNOWN set where there is one */
		uint8_t number;
	} memo[COLOURS_MEMO];
};

void colours_clear(struct colours *c);

/* The number of a colour (its top byte means nothing), or of the nearest where none is free. */
uint8_t colours_number(struct colours *c, uint32_t rgb);

#endif
