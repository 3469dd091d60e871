#ifndef RENDER_SINK_PNG_H
#define RENDER_SINK_PNG_H

#include "render/sink.h"

/*
 * PNG files (render/png.h), each with the texts Software, "Snapshot Time" (image_info.time_ns, ISO
 * 8601, UTC), Samples or "Blocked Microseconds", and Options; no paths, and no clock of this
 * machine.
 *
 * A sequence: one file per pushed image, numbered from 0 in the order of pushing; t_ns and end_ns
 * do not matter. The pattern's file name holds exactly one %d or %0Nd (and %% for a percent sign);
 * its folders are made. Two threads encode; files appear whole and in order, so that those that
 * stand are always the first ones. Numbers beyond N digits get longer.
 * Files of an earlier, longer sequence under the same pattern stay: they belong to the user. The
 * sink says so when it closes, since a player of the pattern would run on into them. What killed
 * writers of the pattern left half-written is removed.
 *
 * sink_close(…, false) of a sequence stops, and keeps the files that stand.
 */
int sink_png_open(const char *pattern, struct sink **sink_ret);

/* One file for exactly one image; a second one is refused. Its folder exists. */
int sink_png_open_still(const char *path, struct sink **sink_ret);

#endif
