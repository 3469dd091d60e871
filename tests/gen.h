#ifndef TESTS_GEN_H
#define TESTS_GEN_H

/*
 * Folded text of a machine that never was, with time headers, for golden tests and benches (the
 * program is tests/tools/gen_folded.c). The same options give the same bytes on every machine: a
 * random generator of its own, and integers only. Whoever changes what it writes updates every
 * golden file made of it.
 *
 * A pool of stacks is made once; neighbours in it share most of their frames. Each snapshot draws
 * busy_cpus × freq_hz × interval samples from the pool by weight, and the weights drift. So even
 * without drift each snapshot has the noise of real sampling.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

#define GEN_KERNEL_NAMES 200
#define GEN_JOB_STACKS	 8
#define GEN_NEVER	 UINT32_MAX

struct gen_options {
	uint64_t seed;
	uint64_t start_s; /* unix time of the first snapshot */
	uint32_t snapshots, interval_ms;
	uint32_t stacks, depth; /* depth: the greatest, in frames below the process */
	uint32_t name_bytes;	/* mean length of a name */
	uint32_t processes;
	uint32_t cpus, busy_cpus, freq_hz;
	uint32_t kernel_percent; /* of the stacks end in kernel code */
	uint32_t grow_from;	 /* snapshot from which a function grows; GEN_NEVER: none does */
	uint32_t grow_percent;	 /* of all samples, which it has in the last snapshot */
	uint32_t churn;		 /* new processes a snapshot, each of which lives for two */
	bool noise;		 /* weights do not drift */
	bool java;		 /* all stacks near the greatest depth, JIT names */
	bool every_stack;	 /* each has a sample in each snapshot */
};

#define GEN_DEFAULTS                                                                               \
	((struct gen_options){.seed = 1,                                                           \
			      .start_s = 1763647407,                                               \
			      .snapshots = 60,                                                     \
			      .interval_ms = 1000,                                                 \
			      .stacks = 1500,                                                      \
			      .depth = 60,                                                         \
			      .name_bytes = 48,                                                    \
			      .processes = 8,                                                      \
			      .cpus = 8,                                                           \
			      .busy_cpus = 8,                                                      \
			      .freq_hz = 99,                                                       \
			      .kernel_percent = 25,                                                \
			      .grow_from = GEN_NEVER,                                              \
			      .grow_percent = 50})

struct gen_stack {
	uint32_t process, n_user, n_kernel;
	uint32_t *name; /* user frames, then kernel frames */
	uint32_t weight;
};

struct gen {
	struct gen_options opt;
	uint64_t state;
	uint32_t n_names;
	char **name, **kernel_name, **process;
	struct gen_stack *stack;
	uint64_t *upto;	 /* sum of the weights up to each stack, inclusive */
	uint64_t *count; /* of each stack in this snapshot */
	uint64_t *job;	 /* of each living job's stacks */
};

