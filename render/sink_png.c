#include "render/sink_png.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outfile.h"
#include "base/xalloc.h"
#include "render/png.h"
#include "render/queue.h"

#define N_THREADS     2
#define NUMBER_DIGITS 9 /* at most, of %0Nd */

/* A pattern taken apart: folder/ + before + number + after. */
struct pattern {
	char *folder; /* with its slash, or "" */
	char *before, *after;
	int digits;
};

struct sink_png {
	struct sink sink;
	struct pattern pattern;
	struct image_queue queue;
	pthread_t thread[N_THREADS];
	int n_threads;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t written;
	uint64_t n_written;
};

struct sink_still {
	struct sink sink;
	struct outfile out;
	struct png png;
	bool pushed;
	int err;
};

static void pattern_deinit(struct pattern *p)
{
	free(p->folder);
	free(p->before);
	free(p->after);
}

/* Copies up to the end or a %d, with %% made one; returns where it stopped, NULL on another %. */
static const char *literal(const char *s, char **text_ret)
{
	char *text = xmalloc(strlen(s) + 1), *to = text;

	for (; *s && (*s != '%' || s[1] == '%'); s++) {
		s += *s == '%';
		*to++ = *s;
	}
	*to = '\0';
	*text_ret = text;
	return s;
}

static int pattern_init(struct pattern *p, const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	const char *s = slash ? slash + 1 : pattern;
	char *end;
	long digits = 0;

	*p = (struct pattern){.folder = xstrndup(pattern, s - pattern)};
	s = literal(s, &p->before);
	if (*s++ != '%' || strchr(p->folder, '%'))
		goto bad;
	if (*s == '0') {
		digits = strtol(s, &end, 10);
		if (digits < 1 || digits > NUMBER_DIGITS)
			goto bad;
		s = end;
	}
	if (*s++ != 'd' || *literal(s, &p->after))
		goto bad;
	p->digits = digits;
	return 0;
bad:
	log_error("'%s': a sequence needs one %%d or %%04d in its file name, "
		  "as in frames/flamegraph%%04d.png",
		  pattern);
	pattern_deinit(p);
	return -EINVAL;
}

static char *pattern_path(const struct pattern *p, uint64_t number)
{
	return xasprintf("%s%s%0*" PRIu64 "%s", p->folder, p->before, p->digits, number, p->after);
}

static int make_folders(const char *folder)
{
	char *path = xstrdup(folder);
	int err = 0;

	for (char *p = path + (*path == '/'); !err && (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0777) && errno != EEXIST)
			err = -errno;
		*p = '/';
	}
	if (!err && access(*path ? path : ".", W_OK | X_OK))
		err = -errno;
	if (err)
		log_error("cannot write images into '%s': %s", *path ? path : ".", strerror(-err));
	free(path);
	return err;
}

/* Whether a killed writer of this pattern left it: ".", a file name of ours, ".part". */
static bool is_leftover(const struct pattern *p, const char *name)
{
	size_t n_before = strlen(p->before), n_after = strlen(p->after), digits;

	if (*name++ != '.' || strncmp(name, p->before, n_before))
		return false;
	name += n_before;
	digits = strspn(name, "0123456789");
	name += digits;
	return digits > 0 && !strncmp(name, p->after, n_after) && !strcmp(name + n_after, ".part");
}

/* Opening for writing takes over what is left; a writer at work keeps it. */
static void remove_leftovers(const struct pattern *p)
{
	DIR *dir = opendir(*p->folder ? p->folder : ".");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		struct outfile out;
		char *path;

		if (!is_leftover(p, entry->d_name))
			continue;
		path = xasprintf("%s%.*s", p->folder, (int)strlen(entry->d_name) - 6,
				 entry->d_name + 1);
		if (!outfile_open(&out, path))
			outfile_abort(&out);
		free(path);
	}
	closedir(dir);
}

static int encode(struct png *png, const struct image *img, const struct image_info *info)
{
	char when[64], samples[32];
	time_t s = info->time_ns / 1000000000;
	struct tm tm;
	struct png_text text[] = {{"Software", "flamelapse " VERSION},
				  {"Snapshot Time", when},
				  {info->is_blocked_us ? "Blocked Microseconds" : "Samples",
				   samples},
				  {"Options", info->options}};

	gmtime_r(&s, &tm);
	snprintf(when, sizeof(when), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)(info->time_ns / 1000000 % 1000));
	snprintf(samples, sizeof(samples), "%" PRIu64, info->samples);
	return png_encode(png, img, text, ARRAY_SIZE(text) - !info->options);
}

/* The files before this one stand, or something failed. */
static bool wait_for_turn(struct sink_png *png, uint64_t number)
{
	bool ok;

	pthread_mutex_lock(&png->lock);
	while (png->n_written != number && !image_queue_error(&png->queue))
		pthread_cond_wait(&png->written, &png->lock);
	ok = png->n_written == number;
	pthread_mutex_unlock(&png->lock);
	return ok;
}

