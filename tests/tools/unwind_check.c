/*
 * Holds the kernel's unwinding by tables against libdw's, sample by sample:
 *
 *	unwind_check [-F HZ] [-k PERCENT] [-n] COMMAND …
 *
 * Every stack of the command is copied, and the namer unwinds the copy; of the same sample the
 * collector tells what the tables gave. Prints a line of counts, and the first stacks that differ.
 * Ends with 1 where less than 99.9 % of those that both call complete are the same, where an
 * address of a complete one lies in no mapping, or where the tables alone complete less than
 * PERCENT of those that libdw does (98), once they were there. With -n only those stacks are copied
 * that the tables could not do, as in a recording; that is for the time of the BPF program, which
 *is printed where kernel.bpf_stats_enabled is set: all of it, by the samples of the command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "bpf/sampler.h"
#include "capture/collector.h"
#include "profile/stack_copy.h"
#include "symbols/namer.h"

#define SHOWN_MAX 4

/* What libdw made of a copy. */
struct copied {
	uint32_t id;
	void *raw; /* NULL: it was unwound */
	size_t size;
	bool complete, stray;
	size_t n;
	struct wire_frame *frame;
};

static struct namer *namer;
static struct chan *chan;
static struct copied *copied;
static size_t n_copied, cap_copied;
static char path_of[65536][96];
static uint64_t n_stacks, n_late, n_kernel, n_libdw, n_libdw_ready, n_both, n_same, n_stray;
static uint64_t by_end[UNWIND_ENDS];
static uint64_t n_taken, bpf_ns;
static double least_percent = 98;

static void take_module(const struct chan_msg *m)
{
	static const enum module_kind kind[] = {
	    [WIRE_MODULE_FILE] = MODULE_ELF,	 [WIRE_MODULE_DELETED] = MODULE_ELF,
	    [WIRE_MODULE_MEMFD] = MODULE_ELF,	 [WIRE_MODULE_VDSO] = MODULE_VDSO,
	    [WIRE_MODULE_JIT] = MODULE_PERF_MAP, [WIRE_MODULE_OTHER] = MODULE_OTHER,
	};
	struct wire_module w;
	char *path;

	if (!wire_get(m->data, m->size, &w, sizeof(w)) || w.id >= 65536)
		return;
	path = path_of[w.id];
	snprintf(path, sizeof(path_of[0]), "%.*s", (int)(m->size - sizeof(w)),
		 (const char *)m->data + sizeof(w));
	namer_add_module(namer, w.id, kind[w.kind], path, m->fd);
}

static const struct stack_copy_map *find_map(const struct stack_copy_map *map, size_t n,
					     uint64_t address)
{
	for (size_t i = 0; i < n; i++)
		if (address >= map[i].start && address < map[i].end)
			return &map[i];
	return NULL;
}

static void take_copy(const struct chan_msg *m)
{
	const uint8_t *p = (const uint8_t *)m->data + sizeof(struct wire_copy);
	size_t size = m->size - sizeof(struct wire_copy);
	struct stack_copy head;
	struct wire_copy id;

	if (!wire_get(m->data, m->size, &id, sizeof(id)) ||
	    !wire_get(p, size, &head, sizeof(head)) || stack_copy_bytes(&head) != size)
		return;
	copied = xgrow(copied, &cap_copied, n_copied + 1, sizeof(*copied));
	copied[n_copied++] = (struct copied){.id = id.id, .raw = xmemdup(p, size), .size = size};
}

static void unwind(struct copied *c)
{
	const uint64_t *address;
	struct stack_copy_map *map;
	struct stack_copy head;
	size_t n;

	memcpy(&head, c->raw, sizeof(head));
	n = namer_unwind(namer, c->raw, c->size, &address, &c->complete);
	map = xmemdup((const uint8_t *)c->raw + sizeof(head), head.n_maps * sizeof(*map) + 1);
	c->frame = xcalloc(n + 1, sizeof(*c->frame));
	for (; c->n < n; c->n++) {
		const struct stack_copy_map *at =
		    find_map(map, head.n_maps, address[c->n] - !!c->n);

		if (!at)
			break;
		c->frame[c->n] =
		    (struct wire_frame){at->module, address[c->n] - at->start + at->pgoff};
	}
	c->stray = c->n < n;
	free(map);
	free(c->raw);
	c->raw = NULL;
}

static void show_frames(const char *who, const struct wire_stack_view *v, const struct copied *c)
{
	size_t n = c ? c->n : v->head.n_user;

	printf("  %s:", who);
	for (size_t i = 0; i < n; i++) {
		struct wire_frame f = c ? c->frame[i] : wire_user_frame(v, i);
		const char *slash = strrchr(path_of[f.module % 65536], '/');

		printf(" %s+%llx", slash ? slash + 1 : path_of[f.module % 65536],
		       (unsigned long long)f.offset);
	}
	printf("\n");
}

static bool are_same(const struct wire_stack_view *v, const struct copied *c)
{
	if (v->head.n_user != c->n)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		struct wire_frame f = wire_user_frame(v, i);

		if (f.module != c->frame[i].module || f.offset != c->frame[i].offset)
			return false;
	}
	return true;
}

