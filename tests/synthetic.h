#ifndef TESTS_SYNTHETIC_H
#define TESTS_SYNTHETIC_H

/*
 * A machine that never was: stacks over a dict that grows as it runs, and snapshots that follow
 * from a seed and their number alone, so that whoever reads them back can make them anew and
 * compare. Few stacks are hot and many are cold (rank r is drawn with probability ~ 1/r), and a hot
 * stack is met early, as in real recordings.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "profile/dict.h"
#include "profile/recording.h"
#include "profile/snapshot.h"

#define SYNTHETIC_PROCESSES 16
#define SYNTHETIC_T0_NS	    UINT64_C(1763647407000000000)

struct synthetic {
	uint64_t seed;
	size_t n_stacks, n_samples; /* to draw from, and drawn for each snapshot */
	struct dict dict;
	uint32_t *node; /* stack → its node; 0 where it was not met yet */
	uint32_t process[SYNTHETIC_PROCESSES];
	struct snapshot s;
};

static inline uint64_t synthetic_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return hash_u64(*state, 0x5eed);
}

static inline void synthetic_init(struct synthetic *m, uint64_t seed, size_t n_stacks,
				  size_t n_samples)
{
	*m = (struct synthetic){.seed = seed, .n_stacks = n_stacks, .n_samples = n_samples};
	m->node = xcalloc(n_stacks, sizeof(*m->node));
	dict_init(&m->dict);
}

static inline void synthetic_deinit(struct synthetic *m)
{
	dict_deinit(&m->dict);
	snapshot_deinit(&m->s);
	free(m->node);
}

/* One frame more on the stack; deep ones are more often of the kernel. */
static inline uint32_t synthetic_push(struct synthetic *m, uint32_t node, uint64_t *state)
{
	unsigned function = synthetic_random(state) % 4000;
	enum frame_kind kind = function % 5 == 0    ? FRAME_KERNEL
			       : function % 29 == 0 ? FRAME_UNNAMED
						    : FRAME_USER;
	char name[96], path[32];
	int n = snprintf(name, sizeof(name),
			 kind == FRAME_UNNAMED ? "libwork.so+0x%x"
					       : "work::layer_%x::handle_request(int)",
			 function * 37);
	int p = snprintf(path, sizeof(path), "/usr/lib/libwork%u.so", function % 30);
	uint32_t module =
	    dict_module(&m->dict, dict_string(&m->dict, path, p), (const uint8_t *)path, 16);

	return dict_node(&m->dict, node,
			 dict_frame(&m->dict, dict_string(&m->dict, name, n), module, kind));
}

/*
 * Each stack branches off one that is hotter. About three nodes each, and 5 to 40 frames deep.
 */
static inline uint32_t synthetic_stack(struct synthetic *m, size_t rank)
{
	uint64_t state = m->seed ^ rank * 0x100000001b3u;
	unsigned new = 1 + synthetic_random(&state) % 5;
	uint32_t node = 0;

	if (m->node[rank])
		return m->node[rank];
	if (rank >= SYNTHETIC_PROCESSES)
		node = synthetic_stack(m, rank / 3);
	else
		new = 5 + synthetic_random(&state) % 15;
	for (unsigned up = rank % 3; up && m->dict.node[node].parent; up--)
		node = m->dict.node[node].parent;
	for (; new; new --)
		node = synthetic_push(m, node, &state);
	return m->node[rank] = node;
}

/* The process to which the stack belongs: that of the one it branches off. */
static inline uint32_t synthetic_process(struct synthetic *m, size_t i)
{
	char comm[16];
	int n;
	struct process p;

	while (i >= SYNTHETIC_PROCESSES)
		i /= 3;
	n = snprintf(comm, sizeof(comm), "worker %u", (unsigned)i % 8);
	p = (struct process){.pid = 1000 + i,
			     .start_ns = SYNTHETIC_T0_NS + i,
			     .tid = i % 3 ? 0 : 1000 + i,
			     .cpu = i % 5};

	if (!m->process[i]) {
		p.comm = dict_string(&m->dict, comm, n);
		p.thread = p.tid ? p.comm : 0;
		p.cgroup = i % 2 ? p.comm : 0;
		m->process[i] = dict_process(&m->dict, &p);
	}
	return m->process[i];
}

/* A rank below n: first how many bits it has, then these, which gives about 1/r. */
static inline size_t synthetic_rank(uint64_t *state, size_t n)
{
	unsigned bits = 64 - __builtin_clzll(n);
	uint64_t r;

	do {
		unsigned b = synthetic_random(state) % (bits + 1);

		r = (UINT64_C(1) << b) - 1 + synthetic_random(state) % (UINT64_C(1) << b);
	} while (r >= n);
	return r;
}