static void end_turn(struct sink_png *png, uint64_t number, int err)
{
	pthread_mutex_lock(&png->lock);
	if (err)
		image_queue_fail(&png->queue, err);
	else
		png->n_written = number + 1;
	pthread_cond_broadcast(&png->written);
	pthread_mutex_unlock(&png->lock);
}

static void *run(void *arg)
{
	struct sink_png *png = arg;
	struct png encoder = {0};
	struct image_job job;

	while (image_queue_take(&png->queue, &job)) {
		char *path = pattern_path(&png->pattern, job.number);
		int err = encode(&encoder, job.img, &job.info);

		image_unref(job.img);
		if (wait_for_turn(png, job.number)) {
			if (!err)
				err = outfile_write(path, encoder.file.data, encoder.file.len);
			if (err)
				sink_complain(path, err);
			end_turn(png, job.number, err);
		}
		free(path);
	}
	png_deinit(&encoder);
	return NULL;
}

static int sequence_push(struct sink *sink, struct image *img, const struct image_info *info)
{
	return image_queue_put(&((struct sink_png *)sink)->queue, img, info);
}

static void tell_of_older_files(const struct pattern *p, uint64_t n)
{
	char *path = pattern_path(p, n);

	if (!access(path, F_OK))
		log_note("'%s' and what follows it are from an earlier run", path);
	free(path);
}

static int sequence_close(struct sink *sink, uint64_t end_ns, bool keep)
{
	struct sink_png *png = (struct sink_png *)sink;
	int err;

	(void)end_ns;
	if (!keep)
		end_turn(png, 0, -ECANCELED);
	image_queue_end(&png->queue);
	for (int i = 0; i < png->n_threads; i++)
		pthread_join(png->thread[i], NULL);
	err = keep ? image_queue_error(&png->queue) : 0;
	if (keep && !err)
		tell_of_older_files(&png->pattern, png->n_written);
	image_queue_deinit(&png->queue);
	pthread_cond_destroy(&png->written);
	pthread_mutex_destroy(&png->lock);
	pattern_deinit(&png->pattern);
	free(png);
	return err;
}

static const struct sink_ops sequence_ops = {.push = sequence_push, .close = sequence_close};

int sink_png_open(const char *pattern, struct sink **sink_ret)
{
	struct sink_png *png;
	struct pattern p;
	int err = pattern_init(&p, pattern);

	if (err)
		return err;
	err = make_folders(p.folder);
	if (err) {
		pattern_deinit(&p);
		return err;
	}
	remove_leftovers(&p);
	png = xcalloc(1, sizeof(*png));
	png->sink.ops = &sequence_ops;
	png->pattern = p;
	image_queue_init(&png->queue);
	pthread_mutex_init(&png->lock, NULL);
	pthread_cond_init(&png->written, NULL);
	for (; png->n_threads < N_THREADS; png->n_threads++) {
		err = -pthread_create(&png->thread[png->n_threads], NULL, run, png);
		if (err)
			break;
	}
	if (!png->n_threads) {
		log_error("cannot write images: no thread to be had: %s", strerror(-err));
		sequence_close(&png->sink, 0, false);
		return err;
	}
	*sink_ret = &png->sink;
	return 0;
}

static int still_push(struct sink *sink, struct image *img, const struct image_info *info)
{
	struct sink_still *still = (struct sink_still *)sink;

	if (still->err)
		return still->err;
	if (still->pushed) {
		log_error("'%s' is one image: for more, name a pattern as in flamegraph%%04d.png",
			  still->out.path);
		return still->err = -EINVAL;
	}
	still->pushed = true;
	still->err = encode(&still->png, img, info);
	if (!still->err)
		still->err = write_all(still->out.fd, still->png.file.data, still->png.file.len);
	return still->err ? sink_complain(still->out.path, still->err) : 0;
}

static int still_close(struct sink *sink, uint64_t end_ns, bool keep)
{
	struct sink_still *still = (struct sink_still *)sink;
	char *path = xstrdup(still->out.path);
	int err = still->err;

	(void)end_ns;
	if (keep && !err && !still->pushed)
		err = sink_complain(path, -ENODATA);
	if (keep && !err) {
		err = outfile_commit(&still->out);
		if (err)
			sink_complain(path, err);
	} else {
		outfile_abort(&still->out);
		err = keep ? err : 0;
	}
	png_deinit(&still->png);
	free(path);
	free(still);
	return err;
}

static const struct sink_ops still_ops = {.push = still_push, .close = still_close};

int sink_png_open_still(const char *path, struct sink **sink_ret)
{
	struct sink_still *still = xcalloc(1, sizeof(*still));
	int err = outfile_open(&still->out, path);

	if (err) {
		free(still);
		return sink_complain(path, err);
	}
	still->sink.ops = &still_ops;
	*sink_ret = &still->sink;
	return 0;
}
