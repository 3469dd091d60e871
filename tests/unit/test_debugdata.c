#include "symbols/debugdata.h"
#include "tests/test.h"

#include <errno.h>
#include <lzma.h>

/* So many times the byte, packed. */
static void pack(uint64_t n, int byte, struct strbuf *xz)
{
	lzma_stream s = LZMA_STREAM_INIT;
	static uint8_t in[1 << 20], out[1 << 16];
	lzma_ret ret = lzma_easy_encoder(&s, 0, LZMA_CHECK_CRC32);

	memset(in, byte, sizeof(in));
	while (ret == LZMA_OK) {
		if (!s.avail_in && n) {
			s.next_in = in;
			s.avail_in = n < sizeof(in) ? n : sizeof(in);
			n -= s.avail_in;
		}
		s.next_out = out;
		s.avail_out = sizeof(out);
		ret = lzma_code(&s, n ? LZMA_RUN : LZMA_FINISH);
		strbuf_add(xz, out, sizeof(out) - s.avail_out);
	}
	CHECK(ret == LZMA_STREAM_END);
	lzma_end(&s);
}

TEST(what_was_packed_comes_out)
{
	struct strbuf xz = {0}, out = {0};

	pack(3000000, 'x', &xz);
	strbuf_adds(&out, "head");
	CHECK_EQ(debugdata_unpack(xz.data, xz.len, &out), 0);
	CHECK_EQ(out.len, 3000004);
	CHECK(!memcmp(out.data, "headxxx", 7) && out.data[3000003] == 'x');
	strbuf_deinit(&xz);
	strbuf_deinit(&out);
}

TEST(a_bomb_is_given_up)
{
	struct strbuf xz = {0}, out = {0};

	pack(DEBUGDATA_MAX_BYTES + 1ull, 0, &xz);
	CHECK_EQ(debugdata_unpack(xz.data, xz.len, &out), -EFBIG);
	CHECK(out.len <= DEBUGDATA_MAX_BYTES);
	strbuf_deinit(&xz);
	strbuf_deinit(&out);
}

TEST(damaged_bytes)
{
	struct strbuf xz = {0}, out = {0};

	pack(1000, 'x', &xz);
	CHECK_EQ(debugdata_unpack("", 0, &out), -EBADMSG);
	for (size_t i = 0; i < xz.len; i++) {
		strbuf_clear(&out);
		CHECK_EQ(debugdata_unpack(xz.data, i, &out), -EBADMSG);
		xz.data[i] ^= 0x40;
		CHECK_EQ(debugdata_unpack(xz.data, xz.len, &out), -EBADMSG);
		xz.data[i] ^= 0x40;
	}
	strbuf_deinit(&xz);
	strbuf_deinit(&out);
}

TEST_MAIN()
