#ifndef SYMBOLS_SUPERVISOR_H
#define SYMBOLS_SUPERVISOR_H

#include <stdint.h>
#include <sys/resource.h>

#include "symbols/lookup.h"

/*
 * The namer's side of the socket: a supervisor that holds the descriptors of all modules and
 * parses nothing, and a worker, its child, that parses. Both run confined, and neither opens files.
 *
 *	main -- MSG_ADD, MSG_REMOVE ---------------------------- supervisor -> worker
 *	main -- MSG_RESOLVE, MSG_IDENTIFY, MSG_DEBUG, MSG_UNWIND -- supervisor -> worker
 *	main <- MSG_NAMES, MSG_IDENTITY, MSG_DEBUG_TAKEN, MSG_FRAMES, MSG_FAILED
 *		supervisor <- worker
 *
 * A second such pair makes tables for the collector (profile/unwind_table.h), which asks it
 * likewise: TABLE_FILE is what MSG_ADD is here, and TABLE_WANT a question.
 *
 * There is at most one question (the second line) under way. Where the worker
 * dies over it, a fresh one, which inherits the descriptors, gets it once more, since memory that
 * other modules used or the kernel's OOM killer may have been the cause; where that one dies too,
 *or does not answer in time and is killed, the answer is MSG_FAILED, and main does not ask for that
 * module again.
 *
 * After each request that ran out of time the limit is halved, down to an eighth, so that hostile
 * files cannot hold a recording up for long.
 */
enum {
	MSG_ADD = 1,  /* struct msg_add, then the path; the descriptor, if there is one */
	MSG_REMOVE,   /* uint32_t module */
	MSG_RESOLVE,  /* struct msg_resolve, then uint64_t offsets */
	MSG_NAMES,    /* struct msg_names, then for each offset a struct msg_name, text, module */
	MSG_IDENTIFY, /* uint32_t module */
	MSG_IDENTITY, /* struct identity */
	MSG_DEBUG,    /* uint32_t module; the descriptor of what may be its debug file */
	MSG_DEBUG_TAKEN, /* uint8_t: it is */
	MSG_UNWIND,	 /* struct stack_copy with all that belongs to it */
	MSG_FRAMES,	 /* uint8_t: complete; then the addresses as uint64_t */
	MSG_FAILED,	 /* nothing */
};

/* At most so many offsets in a request, for an answer within CHAN_MAX_BYTES. */
#define MSG_MAX_OFFSETS 512

struct msg_add {
	uint32_t module, kind;
	struct build_id build_id;
};

struct msg_resolve {
	uint32_t module, n;
	uint32_t inlines, lines; /* asked for, if not 0 */
};

struct msg_names {
	uint32_t n;
	uint16_t is_hidden; /* kernel addresses are all zero */
	uint16_t is_other;  /* the file is not the one with the module's build-id */
	uint32_t is_cut;    /* reading inlined functions and lines took too long */
};

struct msg_name {
	uint8_t kind, is_start;
	uint16_t module_size;
	uint32_t text_size;
	uint32_t n_inlined; /* struct msg_name with module and text that follow, outermost first */
};

/* Drops what the process may do, and serves `sock` until its other end is closed. */
_Noreturn void supervisor_run(int sock, uint32_t limit_ms, struct rlimit files);

#endif
