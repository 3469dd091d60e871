#ifndef RENDER_SINK_H
#define RENDER_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "render/image.h"

/*
 * Where images go. Each kind has its own open function (sink_png.h, sink_mp4.h, sink_y4m.h), which
 * returns 0 and a sink, or a negative errno after it has printed one line that names the file and
 * the way out. Then images are pushed in order of time, the first at t_ns = 0, and the sink is
 * closed, which frees it whatever it returns:
 *
 *	sink_push(sink, img, &info);		the caller keeps his reference
 *	sink_close(sink, end_ns, true);		false: throw the output away
 *
 * An image that rests is pushed once: a sink of a film repeats it as its format needs. end_ns is
 * the film's length, later than the last t_ns.
 *
 * Nothing stands under the final name until sink_close(…, true) returned 0, but for a sequence of
 * files, in which each appears whole. Errors of push and close are printed by the sink, once, and
 * a sink that failed refuses what follows with the same error. A sink may own threads; push and
 * close belong to one thread.
 */
struct image_info {
	uint64_t t_ns;	  /* time in the film: shown from here on, until the next image */
	uint64_t time_ns; /* unix time that the image shows (end of its window) */
	uint64_t samples; /* in its window; or microseconds of blocked time */
	bool is_blocked_us;
	const char *options; /* picture options in words, for the file's metadata, or NULL;
				borrowed until the sink is closed */
	bool step_start;     /* a film step begins here: a good place to seek to */
};

/* How many images a sink holds at once at most, waiting or being read. */
#define SINK_HOLDS_MAX 5

struct sink;

struct sink_ops {
	int (*push)(struct sink *sink, struct image *img, const struct image_info *info);
	int (*close)(struct sink *sink, uint64_t end_ns, bool keep);
};

struct sink {
	const struct sink_ops *ops;
};

static inline int sink_push(struct sink *sink, struct image *img, const struct image_info *info)
{
	return sink->ops->push(sink, img, info);
}

static inline int sink_close(struct sink *sink, uint64_t end_ns, bool keep)
{
	return sink->ops->close(sink, end_ns, keep);
}

/* For the kinds of sink: prints the line of an error, and returns it. */
int sink_complain(const char *path, int err);
#define SINK_FPS_MAX 240
/* -EINVAL, after a line, where no film can have this size or rate. */
int sink_check_film(const char *path, int width, int height, int fps);

#endif
