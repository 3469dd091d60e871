#include "render/sink.h"

#include <errno.h>

#include "base/log.h"
#include "base/outfile.h"

int sink_complain(const char *path, int err)
{
	const char *why;

	switch (err) {
	case -ENODATA:
		why = "no image came";
		break;
	case -ERANGE:
		why = "images out of order of time";
		break;
	case -EPIPE:
		why = "whoever read it has gone";
		break;
	default:
		why = outfile_why(err);
	}
	log_error("cannot write '%s': %s", path, why);
	return err;
}

int sink_check_film(const char *path, int width, int height, int fps)
{
	if (!image_size_ok(width, height)) {
		log_error("'%s': %d×%d is no size for a film: both must be even, and at most %d",
			  path, width, height, IMAGE_SIZE_MAX);
		return -EINVAL;
	}
	if (fps < 1 || fps > SINK_FPS_MAX) {
		log_error("'%s': %d images a second is not within 1…%d", path, fps, SINK_FPS_MAX);
		return -EINVAL;
	}
	return 0;
}
