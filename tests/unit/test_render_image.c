#include "render/image.h"
#include "render/queue.h"
#include "tests/test.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

TEST(sizes_are_checked)
{
	errno = 0;
	CHECK(!image_pool_create(1921, 1080, 1));
	CHECK_EQ(errno, EINVAL);
	CHECK(!image_pool_create(1920, 0, 1));
	CHECK(!image_pool_create(1920, 1080, 0));
	CHECK(!image_pool_create(IMAGE_SIZE_MAX + 2, 1080, 1));
	CHECK(!image_pool_create(-2, 1080, 1));
	image_pool_destroy(NULL);
}

TEST(images_come_back)
{
	struct image_pool *pool = image_pool_create(10, 6, 2);
	struct image *a = image_get(pool), *b = image_get(pool), *c;

	CHECK(a != b);
	CHECK_EQ(a->width, 10);
	CHECK_EQ(a->height, 6);
	CHECK(a->stride_bytes >= 10);
	CHECK_EQ((uintptr_t)image_row(a, 1) % 64, 0);
	image_clear(a, 0x123456);
	CHECK_EQ(a->colours.n, 1);
	CHECK_EQ(a->colours.rgb[image_row(a, 5)[9]], 0x123456);
	image_ref(a);
	image_unref(a);
	image_unref(a);
	c = image_get(pool);
	CHECK(c == a);
	image_unref(b);
	image_unref(c);
	image_pool_destroy(pool);
}

static void *give_back(void *arg)
{
	usleep(20000);
	image_unref(arg);
	return NULL;
}

TEST(getting_waits_for_a_free_one)
{
	struct image_pool *pool = image_pool_create(2, 2, 1);
	struct image *a = image_get(pool);
	pthread_t thread;

	pthread_create(&thread, NULL, give_back, a);
	CHECK(image_get(pool) == a);
	pthread_join(thread, NULL);
	image_unref(a);
	image_pool_destroy(pool);
}

TEST(colours_are_numbered_in_order)
{
	static struct colours c;

	for (int round = 0; round < 3; round++) {
		colours_clear(&c);
		/* Far more memos than there is room for. */
		for (uint32_t i = 0; i < COLOURS_MAX; i++)
			CHECK_EQ(colours_number(&c, (i + round) * 0xfd05), i);
		for (uint32_t i = COLOURS_MAX; i--;)
			CHECK_EQ(colours_number(&c, (i + round) * 0xfd05 | 0xab000000), i);
		CHECK_EQ(c.n, COLOURS_MAX);
		for (uint32_t i = 0; i < COLOURS_MAX; i++)
			CHECK_EQ(c.rgb[i], (i + round) * 0xfd05);
	}
}

TEST(beyond_the_table_the_nearest_colour_stands)
{
	static struct colours c;

	for (uint32_t i = 0; i < COLOURS_MAX; i++)
		colours_number(&c, i << 8);
	CHECK_EQ(colours_number(&c, 0x004201), 0x42);
	CHECK_EQ(colours_number(&c, 0x00ffff), 0xff);
	CHECK_EQ(colours_number(&c, 0x01ff00), 0xff);
	CHECK_EQ(c.n, COLOURS_MAX);
	colours_clear(&c);
	/* Two are as near: the earlier. */
	for (uint32_t i = 0; i < COLOURS_MAX; i++)
		colours_number(&c, i * 2);
	for (int again = 0; again < 2; again++)
		CHECK_EQ(colours_number(&c, 101), 50);
}

#define N_JOBS 2000

struct takers {
	struct image_queue queue;
	pthread_mutex_t lock;
	int seen[N_JOBS];
};

static void *take_all(void *arg)
{
	struct takers *t = arg;
	struct image_job job;

	while (image_queue_take(&t->queue, &job)) {
		pthread_mutex_lock(&t->lock);
		t->seen[job.number] += job.info.t_ns == job.number;
		pthread_mutex_unlock(&t->lock);
		image_unref(job.img);
	}
	return NULL;
}

TEST(each_job_is_taken_once)
{
	static struct takers t = {.lock = PTHREAD_MUTEX_INITIALIZER};
	/* Fewer images than the queue holds: the renderer waits, and nothing stops for good. */
	struct image_pool *pool = image_pool_create(2, 2, 2);
	pthread_t thread[2];

	image_queue_init(&t.queue);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, take_all, &t);
	for (int i = 0; i < N_JOBS; i++) {
		struct image *img = image_get(pool);

		CHECK_EQ(image_queue_put(&t.queue, img, &(struct image_info){.t_ns = i}), 0);
		image_unref(img);
	}
	image_queue_end(&t.queue);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < N_JOBS; i++)
		CHECK_EQ(t.seen[i], 1);
	image_queue_deinit(&t.queue);
	image_pool_destroy(pool);
}

TEST(a_failed_queue_is_empty_and_tells_its_first_error)
{
	struct image_pool *pool = image_pool_create(2, 2, 1);
	struct image *img = image_get(pool);
	struct image_info info = {0};
	struct image_queue q;
	struct image_job job;

	image_queue_init(&q);
	for (int i = 0; i < QUEUE_LENGTH; i++)
		CHECK_EQ(image_queue_put(&q, img, &info), 0);
	CHECK(image_queue_fail(&q, -ENOSPC));
	CHECK(!image_queue_fail(&q, -EIO));
	CHECK_EQ(image_queue_put(&q, img, &info), -ENOSPC);
	CHECK_EQ(image_queue_error(&q), -ENOSPC);
	CHECK(!image_queue_take(&q, &job));
	CHECK_EQ(img->refs, 1);
	image_queue_deinit(&q);
	image_unref(img);
	image_pool_destroy(pool);
}

TEST_MAIN()
