#ifndef RENDER_SINK_MP4_H
#define RENDER_SINK_MP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/sink.h"

/*
 * The film: H.264 High (ITU-T H.264) by libx264 in an MP4 (ISO/IEC 14496-12, -14), through
 * libavcodec and libavformat. 4:2:0, BT.709 by render/yuv.h and tagged so in the stream and in the
 * container; the index stands in front of the data. Pushing converts the image, keeps no reference
 * to it, and hands it to a thread that encodes; it waits where that is some images behind.
 *
 * Each image has its true time, to 1/90,000 s. One that rests is repeated after half a second
 * (which costs next to nothing), and the last one once more shortly before the end, since players
 * pass over the last duration; the film lasts until end_ns exactly. With `cfr` there is an image
 * for every 1/fps instead, the one whose time is nearest; two that fall on the same time: the later
 * one.
 *
 * One can seek to the first image, to the first start of a step (image_info.step_start) that is 2 s
 * or more after the last such place, and to some image at least every 10 s. No image refers to one
 * before such a place.
 *
 * The same images give the same bytes with the same number of x264's threads and the same versions
 * of the libraries, on any machine; another number finds slightly other pixels, never other times.
 */
/* Where a player can jump to: borrowed, in order of time. */
struct mp4_chapter {
	uint64_t t_ns; /* of the film */
	const char *title;
};

struct mp4_options {
	int width, height; /* px, even */
	int fps;	   /* of motion: 1…240 */
	bool cfr;
	int n_threads;	     /* of x264; 0: half as many again as CPUs that may be used */
	uint64_t time_ns;    /* when it was recorded, unix: the file's creation time; 0: none */
	const char *title;   /* or NULL */
	const char *comment; /* or NULL */
	const struct mp4_chapter *chapter;
	size_t n_chapters;
	uint64_t length_ns; /* of the film, at which its last chapter ends */
};

/* The linked FFmpeg can encode it. */
bool sink_mp4_available(void);

int sink_mp4_open(const char *path, const struct mp4_options *opt, struct sink **sink_ret);

#endif
