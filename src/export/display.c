#include "export/display.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

void display_init(struct display *ds, const struct dict *from, const struct folded_style *style,
		  const char *delimiter)
{
	*ds = (struct display){.from = from, .style = *style, .delimiter = delimiter};
	dict_init(&ds->dict);
	ds->name = xcalloc(from->n_frames + 1, sizeof(*ds->name));
	ds->node = xcalloc(from->n_nodes, sizeof(*ds->node));
}

void display_deinit(struct display *ds)
{
	dict_deinit(&ds->dict);
	free(ds->name);
	free(ds->node);
}

static const char *suffix(enum frame_kind kind)
{
	switch (kind) {
	case FRAME_KERNEL:
		return "_[k]";
	case FRAME_JIT:
		return "_[j]";
	case FRAME_INLINED:
		return "_[i]";
	default:
		return "";
	}
}

static uint32_t add_text(struct display *ds, const char *name, const char *end)
{
	struct strbuf sb = {0};
	uint32_t id;

	strbuf_adds(&sb, *name ? name : "[unknown]");
	strbuf_adds(&sb, end);
	for (char *p = sb.data; (p = strchr(p, ';'));)
		*p = ':';
	/* Readers drop blanks at the end of a line's stack. */
	if (sb.data[sb.len - 1] == ' ') {
		sb.data[--sb.len] = '\0';
		strbuf_adds(&sb, "\\x20");
	}
	id = dict_string(&ds->dict, sb.data, sb.len);
	strbuf_deinit(&sb);
	return id;
}

uint32_t display_text(struct display *ds, const char *name)
{
	return add_text(ds, name, "");
}

static uint32_t frame_text(struct display *ds, uint32_t frame)
{
	const struct frame *f = &ds->from->frame[frame];

	if (!ds->name[frame])
		ds->name[frame] = 1 + add_text(ds, dict_frame_name(ds->from, frame),
					       ds->style.annotate ? suffix(f->kind) : "");
	return ds->name[frame] - 1;
}

/* The kernel's part begins at this node, and there is a part of the process before it. */
static bool is_border(const struct dict *d, uint32_t node)
{
	uint32_t parent = d->node[node].parent;

	if (!parent || d->frame[d->node[node].frame].kind != FRAME_KERNEL)
		return false;
	return d->frame[d->node[parent].frame].kind != FRAME_KERNEL &&
	       d->frame[d->node[parent].frame].kind != FRAME_MARK;
}

static uint32_t make_node(struct display *ds, uint32_t node)
{
	const struct node *n = &ds->from->node[node];
	uint32_t parent = ds->node[n->parent] - 1;

	if (ds->style.delimited && is_border(ds->from, node))
		parent = dict_node(&ds->dict, parent,
				   dict_string(&ds->dict, ds->delimiter, strlen(ds->delimiter)));
	return dict_node(&ds->dict, parent, frame_text(ds, n->frame));
}

/* Parents first, without recursion: a stack may be as deep as its writer liked. */
uint32_t display_node(struct display *ds, uint32_t node)
{
	uint32_t *todo = NULL;
	size_t n = 0, cap = 0;

	ds->node[0] = 1;
	for (uint32_t up = node; !ds->node[up]; up = ds->from->node[up].parent) {
		todo = xgrow(todo, &cap, n + 1, sizeof(*todo));
		todo[n++] = up;
	}
	while (n) {
		uint32_t next = todo[--n];

		ds->node[next] = 1 + make_node(ds, next);
	}
	free(todo);
	return ds->node[node] - 1;
}