/* At most one call in an expression: the order of two would be the compiler's choice. */
static uint64_t gen_random(struct gen *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint32_t gen_below(struct gen *g, uint32_t n)
{
	return n ? gen_random(g) % n : 0;
}

/* Words up to about len bytes; the number at the end keeps names apart. */
static char *gen_name(struct gen *g, const char *between, uint32_t len, uint32_t number)
{
	static const char *const words[] = {
	    "alloc", "batch", "cache", "decode", "entry", "find",  "gather", "hash",
	    "index", "join",  "key",   "lookup", "merge", "next",  "open",   "parse",
	    "query", "read",  "scan",  "tree",	 "unpin", "visit", "write",  "xlog",
	    "yield", "zone",  "page",  "buffer", "lock",  "row",   "tuple",  "stream",
	};
	struct strbuf sb = {0};

	len = len / 2 + gen_below(g, len + 1);
	do {
		if (sb.len)
			strbuf_adds(&sb, gen_below(g, 4) ? "_" : between);
		strbuf_adds(&sb, words[gen_below(g, ARRAY_SIZE(words))]);
	} while (sb.len + 8 < len);
	strbuf_addf(&sb, "_%u", number);
	return strbuf_detach(&sb);
}

static uint32_t gen_depth(struct gen *g)
{
	uint32_t span = g->opt.depth > 2 ? g->opt.depth - 2 : 0;
	uint32_t a, b, c;

	if (g->opt.java)
		return g->opt.depth - gen_below(g, g->opt.depth / 10 + 1);
	a = gen_below(g, span + 1);
	b = gen_below(g, span + 1);
	c = gen_below(g, span + 1);
	return 2 + ((a < b ? a : b) + c) / 2;
}

/* A stack that begins like the one before it, if that is of the same process. */
static void gen_stack(struct gen *g, uint32_t i)
{
	struct gen_stack *s = &g->stack[i];
	const struct gen_stack *before = i ? s - 1 : NULL;
	uint32_t depth = gen_depth(g), shared = 0;

	s->process = (uint64_t)i * g->opt.processes / g->opt.stacks;
	if (gen_below(g, 100) < g->opt.kernel_percent)
		s->n_kernel = 2 + gen_below(g, 5);
	if (s->n_kernel > depth / 2)
		s->n_kernel = depth / 2;
	s->n_user = depth - s->n_kernel;
	s->name = xcalloc(depth, sizeof(*s->name));
	if (before && before->process == s->process) {
		shared = (uint64_t)before->n_user * (40 + gen_below(g, 60)) / 100;
		if (shared > s->n_user)
			shared = s->n_user;
		memcpy(s->name, before->name, shared * sizeof(*s->name));
	}
	for (uint32_t j = shared; j < s->n_user; j++)
		s->name[j] = j ? gen_below(g, g->n_names) : s->process % g->n_names;
	for (uint32_t j = s->n_user; j < depth; j++)
		s->name[j] = j == s->n_user ? 0 : gen_below(g, GEN_KERNEL_NAMES);
	s->weight = 1 + gen_below(g, 8);
	s->weight <<= gen_below(g, 10);
}

static void gen_init(struct gen *g, const struct gen_options *opt)
{
	*g = (struct gen){.opt = *opt, .state = opt->seed};
	g->n_names = 1000 + opt->stacks / 2;
	g->name = xcalloc(g->n_names, sizeof(*g->name));
	g->kernel_name = xcalloc(GEN_KERNEL_NAMES, sizeof(*g->kernel_name));
	g->process = xcalloc(opt->processes, sizeof(*g->process));
	for (uint32_t i = 0; i < g->n_names; i++)
		g->name[i] = gen_name(g, opt->java ? "." : "::", opt->name_bytes, i);
	for (uint32_t i = 0; i < GEN_KERNEL_NAMES; i++)
		g->kernel_name[i] = gen_name(g, "_", 20, i);
	for (uint32_t i = 0; i < opt->processes; i++)
		g->process[i] = gen_name(g, "-", 6, i);
	g->stack = xcalloc(opt->stacks, sizeof(*g->stack));
	g->upto = xcalloc(opt->stacks, sizeof(*g->upto));
	g->count = xcalloc(opt->stacks, sizeof(*g->count));
	g->job = xcalloc(2 * (size_t)opt->churn, GEN_JOB_STACKS * sizeof(*g->job));
	for (uint32_t i = 0; i < opt->stacks; i++)
		gen_stack(g, i);
}

static void gen_deinit(struct gen *g)
{
	for (uint32_t i = 0; i < g->n_names; i++)
		free(g->name[i]);
	for (uint32_t i = 0; i < GEN_KERNEL_NAMES; i++)
		free(g->kernel_name[i]);
	for (uint32_t i = 0; i < g->opt.processes; i++)
		free(g->process[i]);
	for (uint32_t i = 0; i < g->opt.stacks; i++)
		free(g->stack[i].name);
	free(g->name);
	free(g->kernel_name);
	free(g->process);
	free(g->stack);
	free(g->upto);
	free(g->count);
	free(g->job);
}

static void gen_drift(struct gen *g)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < g->opt.stacks; i++) {
		uint32_t *w = &g->stack[i].weight;

		if (!g->opt.noise) {
			*w = *w * (6 + gen_below(g, 5)) / 8;
			*w += gen_below(g, 2);
			*w = *w < 1 ? 1 : *w > 1 << 16 ? 1 << 16 : *w;
		}
		g->upto[i] = sum += *w;
	}
}

