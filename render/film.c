#include "render/film.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "render/draw.h"
#include "render/scene.h"
#include "render/words.h"

#define SECOND_NS 1000000000ull
/* One is drawn while every sink, none further behind than it may hold, has the others. */
#define IMAGES_AT_ONCE (SINK_HOLDS_MAX + 2)

struct renderer {
	struct geometry geo;
	struct scene *scene;
	struct drawing *drawing;
	struct image_pool *pool;
	struct sink *const *sink; /* of the pass that runs */
	size_t n_sinks;
	struct state state[2]; /* at rest: the one shown, and the next */
	uint64_t *between;
	char options[160], plan[160], title[WORDS_MAX];
};

static const char *const scale_names[] = {"auto", "cpu", "peak", "share"};
static const char *const mode_names[] = {"window", "interval", "cumulative"};
static const char *const theme_names[] = {"light", "dark", "print"};

static void describe(struct renderer *r)
{
	const struct scene *s = r->scene;
	const struct timeline *tl = &s->timeline;
	bool both = recording_n_series(&s->rec->meta) > 1;

	words_title(s, r->title, sizeof(r->title));
	snprintf(r->options, sizeof(r->options),
		 "%s%sscale %s, mode %s, window %u snapshots, theme %s, %dx%d%s%s",
		 both ? series_names[recording_series(&s->rec->meta)] : "", both ? ", " : "",
		 scale_names[s->opt.scale], mode_names[s->opt.mode], tl->window,
		 theme_names[s->opt.theme], r->geo.width, r->geo.height,
		 s->opt.order == ORDER_WEIGHT ? ", order weight" : "",
		 s->opt.no_fold ? ", not folded" : "");
	snprintf(r->plan, sizeof(r->plan), "%.1f s of film in %u step%s of %.2f s, %.1f × speed",
		 (double)tl->length_ns / SECOND_NS, tl->n_steps, tl->n_steps == 1 ? "" : "s",
		 (double)tl->steps_ns / tl->n_steps / SECOND_NS, tl->speed);
}

int renderer_create(struct recording *rec, const struct render_options *opt,
		    struct renderer **r_ret)
{
	struct renderer *r = xcalloc(1, sizeof(*r));
	int err;

	geometry_plan(&r->geo, opt);
	err = scene_create(rec, opt, r->geo.flame_width, r->geo.max_rows, &r->scene);
	if (err)
		goto out;
	r->drawing = drawing_create(r->scene, &r->geo);
	if (!r->drawing) {
		err = -errno;
		goto out;
	}
	r->pool = image_pool_create(r->geo.width, r->geo.height, IMAGES_AT_ONCE);
	if (!r->pool) {
		err = -ENOMEM;
		goto out;
	}
	for (int i = 0; i < 2; i++)
		r->state[i].self = xcalloc(r->scene->tree.cap, sizeof(*r->state[i].self));
	r->between = xcalloc(r->scene->tree.cap, sizeof(*r->between));
	describe(r);
	*r_ret = r;
	return 0;
out:
	renderer_destroy(r);
	return err;
}

void renderer_destroy(struct renderer *r)
{
	if (!r)
		return;
	image_pool_destroy(r->pool);
	drawing_destroy(r->drawing);
	scene_destroy(r->scene);
	free(r->state[0].self);
	free(r->state[1].self);
	free(r->between);
	free(r);
}

int renderer_width(const struct renderer *r)
{
	return r->geo.width;
}

int renderer_height(const struct renderer *r)
{
	return r->geo.height;
}

int renderer_fps(const struct renderer *r)
{
	return r->scene->timeline.fps;
}

const char *renderer_title(const struct renderer *r)
{
	return r->title;
}

const char *renderer_options(const struct renderer *r)
{
	return r->options;
}

const char *renderer_plan(const struct renderer *r)
{
	return r->plan;
}

uint64_t renderer_length_ns(const struct renderer *r)
{
	return r->scene->timeline.length_ns;
}

uint64_t renderer_mark_ns(const struct renderer *r, size_t mark)
{
	const struct timeline *tl = &r->scene->timeline;
	uint32_t step = r->scene->mark_at[mark] / tl->intervals_per_step;

	if (step >= tl->n_steps)
		step = tl->n_steps - 1;
	return timeline_start(tl, step) * SECOND_NS / tl->fps;
}

