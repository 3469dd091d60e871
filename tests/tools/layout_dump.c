/*
 * Prints the boxes of some images as text: what the golden layouts are made of.
 * Usage: layout_dump FILE.folded WIDTHxHEIGHT auto|cpu|peak|share[+weight][+nofold] SNAPSHOT…
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "import/folded.h"
#include "render/draw.h"

static enum scale scale_of(const char *name)
{
	static const char *const names[] = {"auto", "cpu", "peak", "share"};

	for (int i = 0; i < 4; i++)
		if (!strcmp(name, names[i]))
			return (enum scale)i;
	fprintf(stderr, "layout_dump: no scale '%s'\n", name);
	exit(2);
}

static void dump(struct scene *s, struct drawing *d, struct image *img, uint32_t snapshot)
{
	struct state st = {.self = xcalloc(s->tree.cap, sizeof(*st.self))};
	struct moment m = {.self = st.self, .numbers = &st, .at_rest = true};
	struct strbuf sb = {0};

	if (snapshot >= s->timeline.n_snapshots || scene_state(s, snapshot, &st)) {
		fprintf(stderr, "layout_dump: no snapshot %u\n", snapshot);
		exit(1);
	}
	m.from_ns = st.t0_ns;
	m.to_ns = st.t1_ns;
	drawing_image(d, img, &m);
	drawing_describe(d, &sb);
	printf("\nsnapshots %u to %u, %llu samples\n%s", st.first, st.end - 1,
	       (unsigned long long)st.account.taken, strbuf_str(&sb));
	strbuf_deinit(&sb);
	free(st.self);
}

int main(int argc, char **argv)
{
	struct render_options opt = {.no_system_fonts = true};
	const char *path = argc > 1 ? argv[1] : "";
	struct recording rec;
	struct geometry geo;
	struct scene *scene;
	struct drawing *d;
	struct image_pool *pool;
	struct image *img;

	if (argc < 5 || sscanf(argv[2], "%dx%d", &opt.width, &opt.height) != 2)
		return 2;
	opt.order = strstr(argv[3], "+weight") ? ORDER_WEIGHT : ORDER_NAME;
	opt.no_fold = strstr(argv[3], "+nofold");
	argv[3][strcspn(argv[3], "+")] = '\0';
	opt.scale = scale_of(argv[3]);
	if (import_folded(&path, 1, NULL, &rec))
		return 1;
	geometry_plan(&geo, &opt);
	if (scene_create(&rec, &opt, geo.flame_width, geo.max_rows, &scene))
		return 1;
	d = drawing_create(scene, &geo);
	pool = image_pool_create(geo.width, geo.height, 1);
	if (!d || !pool)
		return 1;
	img = image_get(pool);
	printf("full width %llu / 1,000,000,000, %u rows of %u, %u steps of %u, window %u\n",
	       (unsigned long long)scene->full, scene->tree.n_rows, geo.max_rows,
	       scene->timeline.n_steps, scene->timeline.intervals_per_step, scene->timeline.window);
	for (int i = 4; i < argc; i++)
		dump(scene, d, img, (uint32_t)strtoul(argv[i], NULL, 10));
	image_unref(img);
	image_pool_destroy(pool);
	drawing_destroy(d);
	scene_destroy(scene);
	recording_deinit(&rec);
	return 0;
}
