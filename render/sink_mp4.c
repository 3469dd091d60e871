#include "render/sink_mp4.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outfile.h"
#include "base/xalloc.h"
#include "render/mux_file.h"
#include "render/yuv.h"

#define TICK_HZ	    90000
#define STEP_KEY_S  2  /* from one key image to the next, at least, at the start of a step */
#define MAX_KEY_S   10 /* and at most, wherever it is */
#define THREADS_MAX 16

/* What makes a film of this kind; another kind is another one of these. */
struct format {
	const char *encoder, *muxer;
	enum AVPixelFormat pixels;
	const char *encoder_options, *muxer_options; /* key=value:… */
	const char *missing;			     /* the way out */
};

/*
 * Key images are placed by us alone: hence no scene cuts, and no longest distance in
 * open_encoder(). Without B-frames the order of decoding is that of showing, so that durations are
 * true even for a player that ignores edit lists; they would save 7 % of the bytes and cost 45 %
 * more time (measured with the tweening flame graphs of tests/bench).
 */
static const struct format h264 = {
    .encoder = "libx264",
    .muxer = "mp4",
    .pixels = AV_PIX_FMT_YUV420P,
    .encoder_options = "preset=veryfast:crf=20:profile=high:"
		       "x264-params=scenecut=0\\:bframes=0",
    .muxer_options = "movflags=+faststart+write_colr",
    .missing = "install one that has it (Debian: libavcodec59, Fedora: ffmpeg-libs of RPM Fusion)",
};

/* An image on its way to the encoder. */
struct slot {
	AVFrame *frame;
	int64_t at; /* ticks: shown from here on */
	bool step_start;
};

/* One that is shown, and some to come, so that neither side waits for a hiccup of the other. */
#define N_SLOTS 4

struct sink_mp4 {
	struct sink sink;
	struct mp4_options opt;
	int tick_hz; /* what the encoder counts in: with cfr, 1/fps */
	pthread_t thread;

	/* Slots go round: push() fills them, the thread takes them and hands them back. */
	struct slot slot[N_SLOTS];
	int64_t last_at; /* of the last one filled; -1: none */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t n_filled, n_taken, n_back;
	bool ended;
	int err;

	/* The rest belongs to the thread, and after it ended to whoever closes. */
	struct outfile out;
	AVFormatContext *mux;
	AVStream *stream;
	AVCodecContext *encoder;
	AVPacket *packet;
	const struct slot *shown; /* the last image; NULL: none yet */
	int64_t sent;		  /* ticks: what the encoder got last; -1: nothing */
	int64_t key;		  /* the last key image; -1: none */
	int64_t end;		  /* of the film; -1: not known yet */
};

/* Foreign codes that are no errno have four letters in them. */
static int to_errno(int err)
{
	if (err >= 0)
		return 0;
	if (err == AVERROR_ENCODER_NOT_FOUND || err == AVERROR_MUXER_NOT_FOUND)
		return -ENOSYS;
	return err > -4096 ? err : -EIO;
}

static int64_t ticks(const struct sink_mp4 *mp4, uint64_t t_ns)
{
	return av_rescale(t_ns, mp4->tick_hz, 1000000000);
}

/* How long an image may last in the file; with cfr it is always as long. */
static int rest_ticks(const struct sink_mp4 *mp4)
{
	return mp4->opt.cfr ? 1 : mp4->tick_hz / 2;
}

/*
 * Takes from the encoder what is ready, up to its end where it was told so. What io_write() said
 * comes back from libavformat, of the trailer at the latest.
 */
static int write_packets(struct sink_mp4 *mp4)
{
	for (;;) {
		int err = avcodec_receive_packet(mp4->encoder, mp4->packet);

		if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
			return 0;
		if (err)
			return to_errno(err);
		/* Only the last one's counts: the others last until the next. */
		mp4->packet->duration = mp4->packet->pts == mp4->sent && mp4->end > mp4->sent
					    ? mp4->end - mp4->sent
					    : 1;
		mp4->packet->stream_index = mp4->stream->index;
		av_packet_rescale_ts(mp4->packet, mp4->encoder->time_base, mp4->stream->time_base);
		err = av_write_frame(mp4->mux, mp4->packet);
		av_packet_unref(mp4->packet);
		if (err)
			return to_errno(err);
	}
}

