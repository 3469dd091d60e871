#include "export/textout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define BLOCK_BYTES (1u << 20)

static bool is_stdout(const struct textout *out)
{
	return !strcmp(out->path, "-");
}

static int failed(const struct textout *out, int err)
{
	if (err && err != -EPIPE)
		log_error("cannot write %s%s%s: %s", is_stdout(out) ? "to stdout" : "'",
			  is_stdout(out) ? "" : out->path, is_stdout(out) ? "" : "'",
			  outfile_why(err));
	return err;
}

int textout_open(struct textout *out, const char *path)
{
	*out = (struct textout){.path = path, .file = {.fd = STDOUT_FILENO}};
	return is_stdout(out) ? 0 : failed(out, outfile_open(&out->file, path));
}

static int flush(struct textout *out)
{
	int err = write_all(out->file.fd, strbuf_str(&out->buf), out->buf.len);

	strbuf_clear(&out->buf);
	return failed(out, err);
}

int textout_flow(struct textout *out)
{
	return out->buf.len < BLOCK_BYTES ? 0 : flush(out);
}

int textout_close(struct textout *out, int err)
{
	if (!err)
		err = flush(out);
	strbuf_deinit(&out->buf);
	if (is_stdout(out))
		return err;
	if (err) {
		outfile_abort(&out->file);
		return err;
	}
	return failed(out, outfile_commit(&out->file));
}
