#include "import/folded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "import/counts.h"
#include "import/frames.h"
#include "import/header.h"
#include "import/text.h"

#define NS_PER_S	1000000000u
#define COMPACT_ENTRIES (1u << 20)

/* What the stack before had up to the end of one of its frames. */
struct level {
	uint32_t end; /* in bytes from the beginning of the line */
	uint32_t node;
	bool in_kernel, is_truncated;
};

struct parser {
	struct text text;
	struct recording *rec;
	struct frames frames;
	uint32_t mark; /* the frame [truncated] */

	/* The snapshot that stacks are added to. */
	struct snapshot open;
	bool is_open;
	size_t compact_at;

	enum { TIMES_UNKNOWN, TIMES_OF_FILES, TIMES_OF_HEADERS } times;
	uint64_t file_t0_ns, file_t1_ns; /* of TIMES_OF_FILES */
	bool file_has_content, has_stack;
	uint64_t total, n_cut;

	/* The stack before, whose frames are in level[]; NULL: none. */
	const char *prev;
	size_t prev_len, prev_block, n_levels;
	uint32_t process;
	struct level level[FOLDED_MAX_DEPTH + 1];
};

/* Snapshots */

static void close_snapshot(struct parser *p)
{
	struct account *a = &p->open.info.account;

	if (!p->is_open)
		return;
	snapshot_sort(&p->open);
	a->complete = a->taken - a->truncated;
	a->expected = a->taken;
	counts_append(p->rec, &p->open);
	p->open.n_entries = 0;
	p->is_open = false;
}

static void open_snapshot(struct parser *p, uint64_t t0_ns, uint64_t t1_ns)
{
	close_snapshot(p);
	p->open.info = (struct snapshot_info){.t0_ns = t0_ns, .t1_ns = t1_ns};
	p->is_open = true;
	if (!p->rec->n_snapshots)
		p->rec->meta.interval_ns = t1_ns - t0_ns;
}

/* One great file without headers takes memory for its distinct stacks only, not for its lines. */
static void add_entry(struct parser *p, uint32_t process, uint32_t node, uint64_t count)
{
	snapshot_add(&p->open, process, node, count);
	if (p->open.n_entries < p->compact_at)
		return;
	snapshot_sort(&p->open);
	p->compact_at = 2 * p->open.n_entries;
	if (p->compact_at < COMPACT_ENTRIES)
		p->compact_at = COMPACT_ENTRIES;
}

static int begin_block(struct parser *p, const struct header *h)
{
	struct snapshot_info *open = &p->open.info;

	if (p->times == TIMES_OF_FILES)
		return text_bad(&p->text, "a '# t=' header after stacks that have none");
	p->times = TIMES_OF_HEADERS;
	p->file_has_content = true;
	if (p->is_open && h->t0_ns < open->t0_ns)
		return text_bad(&p->text, "t= runs backwards; put the blocks in order of time");
	if (p->is_open && h->t0_ns == open->t0_ns) {
		if (h->t1_ns != open->t1_ns)
			return text_bad(&p->text,
					"the block before has the same t= and another dur=");
		return 0;
	}
	if (p->is_open && h->t0_ns < open->t1_ns) {
		if (open->t1_ns - h->t0_ns > FOLDED_MAX_OVERLAP_NS)
			return text_bad(&p->text, "t= is before the end of the block before");
		open->t1_ns = h->t0_ns;
	}
	open_snapshot(p, h->t0_ns, h->t1_ns);
	return 0;
}

/* Opens the snapshot of a file without headers at its first stack. */
static int begin_stack(struct parser *p)
{
	if (!p->file_has_content) {
		if (p->times == TIMES_OF_HEADERS)
			return text_bad(&p->text, "a stack before the first '# t=' header");
		p->times = TIMES_OF_FILES;
		open_snapshot(p, p->file_t0_ns, p->file_t1_ns);
	}
	p->file_has_content = p->has_stack = true;
	return 0;
}

/* Stacks */

