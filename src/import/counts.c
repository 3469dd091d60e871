#include "import/counts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/varint.h"
#include "base/xalloc.h"

/* For each entry three varints: the step of the process, that of the node (from 0 again where the
 * process changed), and the count. */
struct counts {
	uint8_t *bytes;
	size_t len, cap;
	size_t *start; /* in bytes, of each snapshot */
	size_t n, cap_start;
};

static int counts_load(struct recording *rec, size_t index, struct snapshot *s)
{
	const struct counts *c = rec->impl;
	const uint8_t *p = c->bytes + c->start[index];
	const uint8_t *end = c->bytes + (index + 1 < c->n ? c->start[index + 1] : c->len);
	uint64_t process = 0, node = 0;

	while (p < end) {
		uint64_t step[3];

		for (int i = 0; i < 3; i++) {
			size_t n = varint_get(p, end, &step[i]);

			if (!n)
				return -EBADMSG;
			p += n;
		}
		process += step[0];
		node = step[0] ? step[1] : node + step[1];
		snapshot_add(s, process, node, step[2]);
	}
	return 0;
}

static void counts_close(struct recording *rec)
{
	struct counts *c = rec->impl;

	free(c->bytes);
	free(c->start);
	free(c);
}

void counts_attach(struct recording *rec)
{
	struct counts *c = xcalloc(1, sizeof(*c));

	/* Never NULL, so that a recording without samples has an address, too. */
	c->bytes = xgrow(NULL, &c->cap, 1, 1);
	rec->impl = c;
	rec->load = counts_load;
	rec->close = counts_close;
}

void counts_append(struct recording *rec, const struct snapshot *s)
{
	struct counts *c = rec->impl;
	uint32_t process = 0, node = 0;

	c->start = xgrow(c->start, &c->cap_start, c->n + 1, sizeof(*c->start));
	c->start[c->n++] = c->len;
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *e = &s->entry[i];
		uint8_t *at;

		c->bytes = xgrow(c->bytes, &c->cap, c->len + 3 * VARINT_MAX, 1);
		at = c->bytes + c->len;
		if (e->process != process)
			node = 0;
		at += varint_put(at, e->process - process);
		at += varint_put(at, e->node - node);
		at += varint_put(at, e->count);
		c->len = at - c->bytes;
		process = e->process;
		node = e->node;
	}
	recording_add_info(rec, &s->info);
}
