#ifndef RENDER_CORE_PALETTE_H
#define RENDER_CORE_PALETTE_H

#include <stdint.h>

#include "profile/dict.h"
#include "render/options.h"

/*
 * Colours, as 0xRRGGBB. The hue of a box says its kind: kernel blue, native user code amber, JIT
 * green, inlined lighter, unnamed grey, process and root neutral. Inside a kind the hash of the
 * name picks one of six neighbours (hue ±6°, lightness ±4 of 100), so that boxes can be told
 * apart and a function looks the same in every film. Chosen in OKLCH (Ottosson, 2020) with a
 * chroma of at most 0.12, which survives the halved colour resolution of video.
 */
enum box_kind {
	/* 0 … FRAME_KINDS - 1: a frame of that kind */
	BOX_PROCESS = FRAME_KINDS,
	BOX_ROOT,
	BOX_SMALL, /* many boxes too small to be drawn, in one */
	BOX_KINDS
};

/* What is not a box. */
struct chrome {
	uint32_t background, text, muted, band, warning, accent;
};

const struct chrome *palette_chrome(enum theme theme);
uint32_t palette_box(enum theme theme, enum box_kind kind, uint64_t name_hash);
/* The middle colour of a kind, for legend and strip. */
uint32_t palette_kind(enum theme theme, enum box_kind kind);
/* Black or white, whichever can be read better on the fill; always ≥ 4.5 : 1. */
uint32_t palette_ink(uint32_t fill);
/* a + (b - a) · part / 256. */
uint32_t palette_mix(uint32_t a, uint32_t b, unsigned part);
/* 1000 × the contrast ratio of WCAG 2.1. */
unsigned palette_contrast(uint32_t a, uint32_t b);

/* Names of kinds in legends: "kernel", "user", … */
extern const char *const palette_kind_names[BOX_KINDS];

#endif
