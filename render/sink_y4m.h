#ifndef RENDER_SINK_Y4M_H
#define RENDER_SINK_Y4M_H

#include "render/sink.h"

/*
 * The film without compression, for other encoders: YUV4MPEG2 (yuv4mpeg(5) of mjpegtools), 4:2:0,
 * limited range, BT.709 (render/yuv.h), which the format cannot say of itself: tell the encoder.
 * Its chroma lies in the middle of four pixels, hence C420jpeg, a name that says nothing of range.
 *
 * The rate is constant: an image is written once for each 1/fps in which it is shown, from the
 * nearest such time on. Two that fall on the same time: the later one is shown.
 *
 * Pushing writes, and waits for whoever reads at the other end.
 */
struct y4m_options {
	int width, height; /* px, even */
	int fps;
};

/* "-": stdout, to which nothing else may write. */
int sink_y4m_open(const char *path, const struct y4m_options *opt, struct sink **sink_ret);

#endif
