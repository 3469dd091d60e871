#ifndef RENDER_WORDS_H
#define RENDER_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "render/scene.h"

/*
 * The numbers and names of the picture as words. Each writes into buf, cuts at its size, and
 * depends on neither locale nor time zone. Thousands are divided by commas.
 */
#define WORDS_MAX 160

/* Over this share of lost, truncated or unnamed samples a picture warns. */
#define WARN_PERCENT 5

void words_title(const struct scene *s, char *buf, size_t size);
/* "all 8 CPUs · 99 Hz · image shows 5 s" */
void words_subtitle(const struct scene *s, char *buf, size_t size);
/* "14:03:26 UTC", or the time since the start where no date is known. */
void words_clock(const struct scene *s, uint64_t time_ns, char *buf, size_t size);
/* "2026-11-20 · 0:46 of 2:00 · 20 × speed" */
void words_date(const struct scene *s, uint64_t time_ns, char *buf, size_t size);
/* "all · 6.4 of 8 CPUs" */
void words_root(const struct scene *s, uint64_t value, char *buf, size_t size);
/* "14:03:20" under a tick of the strip. */
void words_tick(const struct scene *s, uint64_t time_ns, char *buf, size_t size);
/* A number under a tick of the ruler; with its unit at the right end. */
void words_ruler(const struct scene *s, uint64_t value, bool last, char *buf, size_t size);
/* "1,234 samples", or "12.4 s blocked" */
void words_taken(const struct scene *s, uint64_t count, char *buf, size_t size);
/* "6.4", "0.05": as many decimals as a reader needs to tell two loads apart. */
void words_load(const struct scene *s, uint64_t value, char *buf, size_t size);
/* "CPUs", "threads", "samples per interval" */
const char *words_unit(const struct scene *s);
/* "1,234" */
void words_count(uint64_t n, char *buf, size_t size);
/* "0.4 %": two digits, none of them false. */
void words_percent(uint64_t part, uint64_t whole, char *buf, size_t size);

/* Distance of the ticks: of the ruler in values, of the strip in ns. */
uint64_t words_ruler_step(const struct scene *s);
uint64_t words_time_step(uint64_t span_ns, int most);
/* The first tick from a time on: round on the clock that is shown. */
uint64_t words_first_tick(const struct scene *s, uint64_t from_ns, uint64_t step_ns);

#endif