/* Sends the image that is shown once more. */
static int send(struct sink_mp4 *mp4, int64_t at, bool step_start)
{
	int64_t since_key = at - mp4->key;
	bool key = mp4->key < 0 || since_key >= MAX_KEY_S * mp4->tick_hz - rest_ticks(mp4) ||
		   (step_start && since_key >= STEP_KEY_S * mp4->tick_hz);
	AVFrame *frame = mp4->shown->frame;
	int err;

	frame->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	frame->pts = mp4->sent = at;
	if (key)
		mp4->key = at;
	err = avcodec_send_frame(mp4->encoder, frame);
	return err ? to_errno(err) : write_packets(mp4);
}

/* Sends the image that is shown for its time, as often as that takes. */
static int show_until(struct sink_mp4 *mp4, int64_t next)
{
	int64_t rest = rest_ticks(mp4);
	int err = send(mp4, mp4->shown->at, mp4->shown->step_start);

	while (!err && next - mp4->sent > rest)
		err = send(mp4, mp4->sent + rest, false);
	return err;
}

/* The first error stays, and is told. */
static int fail(struct sink_mp4 *mp4, int err)
{
	bool first;

	pthread_mutex_lock(&mp4->lock);
	first = !mp4->err;
	if (first)
		mp4->err = err;
	err = mp4->err;
	pthread_cond_broadcast(&mp4->changed);
	pthread_mutex_unlock(&mp4->lock);
	return first && err != -ECANCELED ? sink_complain(mp4->out.path, err) : err;
}

static struct slot *take(struct sink_mp4 *mp4)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&mp4->lock);
	while (!mp4->err && !mp4->ended && mp4->n_taken == mp4->n_filled)
		pthread_cond_wait(&mp4->changed, &mp4->lock);
	if (!mp4->err && mp4->n_taken < mp4->n_filled)
		slot = &mp4->slot[mp4->n_taken++ % N_SLOTS];
	pthread_mutex_unlock(&mp4->lock);
	return slot;
}

static void hand_back(struct sink_mp4 *mp4)
{
	pthread_mutex_lock(&mp4->lock);
	mp4->n_back++;
	pthread_cond_broadcast(&mp4->changed);
	pthread_mutex_unlock(&mp4->lock);
}

static void *run(void *arg)
{
	struct sink_mp4 *mp4 = arg;
	struct slot *slot;

	while ((slot = take(mp4))) {
		const struct slot *before = mp4->shown;
		int err = 0;

		if (before && before->at == slot->at)
			slot->step_start |= before->step_start;
		else if (before)
			err = show_until(mp4, slot->at);
		mp4->shown = slot;
		if (before)
			hand_back(mp4);
		if (err)
			fail(mp4, err);
	}
	return NULL;
}

/* Should the encoder still read the pixels that were in it, then it keeps them. */
static int convert(struct sink_mp4 *mp4, AVFrame *frame, const struct image *img)
{
	struct yuv yuv;

	if (!av_frame_is_writable(frame)) {
		av_frame_unref(frame);
		frame->format = mp4->encoder->pix_fmt;
		frame->width = mp4->opt.width;
		frame->height = mp4->opt.height;
		if (av_frame_get_buffer(frame, 0))
			return -ENOMEM;
	}
	for (int i = 0; i < YUV_PLANES; i++) {
		yuv.plane[i] = frame->data[i];
		yuv.stride_bytes[i] = frame->linesize[i];
	}
	yuv_from_image(&yuv, img);
	return 0;
}

static bool in_order(const struct sink_mp4 *mp4, int64_t at)
{
	if (mp4->last_at < 0)
		return at == 0;
	return at > mp4->last_at || (at == mp4->last_at && mp4->opt.cfr);
}

/* Converts here and not in the thread, where the encoder would stand idle meanwhile. */
static int mp4_push(struct sink *sink, struct image *img, const struct image_info *info)
{
	struct sink_mp4 *mp4 = (struct sink_mp4 *)sink;
	int64_t at = ticks(mp4, info->t_ns);
	struct slot *slot;
	int err;

	pthread_mutex_lock(&mp4->lock);
	while (!mp4->err && mp4->n_filled - mp4->n_back == N_SLOTS)
		pthread_cond_wait(&mp4->changed, &mp4->lock);
	err = mp4->err;
	pthread_mutex_unlock(&mp4->lock);
	if (err)
		return err;
	slot = &mp4->slot[mp4->n_filled % N_SLOTS];
	err = in_order(mp4, at) ? convert(mp4, slot->frame, img) : -ERANGE;
	if (err)
		return fail(mp4, err);
	slot->at = mp4->last_at = at;
	slot->step_start = info->step_start;
	pthread_mutex_lock(&mp4->lock);
	mp4->n_filled++;
	pthread_cond_broadcast(&mp4->changed);
	pthread_mutex_unlock(&mp4->lock);
	return 0;
}

