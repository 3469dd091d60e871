#include "symbols/debugdata.h"

#include <errno.h>
#include <lzma.h>
#include <stdint.h>

/* What `xz -9` needs to unpack is 65 MB. */
#define UNPACK_MEMORY_BYTES (192u << 20)

static int unpack(lzma_stream *s, struct strbuf *out)
{
	uint8_t piece[65536];
	lzma_ret ret;

	do {
		s->next_out = piece;
		s->avail_out = sizeof(piece);
		ret = lzma_code(s, LZMA_FINISH);
		if (s->total_out > DEBUGDATA_MAX_BYTES)
			return -EFBIG;
		strbuf_add(out, piece, sizeof(piece) - s->avail_out);
	} while (ret == LZMA_OK);
	return ret == LZMA_STREAM_END ? 0 : -EBADMSG;
}

int debugdata_unpack(const void *xz, size_t size, struct strbuf *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	int err;

	if (lzma_stream_decoder(&s, UNPACK_MEMORY_BYTES, 0) != LZMA_OK)
		return -EBADMSG;
	s.next_in = xz;
	s.avail_in = size;
	err = unpack(&s, out);
	lzma_end(&s);
	return err;
}
