#include "render/queue.h"

void image_queue_init(struct image_queue *q)
{
	*q = (struct image_queue){0};
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->changed, NULL);
}

static void empty(struct image_queue *q)
{
	for (; q->n_taken < q->n_put; q->n_taken++)
		image_unref(q->job[q->n_taken % QUEUE_LENGTH].img);
}

void image_queue_deinit(struct image_queue *q)
{
	empty(q);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
}

int image_queue_put(struct image_queue *q, struct image *img, const struct image_info *info)
{
	int err;

	pthread_mutex_lock(&q->lock);
	while (!q->err && q->n_put - q->n_taken == QUEUE_LENGTH)
		pthread_cond_wait(&q->changed, &q->lock);
	err = q->err;
	if (!err) {
		q->job[q->n_put % QUEUE_LENGTH] =
		    (struct image_job){.img = image_ref(img), .info = *info, .number = q->n_put};
		q->n_put++;
		pthread_cond_broadcast(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}

void image_queue_end(struct image_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->ended = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

bool image_queue_take(struct image_queue *q, struct image_job *job_ret)
{
	bool got;

	pthread_mutex_lock(&q->lock);
	while (!q->err && !q->ended && q->n_taken == q->n_put)
		pthread_cond_wait(&q->changed, &q->lock);
	got = !q->err && q->n_taken < q->n_put;
	if (got) {
		*job_ret = q->job[q->n_taken++ % QUEUE_LENGTH];
		pthread_cond_broadcast(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	return got;
}

bool image_queue_fail(struct image_queue *q, int err)
{
	bool first;

	pthread_mutex_lock(&q->lock);
	first = !q->err;
	if (first)
		q->err = err;
	empty(q);
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
	return first;
}

int image_queue_error(struct image_queue *q)
{
	int err;

	pthread_mutex_lock(&q->lock);
	err = q->err;
	pthread_mutex_unlock(&q->lock);
	return err;
}
