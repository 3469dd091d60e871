#include "render/core/palette.h"

#define VARIANTS 6

const char *const palette_kind_names[BOX_KINDS] = {
    [FRAME_USER] = "user",	 [FRAME_KERNEL] = "kernel",  [FRAME_JIT] = "JIT",
    [FRAME_INLINED] = "inlined", [FRAME_MARK] = "truncated", [FRAME_UNNAMED] = "unnamed",
    [BOX_PROCESS] = "process",	 [BOX_ROOT] = "all",	     [BOX_SMALL] = "small",
};

/*
 * Base L, C, h: user .81 .098 75°, kernel .755 .072 250°, JIT .80 .085 148°, inlined .875 .065
 * 75°, unnamed .80 .008, marks .86 .004; then (hue, lightness) moved by (-6, 0) (-3, +.03)
 * (0, -.03) (+3, +.015) (+6, -.015) (0, +.04), the lightness of greys by half as much.
 */
static const uint32_t screen[FRAME_KINDS][VARIANTS] = {
    [FRAME_USER] = {0xefb676, 0xf7c17d, 0xe0af69, 0xedbf76, 0xe0b76c, 0xf8c67f},
    [FRAME_KERNEL] = {0x82b5e3, 0x8ebeee, 0x7faada, 0x90b7ea, 0x89ade1, 0x94c0f2},
    [FRAME_JIT] = {0x9bce95, 0xa1d8a1, 0x8ac592, 0x95d4a3, 0x88cb9d, 0xa0dca8},
    [FRAME_INLINED] = {0xf3cfa8, 0xfbd9b1, 0xe6c79d, 0xf3d6ab, 0xe7cda1, 0xfddeb3},
    [FRAME_UNNAMED] = {0xbabec3, 0xbfc3c8, 0xb6b9be, 0xbdc0c5, 0xb9bbc1, 0xc1c4c9},
    [FRAME_MARK] = {0xcfd1d3, 0xd4d6d8, 0xcacccf, 0xd2d3d6, 0xcdced1, 0xd6d7da},
};

/* Print tells the kinds apart by lightness alone. */
static const uint32_t print[FRAME_KINDS][VARIANTS] = {
    [FRAME_USER] = {0xdedede, 0xe2e2e2, 0xdadada, 0xe0e0e0, 0xdcdcdc, 0xe3e3e3},
    [FRAME_KERNEL] = {0xa4a4a4, 0xa8a8a8, 0xa1a1a1, 0xa6a6a6, 0xa3a3a3, 0xa9a9a9},
    [FRAME_JIT] = {0xbebebe, 0xc1c1c1, 0xbababa, 0xbfbfbf, 0xbcbcbc, 0xc3c3c3},
    [FRAME_INLINED] = {0xeeeeee, 0xf2f2f2, 0xeaeaea, 0xf0f0f0, 0xececec, 0xf4f4f4},
    [FRAME_UNNAMED] = {0xcecece, 0xd1d1d1, 0xcacaca, 0xcfcfcf, 0xcccccc, 0xd3d3d3},
    [FRAME_MARK] = {0xf5f5f5, 0xf9f9f9, 0xf1f1f1, 0xf7f7f7, 0xf3f3f3, 0xfafafa},
};

static const struct chrome chromes[] = {
    [THEME_LIGHT] = {0xffffff, 0x1b1f24, 0x57606a, 0xf3f5f7, 0x8a4b00, 0xb42318},
    [THEME_DARK] = {0x0e1116, 0xe9eef4, 0x9aa4b0, 0x171d25, 0xf5b44a, 0xff8f7d},
    [THEME_PRINT] = {0xffffff, 0x000000, 0x404040, 0xf4f4f4, 0x000000, 0x000000},
};

/* Process, root and small boxes. */
static const uint32_t neutral[][3] = {
    [THEME_LIGHT] = {0xc3c8ce, 0xd3d7dc, 0xe1e4e8},
    [THEME_DARK] = {0xaeb6bf, 0xc4cad1, 0x8d96a1},
    [THEME_PRINT] = {0xc8c8c8, 0xdadada, 0xececec},
};

const struct chrome *palette_chrome(enum theme theme)
{
	return &chromes[theme];
}

uint32_t palette_box(enum theme theme, enum box_kind kind, uint64_t name_hash)
{
	if (kind >= BOX_PROCESS)
		return neutral[theme][kind - BOX_PROCESS];
	return (theme == THEME_PRINT ? print : screen)[kind][name_hash % VARIANTS];
}

uint32_t palette_kind(enum theme theme, enum box_kind kind)
{
	return palette_box(theme, kind, 0);
}

uint32_t palette_mix(uint32_t a, uint32_t b, unsigned part)
{
	uint32_t mixed = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		uint32_t ca = a >> shift & 0xff, cb = b >> shift & 0xff;

		mixed |= ((ca * (256 - part) + cb * part + 128) >> 8) << shift;
	}
	return mixed;
}

/*
 * sRGB to linear light in 1/65536, between table points every 15 levels: exact enough for a
 * comparison, and the same on every machine.
 */
static uint32_t linear(uint32_t level)
{
	static const uint16_t at[] = {0,     313,   851,   1720,  2961,	 4611,
				      6700,  9258,  12309, 15878, 19987, 24658,
				      29911, 35764, 42236, 49344, 57105, 65535};
	uint32_t i = level / 15, rest = level % 15;

	return rest ? at[i] + (at[i + 1] - at[i]) * rest / 15 : at[i];
}

static uint32_t luminance(uint32_t c)
{
	return (linear(c >> 16 & 0xff) * 2126 + linear(c >> 8 & 0xff) * 7152 +
		linear(c & 0xff) * 722) /
	       10000;
}

unsigned palette_contrast(uint32_t a, uint32_t b)
{
	uint32_t la = luminance(a) + 3277, lb = luminance(b) + 3277;

	return la > lb ? la * 1000u / lb : lb * 1000u / la;
}

uint32_t palette_ink(uint32_t fill)
{
	const uint32_t dark = 0x17120c, white = 0xffffff;

	return palette_contrast(fill, dark) >= palette_contrast(fill, white) ? dark : white;
}
