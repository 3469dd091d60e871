#ifndef RENDER_FILM_H
#define RENDER_FILM_H

#include <stddef.h>

#include "profile/recording.h"
#include "render/options.h"
#include "render/sink.h"

/*
 * From a recording to images in sinks. One call makes a film (moving, many images a step), or a
 * sequence (one image at rest for each snapshot), or both; what they share is planned once.
 *
 *	err = renderer_create(rec, &opt, &r);
 *	... open sinks of renderer_width() × renderer_height() ...
 *	err = renderer_film(r, sinks, n);	closes the sinks, whatever happens
 *	renderer_destroy(r);
 */
struct renderer;

/* 0, -ENODATA where nothing was sampled, or what loading the recording failed with. */
int renderer_create(struct recording *rec, const struct render_options *opt,
		    struct renderer **r_ret);
void renderer_destroy(struct renderer *r);

int renderer_width(const struct renderer *r);
int renderer_height(const struct renderer *r);
int renderer_fps(const struct renderer *r);
const char *renderer_title(const struct renderer *r);
/* In words, for a file's metadata: "scale auto, window 5 s, theme light, 1920x1080". */
const char *renderer_options(const struct renderer *r);
/* One line for the user: how long, how fast, how much an image shows. */
const char *renderer_plan(const struct renderer *r);

uint64_t renderer_length_ns(const struct renderer *r);
/* When the film comes to a mark of the recording: at the begin of the step that has it. */
uint64_t renderer_mark_ns(const struct renderer *r, size_t mark);

/* The sinks are closed, and keep what they have only where all went well. */
int renderer_film(struct renderer *r, struct sink *const *sinks, size_t n);
int renderer_sequence(struct renderer *r, struct sink *const *sinks, size_t n);

#endif
