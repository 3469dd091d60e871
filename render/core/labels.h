#ifndef RENDER_CORE_LABELS_H
#define RENDER_CORE_LABELS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Names made to fit. Widths come from a table of glyph advances, so that the same form is chosen
 * wherever the core runs, with whatever draws the glyphs.
 */

/* Advance of each character of the basic plane in 1/4096 em; others are as wide as `other`. */
struct advances {
	uint16_t of[0x10000];
	uint16_t other;
};

#define LABEL_MAX_CELLS 60 /* characters in a label; the whole name is told elsewhere */
#define LABEL_MAX_BYTES (4 * LABEL_MAX_CELLS + 8)

/* Width of len bytes of UTF-8, in 1/64 px at a font size of size_px. */
uint32_t label_width_64(const struct advances *adv, int size_px, const char *text, size_t len);

/*
 * Writes the longest form of a function's name that is at most max_px wide: the whole name, without
 * template arguments and parameters, its last two path components, its last, cut with an ellipsis
 * (in the middle from 12 characters on), or nothing where not even three characters fit. Returns
 * the bytes in buf (LABEL_MAX_BYTES), which is NUL-terminated.
 */
size_t label_fit(const struct advances *adv, int size_px, int max_px, const char *name, char *buf);

/* The same for what is no function, such as a command or a title: whole, or cut. */
size_t label_cut(const struct advances *adv, int size_px, int max_px, const char *name, char *buf);

/*
 * The same for a chain of functions that share a box, outermost first: all of them joined by " ▸ ",
 * or "··· " and as many of the innermost as fit.
 */
size_t label_fit_chain(const struct advances *adv, int size_px, int max_px, const char *const *name,
		       size_t n, char *buf);

/*
 * The name under which a function is one and the same in all images: without addresses, "+0x…",
 * and the suffixes compilers put on copies (.constprop.0 .isra.0 .part.1 .cold .llvm.123). Returns
 * the bytes in buf, at most len.
 */
size_t label_normalise(const char *name, size_t len, char *buf);

#endif
