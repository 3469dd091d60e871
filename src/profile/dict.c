#include "profile/dict.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void dict_init(struct dict *d)
{
	*d = (struct dict){.seed = hash_seed()};
	dict_string(d, "", 0);
	dict_module(d, 0, NULL, 0);
	dict_process(d, &(struct process){0});
	d->node = xgrow(d->node, &d->cap_nodes, 1, sizeof(*d->node));
	d->node[d->n_nodes++] = (struct node){0};
}

void dict_deinit(struct dict *d)
{
	free(d->text);
	free(d->string);
	free(d->module);
	free(d->frame);
	free(d->node);
	free(d->process);
	index_deinit(&d->string_ix);
	index_deinit(&d->module_ix);
	index_deinit(&d->frame_ix);
	index_deinit(&d->node_ix);
	*d = (struct dict){0};
}

uint32_t dict_string(struct dict *d, const char *s, size_t len)
{
	uint64_t h = hash_bytes(s, len, d->seed);

	for (uint32_t it = 0, id; index_next(&d->string_ix, h, &it, &id);) {
		const char *have = dict_text(d, id);

		if (!strncmp(have, s, len) && !have[len])
			return id;
	}
	d->text = xgrow(d->text, &d->text_cap, d->text_len + len + 1, 1);
	d->string = xgrow(d->string, &d->cap_strings, d->n_strings + 1, sizeof(*d->string));
	d->string[d->n_strings] = d->text_len;
	memcpy(d->text + d->text_len, s, len);
	d->text[d->text_len + len] = '\0';
	d->text_len += len + 1;
	index_add(&d->string_ix, h, d->n_strings);
	return d->n_strings++;
}

uint32_t dict_module(struct dict *d, uint32_t path, const uint8_t *build_id, size_t size)
{
	struct module m = {.path = path, .build_id_size = size};
	uint64_t h;

	if (size > BUILD_ID_MAX)
		m.build_id_size = size = BUILD_ID_MAX;
	if (size)
		memcpy(m.build_id, build_id, size);
	h = hash_bytes(m.build_id, BUILD_ID_MAX, hash_u64(path, d->seed));
	for (uint32_t it = 0, id; index_next(&d->module_ix, h, &it, &id);) {
		const struct module *have = &d->module[id];

		if (have->path == path && have->build_id_size == size &&
		    !memcmp(have->build_id, m.build_id, BUILD_ID_MAX))
			return id;
	}
	d->module = xgrow(d->module, &d->cap_modules, d->n_modules + 1, sizeof(m));
	d->module[d->n_modules] = m;
	index_add(&d->module_ix, h, d->n_modules);
	return d->n_modules++;
}

uint32_t dict_frame(struct dict *d, uint32_t name, uint32_t module, enum frame_kind kind)
{
	struct frame f = {.name = name, .module = module, .kind = kind};
	uint64_t h = hash_u64((uint64_t)name << 32 | module, d->seed + kind);

	for (uint32_t it = 0, id; index_next(&d->frame_ix, h, &it, &id);) {
		const struct frame *have = &d->frame[id];

		if (have->name == name && have->module == module && have->kind == kind)
			return id;
	}
	d->frame = xgrow(d->frame, &d->cap_frames, d->n_frames + 1, sizeof(f));
	d->frame[d->n_frames] = f;
	index_add(&d->frame_ix, h, d->n_frames);
	return d->n_frames++;
}

uint32_t dict_node(struct dict *d, uint32_t parent, uint32_t frame)
{
	uint64_t h = hash_u64((uint64_t)parent << 32 | frame, d->seed);

	for (uint32_t it = 0, id; index_next(&d->node_ix, h, &it, &id);)
		if (d->node[id].parent == parent && d->node[id].frame == frame)
			return id;
	d->node = xgrow(d->node, &d->cap_nodes, d->n_nodes + 1, sizeof(*d->node));
	d->node[d->n_nodes] = (struct node){.parent = parent, .frame = frame};
	index_add(&d->node_ix, h, d->n_nodes);
	return d->n_nodes++;
}

uint32_t dict_process(struct dict *d, const struct process *p)
{
	d->process = xgrow(d->process, &d->cap_processes, d->n_processes + 1, sizeof(*p));
	d->process[d->n_processes] = *p;
	return d->n_processes++;
}