static uint32_t gen_draw(struct gen *g)
{
	uint64_t at = gen_random(g) % g->upto[g->opt.stacks - 1];
	uint32_t low = 0, high = g->opt.stacks - 1;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (g->upto[mid] > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void gen_line(struct gen *g, struct strbuf *out, const char *process,
		     const struct gen_stack *s, uint64_t count)
{
	strbuf_adds(out, process);
	for (uint32_t j = 0; j < s->n_user; j++) {
		strbuf_addc(out, ';');
		strbuf_adds(out, g->name[s->name[j]]);
		if (g->opt.java)
			strbuf_adds(out, "_[j]");
	}
	for (uint32_t j = s->n_user; j < s->n_user + s->n_kernel; j++) {
		strbuf_addc(out, ';');
		strbuf_adds(out, g->kernel_name[s->name[j]]);
		strbuf_adds(out, "_[k]");
	}
	strbuf_addf(out, " %llu\n", (unsigned long long)count);
}

static uint64_t gen_samples_of_growth(const struct gen *g, uint32_t t, uint64_t samples)
{
	const struct gen_options *o = &g->opt;

	if (o->grow_from == GEN_NEVER || t < o->grow_from)
		return 0;
	return samples * o->grow_percent * (t - o->grow_from + 1) /
	       (100ull * (o->snapshots - o->grow_from));
}

static void gen_write_jobs(struct gen *g, struct strbuf *out, uint32_t t)
{
	char process[32];

	for (uint32_t i = 0; i < 2 * g->opt.churn; i++) {
		/* Those born in the last snapshot come first. */
		uint64_t number = (uint64_t)t * g->opt.churn + i;

		snprintf(process, sizeof(process), "job-%llu", (unsigned long long)number);
		for (uint32_t j = 0; j < GEN_JOB_STACKS; j++) {
			uint64_t *count = &g->job[i * GEN_JOB_STACKS + j];

			if (*count)
				gen_line(g, out, process,
					 &g->stack[(number * 31 + j) % g->opt.stacks], *count);
			*count = 0;
		}
	}
}

/* Adds snapshot t; they are to be asked for in order. */
static void gen_snapshot(struct gen *g, struct strbuf *out, uint32_t t)
{
	const struct gen_options *o = &g->opt;
	uint64_t at_ms = o->start_s * 1000 + (uint64_t)t * o->interval_ms;
	uint64_t samples = (uint64_t)o->busy_cpus * o->freq_hz * o->interval_ms / 1000;
	uint64_t grown = gen_samples_of_growth(g, t, samples);

	strbuf_addf(out, "# t=%llu.%03u000000 dur=%u.%03u\n", (unsigned long long)(at_ms / 1000),
		    (uint32_t)(at_ms % 1000), o->interval_ms / 1000, o->interval_ms % 1000);
	gen_drift(g);
	for (uint64_t i = grown; i < samples; i++) {
		if (o->churn && gen_below(g, 100) < 30)
			g->job[gen_below(g, 2 * o->churn * GEN_JOB_STACKS)]++;
		else
			g->count[gen_draw(g)]++;
	}
	if (grown)
		strbuf_addf(out, "%s;%s;function_that_grows %llu\n", g->process[0], g->name[0],
			    (unsigned long long)grown);
	for (uint32_t i = 0; i < o->stacks; i++) {
		const struct gen_stack *s = &g->stack[i];

		if (o->every_stack || g->count[i])
			gen_line(g, out, g->process[s->process], s, g->count[i] + o->every_stack);
		g->count[i] = 0;
	}
	gen_write_jobs(g, out, t);
}

static void gen_header(const struct gen *g, struct strbuf *out)
{
	strbuf_addf(
	    out, "# flamelapse host=gen event=cpu-clock freq_hz=%u period_ns=%u online_cpus=%u\n",
	    g->opt.freq_hz, 1000000000 / g->opt.freq_hz, g->opt.cpus);
}

#endif
