#include "import/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "profile/kind.h"

void frames_init(struct frames *f, struct dict *dict)
{
	*f = (struct frames){.dict = dict};
}

static void set_deinit(struct frames_set *set)
{
	free(set->text);
	free(set->name);
	index_deinit(&set->ix);
}

void frames_deinit(struct frames *f)
{
	set_deinit(&f->frame);
	set_deinit(&f->process);
	strbuf_deinit(&f->clean);
	*f = (struct frames){0};
}

/* NULL when full. */
static struct frames_name *set_find(struct frames_set *set, const char *s, size_t len,
				    uint64_t seed)
{
	uint64_t h = hash_bytes(s, len, seed);
	struct frames_name *name;

	for (uint32_t it = 0, id; index_next(&set->ix, h, &it, &id);) {
		name = &set->name[id];
		if (name->len == len && !memcmp(set->text + name->at, s, len))
			return name;
	}
	if (len > FRAMES_MAX_BYTES - set->text_len)
		return NULL;
	set->text = xgrow(set->text, &set->text_cap, set->text_len + len + 1, 1);
	memcpy(set->text + set->text_len, s, len);
	set->name = xgrow(set->name, &set->cap, set->n + 1, sizeof(*set->name));
	name = &set->name[set->n];
	*name =
	    (struct frames_name){.at = set->text_len, .len = len, .id = {FRAMES_FULL, FRAMES_FULL}};
	set->text_len += len;
	index_add(&set->ix, h, set->n++);
	return name;
}

/* Cleaning can make four bytes of one, and the dict's offsets have 32 bits. */
static uint32_t clean_string(struct frames *f, const char *s, size_t len)
{
	strbuf_clear(&f->clean);
	utf8_add_clean(&f->clean, s, len);
	if (f->clean.len + f->dict->text_len > FRAMES_MAX_BYTES)
		return FRAMES_FULL;
	return dict_string(f->dict, strbuf_str(&f->clean), f->clean.len);
}

static uint32_t make_frame(struct frames *f, const char *s, size_t len, bool in_kernel)
{
	enum frame_kind kind = kind_of_name(s, &len);
	uint32_t string;

	if (kind == FRAME_USER && in_kernel)
		kind = FRAME_KERNEL;
	string =
	    len ? clean_string(f, s, len) : clean_string(f, FRAME_UNKNOWN, strlen(FRAME_UNKNOWN));
	return string == FRAMES_FULL ? FRAMES_FULL : dict_frame(f->dict, string, 0, kind);
}

uint32_t frames_find(struct frames *f, const char *s, size_t len, bool in_kernel)
{
	struct frames_name *name = set_find(&f->frame, s, len, f->dict->seed);

	if (!name)
		return FRAMES_FULL;
	if (name->id[in_kernel] == FRAMES_FULL)
		name->id[in_kernel] = make_frame(f, s, len, in_kernel);
	return name->id[in_kernel];
}

uint32_t frames_process(struct frames *f, const char *s, size_t len)
{
	struct frames_name *name;
	uint32_t comm;

	if (!len)
		return 0;
	name = set_find(&f->process, s, len, f->dict->seed);
	if (!name)
		return FRAMES_FULL;
	if (name->id[0] == FRAMES_FULL) {
		comm = clean_string(f, s, len);
		if (comm == FRAMES_FULL)
			return FRAMES_FULL;
		name->id[0] = dict_process(f->dict, &(struct process){.comm = comm});
	}
	return name->id[0];
}
