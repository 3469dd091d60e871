#ifndef TESTS_FILM_H
#define TESTS_FILM_H

/* A film, decoded by libav, for tests of the sinks that write one. */

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FILM_MAX 4096

struct film_image {
	int64_t t_ns;
	bool is_key;
	uint8_t y, cb, cr; /* in the middle */
};

struct film {
	AVCodecParameters *par;
	int64_t duration_ns, stream_duration_ns, last_duration_ns;
	char title[64], comment[64], created[64];
	int n;
	struct film_image image[FILM_MAX];
};

static void film_add(struct film *f, const AVFrame *frame, AVRational base)
{
	struct film_image *i = &f->image[f->n++];
	int x = frame->width / 2, y = frame->height / 2;

	i->t_ns = av_rescale_q(frame->best_effort_timestamp, base, (AVRational){1, 1000000000});
#ifdef AV_FRAME_FLAG_KEY
	i->is_key = frame->flags & AV_FRAME_FLAG_KEY;
#else
	i->is_key = frame->key_frame;
#endif
	i->y = frame->data[0][y * frame->linesize[0] + x];
	i->cb = frame->data[1][y / 2 * frame->linesize[1] + x / 2];
	i->cr = frame->data[2][y / 2 * frame->linesize[2] + x / 2];
}

static void film_tag(char to[64], AVDictionary *meta, const char *key)
{
	AVDictionaryEntry *e = av_dict_get(meta, key, NULL, 0);

	snprintf(to, 64, "%s", e ? e->value : "");
}

/* False where it cannot be opened or decoded. */
static bool film_read(struct film *f, const char *path)
{
	AVFormatContext *in = NULL;
	AVCodecContext *dec = NULL;
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	AVStream *st;
	bool ok = false;

	memset(f, 0, sizeof(*f));
	if (avformat_open_input(&in, path, NULL, NULL) || avformat_find_stream_info(in, NULL) < 0)
		goto out;
	st = in->streams[0];
	dec = avcodec_alloc_context3(avcodec_find_decoder(st->codecpar->codec_id));
	avcodec_parameters_to_context(dec, st->codecpar);
	f->par = avcodec_parameters_alloc();
	avcodec_parameters_copy(f->par, st->codecpar);
	f->duration_ns = in->duration * 1000;
	f->stream_duration_ns =
	    av_rescale_q(st->duration, st->time_base, (AVRational){1, 1000000000});
	film_tag(f->title, in->metadata, "title");
	film_tag(f->comment, in->metadata, "comment");
	film_tag(f->created, in->metadata, "creation_time");
	if (avcodec_open2(dec, NULL, NULL))
		goto out;
	for (bool end = false; !end;) {
		end = av_read_frame(in, packet) < 0;
		if (!end)
			f->last_duration_ns = av_rescale_q(packet->duration, st->time_base,
							   (AVRational){1, 1000000000});
		if (avcodec_send_packet(dec, end ? NULL : packet))
			goto out;
		av_packet_unref(packet);
		while (f->n < FILM_MAX && !avcodec_receive_frame(dec, frame))
			film_add(f, frame, st->time_base);
	}
	ok = true;
out:
	av_packet_free(&packet);
	av_frame_free(&frame);
	avcodec_free_context(&dec);
	avformat_close_input(&in);
	return ok;
}

static void film_deinit(struct film *f)
{
	avcodec_parameters_free(&f->par);
}

/* What BT.709 makes of a colour, in doubles. */
static inline void film_expect(uint32_t rgb, double ycc[3])
{
	double r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
	double y = .2126 * r + .7152 * g + .0722 * b;

	ycc[0] = 16 + 219 / 255. * y;
	ycc[1] = 128 + 224 / 255. * (b - y) / 1.8556;
	ycc[2] = 128 + 224 / 255. * (r - y) / 1.5748;
}

static inline bool film_shows(const struct film_image *i, uint32_t rgb, double within)
{
	double ycc[3];

	film_expect(rgb, ycc);
	return i->y > ycc[0] - within && i->y < ycc[0] + within && i->cb > ycc[1] - within &&
	       i->cb < ycc[1] + within && i->cr > ycc[2] - within && i->cr < ycc[2] + within;
}

#endif