static void compare(const struct wire_stack_view *v, const struct copied *c)
{
	bool kernel = v->head.end == UNWIND_COMPLETE, same;
	/* The kernel had no tables yet. */
	bool late = v->head.end == UNWIND_NO_TABLE || v->head.end == UNWIND_NO_PROCESS;

	n_stacks++;
	n_late += late;
	by_end[v->head.end % UNWIND_ENDS]++;
	n_kernel += kernel;
	n_libdw += c->complete;
	n_libdw_ready += c->complete && !late;
	n_stray += (kernel && v->head.flags & WIRE_STACK_BROKEN) || (c->complete && c->stray);
	if (!kernel || !c->complete)
		return;
	same = are_same(v, c);
	n_both++;
	n_same += same;
	if (same || n_both - n_same > SHOWN_MAX)
		return;
	printf("differ:\n");
	show_frames("tables", v, NULL);
	show_frames("libdw ", v, c);
}

static void take_stacks(const struct chan_msg *m)
{
	struct wire_stack_view v;
	size_t at = 0;

	while (wire_next_stack(m->data, m->size, &at, &v) == 1)
		for (size_t i = 0; v.head.copy && i < n_copied; i++)
			if (copied[i].id == v.head.copy) {
				if (copied[i].raw)
					unwind(&copied[i]);
				compare(&v, &copied[i]);
			}
}

static void forget_copied(void)
{
	for (size_t i = 0; i < n_copied; i++)
		free(copied[i].frame), free(copied[i].raw);
	n_copied = 0;
}

static void take_message(const struct chan_msg *m)
{
	struct wire_perfmap map;
	struct wire_snapshot snapshot;
	struct wire_ended ended;

	switch (m->type) {
	case WIRE_MODULE:
		take_module(m);
		break;
	case WIRE_PERFMAP:
		if (wire_get(m->data, m->size, &map, sizeof(map)))
			namer_add_module(namer, map.module, MODULE_PERF_MAP, "[jit]", m->fd);
		break;
	case WIRE_COPY:
		take_copy(m);
		break;
	case WIRE_STACKS:
		take_stacks(m);
		break;
	case WIRE_SNAPSHOT:
		forget_copied();
		if (wire_get(m->data, m->size, &snapshot, sizeof(snapshot)))
			n_taken += snapshot.info.account.taken;
		break;
	case WIRE_ENDED:
		if (wire_get(m->data, m->size, &ended, sizeof(ended)))
			bpf_ns = ended.bpf_ns;
		break;
	}
}

/* Until the command and the collector have ended. */
static int run(struct capture_options *opts)
{
	struct collector *c;
	struct chan_msg msg;
	pid_t tables;
	int status;

	opts->table_maker = namer_start_tables(NAMER_LIMIT_MS, &tables);
	c = collector_start(opts);
	close(opts->table_maker);
	if (!c)
		return 1;
	chan = collector_chan(c);
	while (chan_wait(chan, 60000, &msg) == 1) {
		take_message(&msg);
		if (msg.fd >= 0)
			close(msg.fd);
	}
	forget_copied();
	status = collector_join(c);
	namer_join_tables(tables);
	return status;
}

static double percent(uint64_t a, uint64_t b)
{
	return b ? 100.0 * a / b : 0;
}

int main(int argc, char **argv)
{
	struct capture_options opts = CAPTURE_OPTIONS_DEFAULT;
	int opt, status;

	opts.freq_hz = 499;
	opts.max_stack = SAMPLER_MAX_USER;
	opts.copying = SAMPLER_COPY_ALL;
	while ((opt = getopt(argc, argv, "+F:k:n")) > 0) {
		if (opt == 'F')
			opts.freq_hz = strtoul(optarg, NULL, 10);
		else if (opt == 'k')
			least_percent = atof(optarg);
		else if (opt == 'n')
			opts.copying = SAMPLER_COPY_NEEDED;
		else
			return 2;
	}
	opts.argv = argv + optind;
	namer = namer_create(NAMER_LIMIT_MS);
	if (!namer || !*opts.argv)
		return 2;
	status = run(&opts);
	namer_destroy(namer);
	free(copied);
	printf(
	    "%llu copied; complete: libdw %.2f %%, tables %.2f %% (%.2f %% of libdw's, late ones "
	    "left out); of %llu by both %.3f %% are the same; %llu in no mapping; ends:",
	    (unsigned long long)n_stacks, percent(n_libdw, n_stacks), percent(n_kernel, n_stacks),
	    percent(n_both, n_libdw_ready), (unsigned long long)n_both, percent(n_same, n_both),
	    (unsigned long long)n_stray);
	for (int i = 0; i < UNWIND_ENDS; i++)
		if (by_end[i])
			printf(" %d:%llu", i, (unsigned long long)by_end[i]);
	if (bpf_ns && n_taken)
		printf("; BPF %.2f us for each of %llu samples", bpf_ns / 1000.0 / n_taken,
		       (unsigned long long)n_taken);
	printf("\n");
	return status || n_stray || !n_both || percent(n_same, n_both) < 99.9 ||
	       percent(n_both, n_libdw_ready) < least_percent;
}
