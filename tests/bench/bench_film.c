/*
 * What a whole film of a minute costs, from the recording to the finished MP4, against its encoder
 * alone, fed with the same images as ready YUV (1 GB of them), with the same key images and the
 * same rest at the end. In turns; the median of the ratios of neighbours, which the machine's moods
 * disturb least.
 */
#include "import/folded.h"
#include "render/film.h"
#include "render/sink_mp4.h"
#include "render/yuv.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/bench/picture.h"
#include "tests/gen.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <limits.h>
#include <unistd.h>

#define ROUNDS	  9
#define N_THREADS 3 /* of the encoder, as the sink has it with two CPUs */
#define MAX	  600
#define TICK_HZ	  90000
#define REST	  (TICK_HZ / 2)

static AVFrame *frame[MAX];
static int n_frames;
static char recording_path[64];
static int64_t last_key = -1, end;

static void die(const char *what)
{
	fprintf(stderr, "bench_film: %s failed\n", what);
	exit(1);
}

/* A sink that keeps each image as the encoder wants it. */
static int keep(struct sink *sink, struct image *img, const struct image_info *info)
{
	struct yuv yuv;
	AVFrame *f;

	(void)sink;
	if (n_frames == MAX)
		die("keeping so many images");
	f = frame[n_frames++] = av_frame_alloc();
	f->format = AV_PIX_FMT_YUV420P;
	f->width = img->width;
	f->height = img->height;
	if (av_frame_get_buffer(f, 0))
		die("av_frame_get_buffer");
	for (int i = 0; i < YUV_PLANES; i++) {
		yuv.plane[i] = f->data[i];
		yuv.stride_bytes[i] = f->linesize[i];
	}
	yuv_from_image(&yuv, img);
	f->pts = (int64_t)(info->t_ns * 9 / 100000);
	/* As render/sink_mp4.c places them. */
	if (last_key < 0 || (info->step_start && f->pts - last_key >= 2 * TICK_HZ)) {
		f->pict_type = AV_PICTURE_TYPE_I;
		last_key = f->pts;
	}
	return 0;
}

static int kept(struct sink *sink, uint64_t end_ns, bool keep_it)
{
	(void)sink;
	(void)keep_it;
	end = (int64_t)(end_ns * 9 / 100000);
	return 0;
}

/* Sixty snapshots, written as `record` writes them. */
static void generate(void)
{
	struct gen_options opt = GEN_DEFAULTS;
	struct store_writer *w;
	struct strbuf text = {0};
	struct snapshot snapshot = {0};
	struct recording rec;
	struct gen g;

	opt.every_stack = true;
	opt.snapshots = 60;
	gen_init(&g, &opt);
	gen_header(&g, &text);
	for (uint32_t t = 0; t < opt.snapshots; t++)
		gen_snapshot(&g, &text, t);
	gen_deinit(&g);
	snprintf(recording_path, sizeof(recording_path), "/tmp/flamelapse-bench-%d.flame",
		 (int)getpid());
	if (import_folded_text("bench", text.data, text.len, NULL, &rec) ||
	    store_create(recording_path, &rec.meta, &w))
		die("making the recording");
	for (size_t i = 0; i < rec.n_snapshots; i++)
		if (recording_load(&rec, i, &snapshot) || store_append(w, &rec.dict, &snapshot))
			die("store_append");
	if (store_finish(w, &rec.meta))
		die("store_finish");
	snapshot_deinit(&snapshot);
	recording_deinit(&rec);
	strbuf_deinit(&text);
}

/* The film into the sink that `open` makes; the file's size. */
static void film(bool to_file)
{
	static const struct sink_ops ops = {keep, kept};
	struct render_options opt = {0};
	struct sink memory = {&ops}, *sink = &memory;
	struct recording rec;
	struct renderer *r;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/flamelapse-bench-%d.mp4", (int)getpid());
	if (store_open(recording_path, &rec) || renderer_create(&rec, &opt, &r))
		die("rendering");
	if (to_file) {
		struct mp4_options mp4 = {.width = renderer_width(r),
					  .height = renderer_height(r),
					  .fps = renderer_fps(r),
					  .n_threads = N_THREADS};

		if (sink_mp4_open(path, &mp4, &sink))
			die("sink_mp4_open");
	}
	if (renderer_film(r, &sink, 1))
		die("renderer_film");
	renderer_destroy(r);
	recording_deinit(&rec);
	unlink(path);
}

static void encode(AVCodecContext *enc, const AVFrame *f, AVPacket *packet)
{
	if (avcodec_send_frame(enc, f))
		die("avcodec_send_frame");
	while (!avcodec_receive_packet(enc, packet))
		av_packet_unref(packet);
}

/* The last image is shown until the end, and sent anew for each REST of it. */
static void encode_rest(AVCodecContext *enc, AVPacket *packet)
{
	AVFrame *last = frame[n_frames - 1];
	enum AVPictureType type = last->pict_type;
	int64_t at = last->pts;

	last->pict_type = AV_PICTURE_TYPE_NONE;
	while (end - last->pts > REST) {
		last->pts += REST;
		encode(enc, last, packet);
	}
	last->pts = at;
	last->pict_type = type;
}

static void encoder_alone(void)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *enc = avcodec_alloc_context3(codec);
	AVPacket *packet = av_packet_alloc();

	enc->width = frame[0]->width;
	enc->height = frame[0]->height;
	enc->pix_fmt = AV_PIX_FMT_YUV420P;
	enc->time_base = (AVRational){1, TICK_HZ};
	enc->framerate = (AVRational){30, 1};
	enc->gop_size = INT_MAX / 2;
	enc->thread_count = N_THREADS;
	av_opt_set(enc->priv_data, "preset", "veryfast", 0);
	av_opt_set(enc->priv_data, "crf", "20", 0);
	av_opt_set(enc->priv_data, "profile", "high", 0);
	av_opt_set(enc->priv_data, "x264-params", "scenecut=0:bframes=0", 0);
	if (avcodec_open2(enc, codec, NULL))
		die("avcodec_open2");
	for (int i = 0; i < n_frames; i++)
		encode(enc, frame[i], packet);
	encode_rest(enc, packet);
	encode(enc, NULL, packet);
	av_packet_free(&packet);
	avcodec_free_context(&enc);
}

int main(void)
{
	double whole[ROUNDS], ratio[ROUNDS], start, alone;

	av_log_set_level(AV_LOG_QUIET);
	generate();
	film(false);
	for (int i = 0; i < ROUNDS; i++) {
		start = bench_now_ms();
		encoder_alone();
		alone = bench_now_ms() - start;
		start = bench_now_ms();
		film(true);
		whole[i] = bench_now_ms() - start;
		ratio[i] = whole[i] / alone;
	}
	bench_row("film 1080p, 1,500 stacks: images", n_frames, "", "");
	bench_row("film 1080p, 1,500 stacks", bench_median(whole, ROUNDS) / n_frames, "ms an image",
		  "");
	bench_row("film 1080p, 1,500 stacks: time", bench_median(ratio, ROUNDS), "x encoder alone",
		  "<= 1.10");
	for (int i = 0; i < n_frames; i++)
		av_frame_free(&frame[i]);
	unlink(recording_path);
	return 0;
}
