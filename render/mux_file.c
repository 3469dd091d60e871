#include "render/mux_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/outfile.h"
#include "base/xalloc.h"

#define IO_BYTES (1 << 18)

/* It opens the file a second time, for reading, to move the data behind the index. */
struct reader {
	int fd;
	int64_t at;
};

#if LIBAVFORMAT_VERSION_MAJOR >= 61
#define WRITE_CONST const
#else
#define WRITE_CONST
#endif

static int io_write(void *opaque, WRITE_CONST uint8_t *data, int size)
{
	int err = write_all(*(const int *)opaque, data, size);

	return err ? AVERROR(-err) : size;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
	off_t at = whence == AVSEEK_SIZE ? -1 : lseek(*(const int *)opaque, offset, whence);

	return at < 0 ? AVERROR(ENOSYS) : at;
}

static int io_read(void *opaque, uint8_t *data, int size)
{
	struct reader *reader = opaque;
	ssize_t n = pread(reader->fd, data, size, reader->at);

	if (n <= 0)
		return n ? AVERROR(errno) : AVERROR_EOF;
	reader->at += n;
	return n;
}

static int64_t io_read_seek(void *opaque, int64_t offset, int whence)
{
	struct reader *reader = opaque;

	if (whence != SEEK_SET)
		return AVERROR(ENOSYS);
	return reader->at = offset;
}

static int io_open(AVFormatContext *mux, AVIOContext **pb, const char *url, int flags,
		   AVDictionary **options)
{
	struct reader *reader;

	(void)url;
	(void)options;
	if (flags != AVIO_FLAG_READ)
		return AVERROR(ENOSYS);
	reader = xcalloc(1, sizeof(*reader));
	reader->fd = *(const int *)mux->opaque;
	*pb = avio_alloc_context(av_malloc(IO_BYTES), IO_BYTES, 0, reader, io_read, NULL,
				 io_read_seek);
	return *pb ? 0 : AVERROR(ENOMEM);
}

void mux_file_close(AVIOContext **pb)
{
	if (*pb)
		av_freep(&(*pb)->buffer);
	avio_context_free(pb);
}

static int io_close(AVFormatContext *mux, AVIOContext *pb)
{
	(void)mux;
	free(pb->opaque);
	mux_file_close(&pb);
	return 0;
}

bool mux_file_open(AVFormatContext *mux, int *fd)
{
	mux->opaque = fd;
	mux->io_open = io_open;
	mux->io_close2 = io_close;
	mux->flags |= AVFMT_FLAG_CUSTOM_IO;
	mux->pb = avio_alloc_context(av_malloc(IO_BYTES), IO_BYTES, 1, fd, NULL, io_write, io_seek);
	return mux->pb != NULL;
}