/*
 * The rest of the last image, all that the encoder still has, and the index. The image stands there
 * once more before the end, so that a player that passes over the last duration loses 1/fps.
 */
static int finish(struct sink_mp4 *mp4, uint64_t end_ns)
{
	int64_t period = mp4->tick_hz / mp4->opt.fps, tail;
	int err;

	if (!mp4->shown)
		return -ENODATA;
	mp4->end = ticks(mp4, end_ns);
	if (mp4->end < mp4->shown->at + period)
		mp4->end = mp4->shown->at + period;
	err = show_until(mp4, mp4->end);
	tail = mp4->end - period > mp4->sent ? mp4->end - period : (mp4->sent + mp4->end) / 2;
	if (!err && tail > mp4->sent)
		err = send(mp4, tail, false);
	if (!err)
		err = to_errno(avcodec_send_frame(mp4->encoder, NULL));
	if (!err)
		err = write_packets(mp4);
	if (!err)
		err = to_errno(av_write_trailer(mp4->mux));
	return err;
}

/* outfile_commit() forgets the name, which an error would have to tell. */
static int commit(struct sink_mp4 *mp4)
{
	char *path = xstrdup(mp4->out.path);
	int err = outfile_commit(&mp4->out);

	if (err)
		sink_complain(path, err);
	free(path);
	return err;
}

static void mp4_free(struct sink_mp4 *mp4)
{
	for (int i = 0; i < N_SLOTS; i++)
		av_frame_free(&mp4->slot[i].frame);
	av_packet_free(&mp4->packet);
	avcodec_free_context(&mp4->encoder);
	if (mp4->mux)
		mux_file_close(&mp4->mux->pb);
	avformat_free_context(mp4->mux);
	outfile_abort(&mp4->out);
	pthread_cond_destroy(&mp4->changed);
	pthread_mutex_destroy(&mp4->lock);
	free(mp4);
}

static int mp4_close(struct sink *sink, uint64_t end_ns, bool keep)
{
	struct sink_mp4 *mp4 = (struct sink_mp4 *)sink;
	int err;

	if (!keep)
		fail(mp4, -ECANCELED);
	pthread_mutex_lock(&mp4->lock);
	mp4->ended = true;
	pthread_cond_broadcast(&mp4->changed);
	pthread_mutex_unlock(&mp4->lock);
	pthread_join(mp4->thread, NULL);
	err = mp4->err;
	if (!err) {
		err = finish(mp4, end_ns);
		if (err)
			fail(mp4, err);
	}
	if (!err)
		err = commit(mp4);
	mp4_free(mp4);
	return keep ? err : 0;
}

static const struct sink_ops mp4_ops = {.push = mp4_push, .close = mp4_close};

bool sink_mp4_available(void)
{
	return avcodec_find_encoder_by_name(h264.encoder) != NULL;
}

/* Half as many again as CPUs, as x264 itself has it: each waits now and then for another. */
static int encoder_threads(void)
{
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
	int n = cpus + cpus / 2;

	return n < THREADS_MAX ? n : THREADS_MAX;
}

static int set_options(AVDictionary **dict, const char *options)
{
	return to_errno(av_dict_parse_string(dict, options, "=", ":", 0));
}

static int open_encoder(struct sink_mp4 *mp4, const struct format *format)
{
	const struct mp4_options *opt = &mp4->opt;
	const AVCodec *codec = avcodec_find_encoder_by_name(format->encoder);
	AVDictionary *options = NULL;
	AVCodecContext *enc;
	int err;

	if (!codec)
		return -ENOSYS;
	mp4->encoder = enc = avcodec_alloc_context3(codec);
	mp4->packet = av_packet_alloc();
	if (!enc || !mp4->packet)
		return -ENOMEM;
	for (int i = 0; i < N_SLOTS; i++)
		if (!(mp4->slot[i].frame = av_frame_alloc()))
			return -ENOMEM;
	enc->width = opt->width;
	enc->height = opt->height;
	enc->pix_fmt = format->pixels;
	enc->time_base = (AVRational){1, mp4->tick_hz};
	enc->framerate = (AVRational){opt->fps, 1};
	enc->sample_aspect_ratio = (AVRational){1, 1};
	enc->gop_size = INT_MAX / 2;
	enc->color_range = AVCOL_RANGE_MPEG;
	enc->color_primaries = AVCOL_PRI_BT709;
	enc->color_trc = AVCOL_TRC_BT709;
	enc->colorspace = AVCOL_SPC_BT709;
	enc->chroma_sample_location = AVCHROMA_LOC_CENTER;
	enc->thread_count = opt->n_threads ? opt->n_threads : encoder_threads();
	enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	err = set_options(&options, format->encoder_options);
	if (!err)
		err = to_errno(avcodec_open2(enc, codec, &options));
	if (!err && av_dict_count(options)) /* one that this encoder does not know */
		err = -ENOSYS;
	av_dict_free(&options);
	return err;
}

