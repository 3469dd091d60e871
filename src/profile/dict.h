#ifndef PROFILE_DICT_H
#define PROFILE_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

/*
 * The names of a recording, and the stacks made of them, each interned once and then known by a
 * small number. The numbers count up from 0 in the order of first sight and never change, so that
 * a recording can append what is new.
 *
 *	string    clean UTF-8 (base/utf8.h); string 0 is ""
 *	module    a file or pseudo file whose code ran: path, build-id; module 0 is none
 *	frame     a stack frame: one function, by name, module and kind
 *	node      a stack: its parent node and its innermost frame; node 0 is the empty stack, and
 *	          a parent's number is always smaller than its child's
 *	process   who ran: pid, command, start, and which part of it; process 0 is "no process
 *	          known"
 */

enum frame_kind {
	FRAME_USER,
	FRAME_KERNEL,
	FRAME_JIT,     /* JIT-compiled or interpreted code, named by a perf map */
	FRAME_INLINED, /* inlined into its caller, known from DWARF */
	FRAME_UNNAMED, /* the address is known, its name is not */
	FRAME_MARK,    /* says something of the stack, such as "[truncated]" */
	FRAME_KINDS
};

/* The frame of kind FRAME_MARK under which incomplete stacks stand; where it is known why they are,
 * the reason stands in it too: "[truncated: too deep]". */
#define FRAME_TRUNCATED "[truncated]"

struct frame {
	uint32_t name;	 /* string */
	uint32_t module; /* module */
	uint8_t kind;	 /* enum frame_kind */
};

struct node {
	uint32_t parent, frame;
};

#define BUILD_ID_MAX 20

struct module {
	uint32_t path; /* string */
	uint8_t build_id_size, build_id[BUILD_ID_MAX];
};

struct process {
	uint32_t pid;
	uint32_t comm;	   /* string: name of the process, which is that of its main thread */
	bool is_kernel;	   /* a kernel thread */
	uint64_t start_ns; /* unix time of its fork or exec; 0 where it was there before us */
	uint32_t cgroup;   /* string: its path when it was first sampled; "" where not known */
	/* A part of it, where the recording keeps parts apart. */
	uint32_t tid;	 /* 0: all threads */
	uint32_t thread; /* string: the thread's name */
	uint32_t cpu;	 /* its number + 1; 0: all CPUs */
};

struct dict {
	char *text; /* all strings, each with its NUL */
	size_t text_len, text_cap;
	uint32_t *string; /* offset in text */
	size_t n_strings, cap_strings;
	struct module *module;
	size_t n_modules, cap_modules;
	struct frame *frame;
	size_t n_frames, cap_frames;
	struct node *node;
	size_t n_nodes, cap_nodes;
	struct process *process;
	size_t n_processes, cap_processes;
	uint64_t seed;
	struct index string_ix, module_ix, frame_ix, node_ix;
};

void dict_init(struct dict *d);
void dict_deinit(struct dict *d);

/* The caller has cleaned the text (utf8_add_clean). */
uint32_t dict_string(struct dict *d, const char *s, size_t len);
uint32_t dict_module(struct dict *d, uint32_t path, const uint8_t *build_id, size_t build_id_size);
uint32_t dict_frame(struct dict *d, uint32_t name, uint32_t module, enum frame_kind kind);
/* The stack that `frame` adds to `parent`. */
uint32_t dict_node(struct dict *d, uint32_t parent, uint32_t frame);
/* Not interned: each call is another process. */
uint32_t dict_process(struct dict *d, const struct process *p);

static inline const char *dict_text(const struct dict *d, uint32_t string)
{
	return d->text + d->string[string];
}

static inline const char *dict_frame_name(const struct dict *d, uint32_t frame)
{
	return dict_text(d, d->frame[frame].name);
}

#endif