/* The i-th snapshot, in m->s. They have to be made in order, from 0. */
static inline void synthetic_snapshot(struct synthetic *m, uint64_t i)
{
	uint64_t state = m->seed + i * 0x2545f4914f6cdd1du;
	struct account *a = &m->s.info.account;

	m->s.n_entries = 0;
	for (size_t k = 0; k < m->n_samples; k++) {
		size_t rank = synthetic_rank(&state, m->n_stacks);

		snapshot_add(&m->s, synthetic_process(m, rank), synthetic_stack(m, rank), 1);
	}
	snapshot_sort(&m->s);
	m->s.info = (struct snapshot_info){.t0_ns = SYNTHETIC_T0_NS + i * 1000000000,
					   .t1_ns = SYNTHETIC_T0_NS + (i + 1) * 1000000000,
					   .mono_ns = i * 1000000000,
					   .boot_ns = 77 + i * 1000000000};
	a->taken = m->n_samples;
	a->truncated = m->n_samples / 10;
	a->kernel_only = m->n_samples / 20;
	a->complete = m->n_samples - a->truncated - a->kernel_only;
	a->idle = i % 7;
	a->filtered = i % 3;
	a->lost[i % LOSSES] = i % 5;
	a->expected = a->taken + a->idle + a->filtered + i % 5;
}

static inline struct recording_meta synthetic_meta(void)
{
	return (struct recording_meta){.host = (char *)"web1",
				       .unwinder = (char *)"frame pointers",
				       .kernel = (char *)"6.1.0-28-amd64",
				       .arch = (char *)"x86_64",
				       .version = (char *)"0.1.0",
				       .command = (char *)"make",
				       .command_status = -1,
				       .event = (char *)"cpu-clock",
				       .filter = (char *)"",
				       .online_cpus = 8,
				       .freq_hz = 99,
				       .period_ns = 10101010,
				       .interval_ns = 1000000000,
				       .utc_offset_s = 3600,
				       .follows_command = true,
				       .undelivered = -1};
}

/* NULL where the recording holds what the machine gave for snapshots [0, n), else what differs. */
static inline const char *synthetic_compare(uint64_t seed, size_t n_stacks, size_t n_samples,
					    struct recording *rec)
{
	struct snapshot s = {0};
	struct synthetic m;
	const char *what = NULL;

	synthetic_init(&m, seed, n_stacks, n_samples);
	for (size_t i = 0; i < rec->n_snapshots && !what; i++) {
		synthetic_snapshot(&m, i);
		if (recording_load(rec, i, &s))
			what = "a snapshot does not load";
		else if (memcmp(&s.info, &m.s.info, sizeof(s.info)))
			what = "the account differs";
		else if (s.n_entries != m.s.n_entries)
			what = "the number of entries differs";
		for (size_t e = 0; !what && e < s.n_entries; e++)
			if (s.entry[e].process != m.s.entry[e].process ||
			    s.entry[e].node != m.s.entry[e].node ||
			    s.entry[e].count != m.s.entry[e].count)
				what = "an entry differs";
	}
	if (!what &&
	    (rec->dict.n_frames != m.dict.n_frames || rec->dict.n_nodes != m.dict.n_nodes ||
	     (rec->n_snapshots && rec->dict.n_modules != m.dict.n_modules) ||
	     rec->dict.n_processes != m.dict.n_processes))
		what = "the dict has another size";
	for (size_t i = 0; !what && i < m.dict.n_nodes; i++)
		if (memcmp(&rec->dict.node[i], &m.dict.node[i], sizeof(m.dict.node[i])))
			what = "a node differs";
	for (size_t i = 0; !what && i < m.dict.n_frames; i++) {
		const struct frame *a = &rec->dict.frame[i], *b = &m.dict.frame[i];

		if (a->kind != b->kind || a->module != b->module ||
		    strcmp(dict_frame_name(&rec->dict, i), dict_frame_name(&m.dict, i)))
			what = "a frame differs";
	}
	for (size_t i = 0; !what && i < m.dict.n_modules; i++) {
		const struct module *a = &rec->dict.module[i], *b = &m.dict.module[i];

		if (strcmp(dict_text(&rec->dict, a->path), dict_text(&m.dict, b->path)) ||
		    a->build_id_size != b->build_id_size ||
		    memcmp(a->build_id, b->build_id, BUILD_ID_MAX))
			what = "a module differs";
	}
	for (size_t i = 0; !what && i < m.dict.n_processes; i++) {
		const struct process *a = &rec->dict.process[i], *b = &m.dict.process[i];

		if (a->pid != b->pid || a->start_ns != b->start_ns ||
		    a->is_kernel != b->is_kernel || a->tid != b->tid || a->cpu != b->cpu ||
		    strcmp(dict_text(&rec->dict, a->thread), dict_text(&m.dict, b->thread)) ||
		    strcmp(dict_text(&rec->dict, a->cgroup), dict_text(&m.dict, b->cgroup)) ||
		    strcmp(dict_text(&rec->dict, a->comm), dict_text(&m.dict, b->comm)))
			what = "a process differs";
	}
	snapshot_deinit(&s);
	synthetic_deinit(&m);
	return what;
}

#endif
