#include "render/sink_y4m.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/outfile.h"
#include "base/xalloc.h"
#include "render/yuv.h"

#define FRAME_HEADER "FRAME\n"

struct sink_y4m {
	struct sink sink;
	char *path;
	struct outfile out; /* a file's; not open where it is stdout */
	int fd;
	int fps;
	uint8_t *buf; /* header of an image and its planes, as they are written */
	size_t size_bytes;
	struct yuv yuv;
	int64_t slot; /* the 1/fps from which on the last image is shown; -1: none yet */
	int err;
};

static int64_t slot_of(const struct sink_y4m *y4m, uint64_t t_ns)
{
	return (t_ns * y4m->fps + 500000000) / 1000000000;
}

static int fail(struct sink_y4m *y4m, int err)
{
	return y4m->err = sink_complain(y4m->path, err);
}

/* The last image, up to `slot`. */
static int show_until(struct sink_y4m *y4m, int64_t slot)
{
	for (; y4m->slot >= 0 && y4m->slot < slot; y4m->slot++) {
		int err = write_all(y4m->fd, y4m->buf, y4m->size_bytes);

		if (err)
			return fail(y4m, err);
	}
	y4m->slot = slot;
	return 0;
}

static int y4m_push(struct sink *sink, struct image *img, const struct image_info *info)
{
	struct sink_y4m *y4m = (struct sink_y4m *)sink;
	int64_t slot = slot_of(y4m, info->t_ns);

	if (y4m->err)
		return y4m->err;
	if (slot < y4m->slot || (y4m->slot < 0 && slot > 0))
		return fail(y4m, -ERANGE);
	if (show_until(y4m, slot))
		return y4m->err;
	yuv_from_image(&y4m->yuv, img);
	return 0;
}

static void y4m_free(struct sink_y4m *y4m)
{
	free(y4m->path);
	free(y4m->buf);
	free(y4m);
}

static int y4m_close(struct sink *sink, uint64_t end_ns, bool keep)
{
	struct sink_y4m *y4m = (struct sink_y4m *)sink;
	int64_t end = slot_of(y4m, end_ns);
	int err = keep ? y4m->err : 0;

	if (keep && !err && y4m->slot < 0)
		err = fail(y4m, -ENODATA);
	if (keep && !err)
		err = show_until(y4m, end > y4m->slot ? end : y4m->slot + 1);
	if (y4m->out.path) {
		if (keep && !err) {
			err = outfile_commit(&y4m->out);
			if (err)
				fail(y4m, err);
		} else {
			outfile_abort(&y4m->out);
		}
	}
	y4m_free(y4m);
	return err;
}

static const struct sink_ops y4m_ops = {.push = y4m_push, .close = y4m_close};

static void lay_out(struct sink_y4m *y4m, int width, int height)
{
	size_t n = (size_t)width * height, header = strlen(FRAME_HEADER);

	y4m->size_bytes = header + n + n / 2;
	y4m->buf = xmalloc(y4m->size_bytes);
	memcpy(y4m->buf, FRAME_HEADER, header);
	y4m->yuv = (struct yuv){.plane = {y4m->buf + header, y4m->buf + header + n,
					  y4m->buf + header + n + n / 4},
				.stride_bytes = {width, width / 2, width / 2}};
}

int sink_y4m_open(const char *path, const struct y4m_options *opt, struct sink **sink_ret)
{
	struct sink_y4m *y4m;
	char header[128];
	int err = sink_check_film(path, opt->width, opt->height, opt->fps);

	if (err)
		return err;
	y4m = xcalloc(1, sizeof(*y4m));
	*y4m = (struct sink_y4m){
	    .sink.ops = &y4m_ops, .path = xstrdup(path), .out.fd = -1, .fps = opt->fps, .slot = -1};
	if (strcmp(path, "-"))
		err = outfile_open(&y4m->out, path);
	y4m->fd = y4m->out.path ? y4m->out.fd : STDOUT_FILENO;
	if (!err) {
		snprintf(header, sizeof(header),
			 "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n",
			 opt->width, opt->height, opt->fps);
		err = write_all(y4m->fd, header, strlen(header));
	}
	if (err) {
		fail(y4m, err);
		outfile_abort(&y4m->out);
		y4m_free(y4m);
		return err;
	}
	lay_out(y4m, opt->width, opt->height);
	*sink_ret = &y4m->sink;
	return 0;
}
