#ifndef IMPORT_FRAMES_H
#define IMPORT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "profile/dict.h"

/*
 * From the name of a frame in foreign text to the frame's number in a dict. Each distinct name is
 * looked at once: cleaned (base/utf8.h), and its kind read from how it is written
 * (profile/kind.h).
 *
 * The names are kept as they were written beside the dict until frames_deinit(). What they take is
 * bounded: once FRAMES_MAX_BYTES are full, a new name is FRAMES_FULL.
 */
#define FRAMES_MAX_BYTES (1u << 30)
#define FRAMES_FULL	 UINT32_MAX

/* Byte strings, numbered from 0 in the order of first sight. */
struct frames_set {
	char *text;
	size_t text_len, text_cap;
	struct frames_name {
		uint32_t at, len;
		uint32_t id[2]; /* in the dict; FRAMES_FULL: not looked up yet */
	} * name;
	size_t n, cap;
	struct index ix;
};

struct frames {
	struct dict *dict; /* the caller's */
	struct frames_set frame, process;
	struct strbuf clean;
};

void frames_init(struct frames *f, struct dict *dict);
void frames_deinit(struct frames *f);

/*
 * The frame of this name. `in_kernel` says that where it stands tells that it is kernel code, so
 * that a name without a suffix is FRAME_KERNEL.
 */
uint32_t frames_find(struct frames *f, const char *name, size_t len, bool in_kernel);

/* The process of this name, with pid 0: one for each name; process 0 for the empty one. */
uint32_t frames_process(struct frames *f, const char *name, size_t len);

#endif