/* A stranger's unit may be any. */
static uint64_t taken(const struct scene *s, uint64_t count)
{
	__uint128_t us = (__uint128_t)count * s->rec->meta.period_ns / 1000;

	if (!s->is_off_cpu)
		return count;
	return us > UINT64_MAX ? UINT64_MAX : (uint64_t)us;
}

static int show(struct renderer *r, const struct moment *m, uint64_t t_ns, bool step_start)
{
	struct image *img = image_get(r->pool);
	struct image_info info = {.t_ns = t_ns,
				  .time_ns = m->numbers->t1_ns,
				  .samples = taken(r->scene, m->numbers->account.taken),
				  .is_blocked_us = r->scene->is_off_cpu,
				  .options = r->options,
				  .step_start = step_start};
	int err = 0;

	drawing_image(r->drawing, img, m);
	for (size_t i = 0; i < r->n_sinks && !err; i++)
		err = sink_push(r->sink[i], img, &info);
	image_unref(img);
	return err;
}

static int show_rest(struct renderer *r, const struct state *st, uint64_t t_ns, bool step_start)
{
	struct moment m = {.self = st->self,
			   .numbers = st,
			   .from_ns = st->t0_ns,
			   .to_ns = st->t1_ns,
			   .at_rest = true};

	return show(r, &m, t_ns, step_start);
}

static uint64_t mix(uint64_t a, uint64_t b, uint32_t ease)
{
	if ((a | b) >> 47 == 0)
		return (a * (65536 - ease) + b * ease) >> 16;
	return (uint64_t)(((__uint128_t)a * (65536 - ease) + (__uint128_t)b * ease) >> 16);
}

/* Counts move, and are then laid out: boxes that moved by themselves would leave their parents. */
static int show_between(struct renderer *r, const struct state *a, const struct state *b,
			uint32_t ease, uint64_t t_ns, bool step_start)
{
	struct moment m = {.self = r->between,
			   .numbers = a,
			   .from_ns = mix(a->t0_ns, b->t0_ns, ease),
			   .to_ns = mix(a->t1_ns, b->t1_ns, ease)};

	for (uint32_t k = 0; k < r->scene->n_leaves; k++) {
		uint32_t i = r->scene->leaf[k];

		r->between[i] = mix(a->self[i], b->self[i], ease);
	}
	return show(r, &m, t_ns, step_start);
}

static void begin(struct renderer *r, struct sink *const *sinks, size_t n)
{
	r->sink = sinks;
	r->n_sinks = n;
}

static int finish(struct renderer *r, uint64_t end_ns, int err)
{
	log_progress_end();
	for (size_t i = 0; i < r->n_sinks; i++) {
		int e = sink_close(r->sink[i], end_ns, !err);

		err = err ? err : e;
	}
	return err;
}

static int show_step(struct renderer *r, uint32_t step)
{
	const struct timeline *tl = &r->scene->timeline;
	struct state *now = &r->state[step % 2], *before = &r->state[1 - step % 2];
	uint64_t image = timeline_start(tl, step);
	int err = scene_state(r->scene, timeline_last(tl, step), now);
	int moves = step ? tl->motion - 1 : 0;

	for (int j = 0; j < moves && !err; j++, image++)
		err = show_between(r, before, now, timeline_ease(j + 1, tl->motion),
				   image * SECOND_NS / tl->fps, j == 0);
	return err ? err : show_rest(r, now, image * SECOND_NS / tl->fps, moves == 0);
}

int renderer_film(struct renderer *r, struct sink *const *sinks, size_t n)
{
	const struct timeline *tl = &r->scene->timeline;
	int err = 0;

	begin(r, sinks, n);
	for (uint32_t step = 0; step < tl->n_steps && !err; step++) {
		err = show_step(r, step);
		log_progress("film: %u %%", (step + 1) * 100 / tl->n_steps);
	}
	return finish(r, tl->length_ns, err);
}

int renderer_sequence(struct renderer *r, struct sink *const *sinks, size_t n)
{
	const struct timeline *tl = &r->scene->timeline;
	int err = 0;

	begin(r, sinks, n);
	for (uint32_t i = 0; i < tl->n_snapshots && !err; i++) {
		err = scene_state(r->scene, i, &r->state[0]);
		if (!err)
			err = show_rest(r, &r->state[0], i * SECOND_NS, true);
		log_progress("images: %u %%", (i + 1) * 100 / tl->n_snapshots);
	}
	return finish(r, tl->n_snapshots * SECOND_NS, err);
}