static void describe(struct sink_mp4 *mp4)
{
	AVDictionary **meta = &mp4->mux->metadata;
	time_t s = mp4->opt.time_ns / 1000000000;
	struct tm tm;
	char when[64];

	if (s) {
		gmtime_r(&s, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
		av_dict_set(meta, "creation_time", when, 0);
	}
	av_dict_set(meta, "title", mp4->opt.title, 0);
	av_dict_set(meta, "comment", mp4->opt.comment, 0);
}

/* What stands before the first one is a chapter too: players want one at 0. */
static int add_chapters(struct sink_mp4 *mp4)
{
	const struct mp4_options *opt = &mp4->opt;
	AVFormatContext *mux = mp4->mux;

	if (!opt->n_chapters)
		return 0;
	mux->chapters = av_calloc(opt->n_chapters + 1, sizeof(*mux->chapters));
	if (!mux->chapters)
		return -ENOMEM;
	for (size_t i = 0; i <= opt->n_chapters; i++) {
		uint64_t from = i ? opt->chapter[i - 1].t_ns : 0;
		uint64_t to = i < opt->n_chapters ? opt->chapter[i].t_ns : opt->length_ns;
		AVChapter *c;

		if (from >= to)
			continue;
		c = mux->chapters[mux->nb_chapters] = av_mallocz(sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->id = mux->nb_chapters++;
		c->time_base = (AVRational){1, 1000};
		c->start = (int64_t)(from / 1000000);
		c->end = (int64_t)(to / 1000000);
		av_dict_set(&c->metadata, "title", i ? opt->chapter[i - 1].title : "start", 0);
	}
	return 0;
}

static int open_muxer(struct sink_mp4 *mp4, const struct format *format)
{
	AVDictionary *options = NULL;
	int err = to_errno(avformat_alloc_output_context2(&mp4->mux, NULL, format->muxer, NULL));

	if (err)
		return err;
	mp4->stream = avformat_new_stream(mp4->mux, NULL);
	if (!mux_file_open(mp4->mux, &mp4->out.fd) || !mp4->stream)
		return -ENOMEM;
	mp4->stream->time_base = mp4->encoder->time_base;
	mp4->stream->avg_frame_rate = mp4->encoder->framerate;
	err = to_errno(avcodec_parameters_from_context(mp4->stream->codecpar, mp4->encoder));
	describe(mp4);
	if (!err)
		err = add_chapters(mp4);
	if (!err)
		err = set_options(&options, format->muxer_options);
	if (!err)
		err = to_errno(avformat_write_header(mp4->mux, &options));
	av_dict_free(&options);
	return err;
}

int sink_mp4_open(const char *path, const struct mp4_options *opt, struct sink **sink_ret)
{
	const struct format *format = &h264;
	struct sink_mp4 *mp4;
	int err = sink_check_film(path, opt->width, opt->height, opt->fps);

	if (err)
		return err;
	/* We say what failed; libx264 would also tell its statistics. */
	av_log_set_level(AV_LOG_QUIET);
	mp4 = xcalloc(1, sizeof(*mp4));
	mp4->sink.ops = &mp4_ops;
	mp4->opt = *opt;
	mp4->tick_hz = opt->cfr ? opt->fps : TICK_HZ;
	mp4->last_at = mp4->sent = mp4->key = mp4->end = -1;
	mp4->out.fd = -1;
	pthread_mutex_init(&mp4->lock, NULL);
	pthread_cond_init(&mp4->changed, NULL);
	err = open_encoder(mp4, format);
	if (err == -ENOSYS) {
		log_error("cannot write '%s': %s is not in this FFmpeg: %s", path, format->encoder,
			  format->missing);
		goto fail;
	}
	if (!err)
		err = outfile_open(&mp4->out, path);
	if (!err)
		err = open_muxer(mp4, format);
	if (!err)
		err = -pthread_create(&mp4->thread, NULL, run, mp4);
	if (err) {
		sink_complain(path, err);
		goto fail;
	}
	*sink_ret = &mp4->sink;
	return 0;
fail:
	mp4_free(mp4);
	return err;
}
