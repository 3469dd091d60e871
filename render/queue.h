#ifndef RENDER_QUEUE_H
#define RENDER_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "render/image.h"
#include "render/sink.h"

/*
 * The bounded line of images between the renderer and the threads of a sink. One thread puts, any
 * number takes; each takes the oldest.
 *
 * The renderer calls image_queue_put(), which waits while the line is full, and image_queue_end()
 * when nothing comes any more. A thread of the sink calls image_queue_take() until it returns
 * false, and image_unref(job.img) as soon as it has read the image; or image_queue_fail(), which
 * empties the line and makes every put return the error from then on.
 */
#define QUEUE_LENGTH 3

struct image_job {
	struct image *img; /* a reference that belongs to the taker */
	struct image_info info;
	uint64_t number; /* counts from 0 in the order of put */
};

struct image_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct image_job job[QUEUE_LENGTH];
	uint64_t n_put, n_taken;
	bool ended;
	int err;
};

void image_queue_init(struct image_queue *q);
/* No thread uses it any more. */
void image_queue_deinit(struct image_queue *q);

/* 0, or the error that image_queue_fail() told. */
int image_queue_put(struct image_queue *q, struct image *img, const struct image_info *info);
void image_queue_end(struct image_queue *q);

/* Waits. False: all is taken and ended, or something failed. */
bool image_queue_take(struct image_queue *q, struct image_job *job_ret);
/* The first error stays. True: this was the first. */
bool image_queue_fail(struct image_queue *q, int err);
int image_queue_error(struct image_queue *q);

#endif
