/*
 * What a film costs beyond its encoder: tweening 1080p images through our sink, against the same
 * encoder with the same settings fed with ready YUV and its packets thrown away. In turns, medians.
 */
#include "render/sink_mp4.h"
#include "render/yuv.h"
#include "tests/bench/picture.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <unistd.h>

#define WIDTH	  1920
#define HEIGHT	  1080
#define FPS	  30
#define IMAGES	  40
#define ROUNDS	  5
#define N_THREADS 2

static struct image *image[IMAGES];
static AVFrame *frame[IMAGES];

static void die(const char *what)
{
	fprintf(stderr, "bench_sinks: %s failed\n", what);
	exit(1);
}

static void convert(AVFrame *to, const struct image *img)
{
	struct yuv yuv;

	for (int i = 0; i < YUV_PLANES; i++) {
		yuv.plane[i] = to->data[i];
		yuv.stride_bytes[i] = to->linesize[i];
	}
	yuv_from_image(&yuv, img);
}

static void make_images(void)
{
	static double ms[IMAGES];
	struct image_pool *pool = image_pool_create(WIDTH, HEIGHT, IMAGES);
	struct text *text = text_create(false);

	for (int i = 0; i < IMAGES; i++) {
		double start;

		image[i] = image_get(pool);
		picture_draw(text, image[i], i / 12.);
		frame[i] = av_frame_alloc();
		frame[i]->format = AV_PIX_FMT_YUV420P;
		frame[i]->width = WIDTH;
		frame[i]->height = HEIGHT;
		if (av_frame_get_buffer(frame[i], 0))
			die("av_frame_get_buffer");
		convert(frame[i], image[i]);
		start = bench_now_ms();
		convert(frame[i], image[i]);
		ms[i] = bench_now_ms() - start;
		frame[i]->pts = i * 90000ll / FPS;
		frame[i]->pict_type = i ? AV_PICTURE_TYPE_NONE : AV_PICTURE_TYPE_I;
	}
	text_destroy(text);
	bench_row("YUV 1080p", bench_median(ms, IMAGES), "ms", "<= 0.6");
}

static void encode(AVCodecContext *enc, const AVFrame *f, AVPacket *packet, size_t *bytes)
{
	if (avcodec_send_frame(enc, f))
		die("avcodec_send_frame");
	while (!avcodec_receive_packet(enc, packet)) {
		*bytes += packet->size;
		av_packet_unref(packet);
	}
}

static double encoder_ms(size_t *bytes)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *enc = avcodec_alloc_context3(codec);
	AVPacket *packet = av_packet_alloc();
	double start = bench_now_ms();

	*bytes = 0;
	enc->width = WIDTH;
	enc->height = HEIGHT;
	enc->pix_fmt = AV_PIX_FMT_YUV420P;
	enc->time_base = (AVRational){1, 90000};
	enc->framerate = (AVRational){FPS, 1};
	enc->gop_size = INT_MAX / 2;
	enc->thread_count = N_THREADS;
	av_opt_set(enc->priv_data, "preset", "veryfast", 0);
	av_opt_set(enc->priv_data, "crf", "20", 0);
	av_opt_set(enc->priv_data, "x264-params", "scenecut=0:bframes=0", 0);
	if (avcodec_open2(enc, codec, NULL))
		die("avcodec_open2");
	for (int i = 0; i < IMAGES; i++)
		encode(enc, frame[i], packet, bytes);
	encode(enc, NULL, packet, bytes);
	av_packet_free(&packet);
	avcodec_free_context(&enc);
	return bench_now_ms() - start;
}

static double sink_ms(void)
{
	struct mp4_options opt = {.width = WIDTH,
				  .height = HEIGHT,
				  .fps = FPS,
				  .n_threads = N_THREADS};
	double start = bench_now_ms();
	struct sink *sink;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/flamelapse-bench-%d.mp4", (int)getpid());
	if (sink_mp4_open(path, &opt, &sink))
		die("sink_mp4_open");
	for (int i = 0; i < IMAGES; i++) {
		struct image_info info = {.t_ns = i * 1000000000ull / FPS};

		if (sink_push(sink, image[i], &info))
			die("sink_push");
	}
	if (sink_close(sink, IMAGES * 1000000000ull / FPS, true))
		die("sink_close");
	unlink(path);
	return bench_now_ms() - start;
}

int main(void)
{
	double alone[ROUNDS], ours[ROUNDS];
	size_t bytes;

	make_images();
	av_log_set_level(AV_LOG_QUIET);
	for (int i = 0; i < ROUNDS; i++) {
		alone[i] = encoder_ms(&bytes);
		ours[i] = sink_ms();
	}
	bench_row("MP4 1080p tweening", bench_median(ours, ROUNDS) / IMAGES, "ms an image", "");
	bench_row("MP4 1080p tweening: bytes", (double)bytes / IMAGES, "an image", "");
	bench_row("MP4 1080p tweening: time",
		  bench_median(ours, ROUNDS) / bench_median(alone, ROUNDS), "x encoder alone", "");
	for (int i = 0; i < IMAGES; i++) {
		av_frame_free(&frame[i]);
		image_unref(image[i]);
	}
	return 0;
}