static size_t common_prefix(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			break;
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static bool is_delimiter(const char *frame, size_t len, const struct level *above)
{
	return frame[0] == '-' && (len == 1 || (len == 2 && frame[1] == '-')) && above->node &&
	       !above->in_kernel;
}

/* Adds the level of the frame [s + from, s + end). */
static int add_level(struct parser *p, const char *s, size_t from, size_t end, bool is_last)
{
	struct level *above = p->n_levels ? &p->level[p->n_levels - 1] : NULL;
	struct level *level = &p->level[p->n_levels];
	uint32_t frame;

	if (!above) {
		*level = (struct level){.end = end};
		p->process = frames_process(&p->frames, s, end);
		if (p->process == FRAMES_FULL)
			return text_bad(&p->text, "the names of the frames are more than 1 GiB");
		p->n_levels++;
		return 0;
	}
	*level = *above;
	level->end = end;
	if (!is_last && is_delimiter(s + from, end - from, above)) {
		level->in_kernel = true;
		p->n_levels++;
		return 0;
	}
	if (p->n_levels < FOLDED_MAX_DEPTH || is_last) {
		frame = frames_find(&p->frames, s + from, end - from, above->in_kernel);
	} else {
		frame = p->mark;
		p->n_cut++;
	}
	if (frame == FRAMES_FULL)
		return text_bad(&p->text, "the names of the frames are more than 1 GiB");
	level->node = dict_node(&p->rec->dict, above->node, frame);
	level->is_truncated |= frame == p->mark;
	p->n_levels++;
	return 0;
}

/* Sets level[] to the frames of a stack, of which those that the line before began with, too, are
 * there already: sorted text, as all writers of it make, repeats most of each line. */
static int walk_stack(struct parser *p, const char *s, size_t len)
{
	size_t n = 0, at = 0;

	if (p->prev && p->prev_block == p->text.block) {
		size_t same = common_prefix(p->prev, s, len < p->prev_len ? len : p->prev_len);

		while (n < p->n_levels && p->level[n].end < same)
			n++;
		/* A cut stack's last level is not the frame that stands in the line. */
		if (n > FOLDED_MAX_DEPTH)
			n = FOLDED_MAX_DEPTH;
		if (n)
			at = p->level[n - 1].end + 1;
	}
	p->n_levels = n;
	p->prev = NULL;
	do {
		const char *stop = memchr(s + at, ';', len - at);
		size_t end = stop ? (size_t)(stop - s) : len;
		int err = add_level(p, s, at, end, !stop);

		if (err)
			return err;
		at = end + 1;
	} while (at <= len && p->n_levels <= FOLDED_MAX_DEPTH);
	if (p->rec->dict.n_nodes > FOLDED_MAX_NODES)
		return text_bad(&p->text, "more than %u different stacks", FOLDED_MAX_NODES);
	p->prev = s;
	p->prev_len = len;
	p->prev_block = p->text.block;
	return 0;
}

static int read_count(const struct parser *p, const char *s, const char *end, uint64_t *count_ret)
{
	int n = header_digits(s, end, count_ret);
	int show = text_shown(end - s);
	const char *rest = s + n;

	if (n > 0 && rest == end)
		return 0;
	if (n < 0)
		return text_bad(&p->text, "the count %.*s is beyond 64 bits", show, s);
	if (end - s > 1 && s[0] == '-' && text_is_digit(s[1]))
		return text_bad(&p->text, "the count %.*s is negative", show, s);
	if (n && *rest == '.') {
		do
			rest++;
		while (rest < end && *rest == '0');
		if (rest == end)
			return 0;
		if (text_is_digit(*rest))
			return text_bad(&p->text,
					"the count %.*s is a fraction; scale all counts up first",
					show, s);
	}
	return text_bad(&p->text, "'%.*s' is no count; a line is 'process;frame;frame COUNT'", show,
			s);
}

static int add_stack(struct parser *p, const char *s, size_t len, uint64_t count)
{
	struct account *a = &p->open.info.account;
	const struct level *last;
	int err;

	if (__builtin_add_overflow(p->total, count, &p->total))
		return text_bad(&p->text, "the counts add up to more than 64 bits");
	err = walk_stack(p, s, len);
	if (err)
		return err;
	last = &p->level[p->n_levels - 1];
	a->taken += count;
	if (last->is_truncated)
		a->truncated += count;
	add_entry(p, p->process, last->node, count);
	return 0;
}

static int parse_stack(struct parser *p, const char *s, const char *end)
{
	const char *count_at;
	uint64_t count;
	int err;

	while (end > s && text_is_blank(end[-1]))
		end--;
	if (s == end)
		return 0;
	for (count_at = end; count_at > s && !text_is_blank(count_at[-1]); count_at--)
		;
	err = read_count(p, count_at, end, &count);
	if (err)
		return err;
	for (end = count_at; end > s && text_is_blank(end[-1]); end--)
		;
	if (s == end)
		return text_bad(&p->text, "there is no stack before the count");
	while (end > s && end[-1] == ';')
		end--;
	err = begin_stack(p);
	if (err || !count)
		return err;
	return add_stack(p, s, end - s, count);
}

static int parse_line(void *arg, const char *s, const char *end)
{
	struct parser *p = arg;
	struct header header;
	int err;

	if (s == end || *s != '#')
		return parse_stack(p, s, end);
	err = header_read(&p->text, s, end, &p->rec->meta, &header);
	if (err || header.kind != HEADER_TIME)
		return err;
	return begin_block(p, &header);
}

/* The whole */

static struct parser *parser_create(struct recording *rec)
{
	struct parser *p = xcalloc(1, sizeof(*p));

	recording_init(rec);
	rec->meta.finished = true;
	counts_attach(rec);
	p->rec = rec;
	p->text = (struct text){.handle = parse_line, .arg = p};
	p->compact_at = COMPACT_ENTRIES;
	frames_init(&p->frames, &rec->dict);
	p->mark = frames_find(&p->frames, FRAME_TRUNCATED, strlen(FRAME_TRUNCATED), false);
	return p;
}

/* Closes the last snapshot unless err, frees p, and passes the error on. */
static int parser_finish(struct parser *p, int err)
{
	struct recording_meta *meta = &p->rec->meta;

	if (!err && !p->has_stack) {
		log_error("there is no stack in '%s'", p->text.name);
		err = -ENODATA;
	}
	if (!err) {
		close_snapshot(p);
		if (!meta->period_ns && meta->freq_hz)
			meta->period_ns = (NS_PER_S + meta->freq_hz / 2) / meta->freq_hz;
		if (p->n_cut)
			log_warn("%llu stacks are deeper than %d frames, and are cut there",
				 (unsigned long long)p->n_cut, FOLDED_MAX_DEPTH);
	}
	snapshot_deinit(&p->open);
	frames_deinit(&p->frames);
	free(p);
	return err;
}

static int begin_file(struct parser *p, const char *name, size_t i,
		      const struct folded_options *opt)
{
	uint64_t interval_ns = opt && opt->interval_ns ? opt->interval_ns : NS_PER_S;

	p->text.name = name;
	p->file_has_content = false;
	if (__builtin_mul_overflow(interval_ns, i, &p->file_t0_ns) ||
	    __builtin_add_overflow(p->file_t0_ns, interval_ns, &p->file_t1_ns)) {
		log_error("'%s': %zu intervals are beyond 64 bits of ns; use a shorter interval",
			  name, i + 1);
		return -EOVERFLOW;
	}
	return 0;
}

static int end_file(const struct parser *p)
{
	if (p->file_has_content)
		return 0;
	if (p->text.size_bytes)
		log_error("'%s' holds no stack; a line is 'process;frame;frame COUNT'",
			  p->text.name);
	else
		log_error("'%s' is empty", p->text.name);
	return -ENODATA;
}

int import_folded(const char *const *paths, size_t n, const struct folded_options *opt,
		  struct recording *rec)
{
	struct parser *p = parser_create(rec);
	int err = n ? 0 : -EINVAL;

	for (size_t i = 0; !err && i < n; i++) {
		err = begin_file(p, paths[i], i, opt);
		if (!err)
			err = text_read_file(&p->text, paths[i]);
		if (!err)
			err = end_file(p);
	}
	return parser_finish(p, err);
}

int import_folded_text(const char *name, const char *text, size_t size_bytes,
		       const struct folded_options *opt, struct recording *rec)
{
	struct parser *p = parser_create(rec);
	int err = begin_file(p, name, 0, opt);

	if (!err)
		err = text_read_memory(&p->text, text, size_bytes);
	if (!err)
		err = end_file(p);
	return parser_finish(p, err);
}
