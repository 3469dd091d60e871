#include "cli/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/xalloc.h"
#include "cli/marks.h"
#include "export/folded.h"
#include "export/stacks.h"
#if RENDER
#include "render/film.h"
#include "render/sink_mp4.h"
#include "render/sink_png.h"
#include "render/sink_y4m.h"
#endif

#define MAX_SINKS 16

static bool is_film(enum output_kind kind)
{
	return kind == OUTPUT_MP4 || kind == OUTPUT_Y4M;
}

bool outputs_have_pictures(const struct options *opt)
{
	for (size_t i = 0; i < opt->n_outputs; i++)
		if (is_film(opt->outputs[i].kind) || opt->outputs[i].kind == OUTPUT_PNG)
			return true;
	return false;
}

#if RENDER
static struct mp4_chapter *list_chapters(const struct recording *rec, const struct renderer *r)
{
	struct mp4_chapter *chapter = xcalloc(rec->n_marks + 1, sizeof(*chapter));

	for (size_t i = 0; i < rec->n_marks; i++)
		chapter[i] = (struct mp4_chapter){renderer_mark_ns(r, i), rec->mark[i].text};
	return chapter;
}

static int open_film(const struct options *opt, const struct output *out, struct recording *rec,
		     const struct renderer *r, struct sink **sink_ret)
{
	struct mp4_chapter *chapter = list_chapters(rec, r);
	struct mp4_options mp4 = {.width = renderer_width(r),
				  .height = renderer_height(r),
				  .fps = renderer_fps(r),
				  .cfr = opt->render.cfr,
				  .time_ns = rec->snapshot[0].t0_ns,
				  .title = renderer_title(r),
				  .comment = renderer_options(r),
				  .chapter = chapter,
				  .n_chapters = rec->n_marks,
				  .length_ns = renderer_length_ns(r)};
	struct y4m_options y4m = {mp4.width, mp4.height, mp4.fps};

	int err = out->kind == OUTPUT_MP4 ? sink_mp4_open(out->path, &mp4, sink_ret)
					  : sink_y4m_open(out->path, &y4m, sink_ret);

	free(chapter);
	return err;
}

/* Opens the sinks of one pass and runs it; a sink that was opened is closed whatever happens. */
static int run_pass(const struct options *opt, struct recording *rec, struct renderer *r, bool film)
{
	struct sink *sink[MAX_SINKS];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < opt->n_outputs && !err; i++) {
		const struct output *out = &opt->outputs[i];

		if (film ? !is_film(out->kind) : out->kind != OUTPUT_PNG)
			continue;
		if (n == MAX_SINKS) {
			log_error("more than %d pictures at once; render in two runs", MAX_SINKS);
			err = -E2BIG;
			break;
		}
		err = film ? open_film(opt, out, rec, r, &sink[n])
			   : sink_png_open(out->path, &sink[n]);
		n += !err;
	}
	if (err) {
		while (n)
			sink_close(sink[--n], 0, false);
		return err;
	}
	if (!n)
		return 0;
	if (film)
		log_note("%s", renderer_plan(r));
	return film ? renderer_film(r, sink, n) : renderer_sequence(r, sink, n);
}

static int write_pictures(const struct options *opt, struct recording *rec)
{
	struct render_options render = opt->render;
	struct renderer *r;
	int err;

	if (opt->zone && rec->n_snapshots)
		zone_offset(opt->zone, rec->snapshot[0].t0_ns, &render.utc_offset_s);
	err = renderer_create(rec, &render, &r);

	if (err == -ENODATA) {
		log_error("the recording holds no samples, so there is nothing to draw");
		return -ENOMSG;
	}
	if (err) {
		log_error("cannot read the recording: %s", strerror(-err));
		return err;
	}
	err = run_pass(opt, rec, r, true);
	if (!err)
		err = run_pass(opt, rec, r, false);
	renderer_destroy(r);
	return err;
}
#else
static int write_pictures(const struct options *opt, struct recording *rec)
{
	(void)opt;
	(void)rec;
	log_error(
	    "this build records only (make RENDER=0): use -o FILE.flame and render elsewhere");
	return -ENOTSUP;
}
#endif

static int write_text(const struct options *opt, const struct output *out, struct recording *rec)
{
	struct folded_style style = {.annotate = opt->annotate,
				     .delimited = opt->delimited,
				     .per_snapshot = opt->per_snapshot,
				     .by = opt->render.by};

	return out->kind == OUTPUT_FOLDED ? export_folded(rec, &style, out->path)
					  : export_stacks(rec, &style, out->path);
}

int outputs_check(const struct options *opt)
{
	for (size_t i = 0; i < opt->n_outputs; i++) {
		const struct output *out = &opt->outputs[i];
		int err;

		if (out->kind == OUTPUT_PNG || !strcmp(out->path, "-"))
			continue;
		err = outfile_check(out->path);
		if (err) {
			log_error("cannot write '%s': %s", out->path, outfile_why(err));
			return exit_status(err);
		}
	}
	return outputs_have_pictures(opt) ? marks_check(opt) : EXIT_OK;
}

int outputs_write(const struct options *opt, struct recording *rec)
{
	int err = 0;

	for (size_t i = 0; i < opt->n_outputs; i++) {
		const struct output *out = &opt->outputs[i];
		int e = 0;

		if (out->kind == OUTPUT_FOLDED || out->kind == OUTPUT_STACKS)
			e = write_text(opt, out, rec);
		err = err ? err : e;
	}
	if (outputs_have_pictures(opt)) {
		int status = marks_add(opt, rec), e;

		if (status)
			return status;
		e = write_pictures(opt, rec);
		err = err ? err : e;
	}
	return exit_status(err);
}
