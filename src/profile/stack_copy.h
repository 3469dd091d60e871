#ifndef PROFILE_STACK_COPY_H
#define PROFILE_STACK_COPY_H

#include <stddef.h>
#include <stdint.h>

/*
 * What it takes to unwind a user stack outside of the kernel, on its way from the collector by the
 * main process to the namer (symbols/stackwalk.h): the registers, the bytes of the stack from the
 * stack pointer on, and where the modules were mapped. In the machine's own order, without gaps:
 *
 *	struct stack_copy
 *	struct stack_copy_map map[n_maps]	by address
 *	uint8_t bytes[n_bytes]			at `sp` and above
 */
#define STACK_COPY_BYTES_MAX 65536
#define STACK_COPY_MAPS_MAX  16384
/* Frames that come back, at most. */
#define STACK_COPY_FRAMES_MAX 1023

#define STACK_COPY_SP 7 /* in reg */
#define STACK_COPY_IP 16

struct stack_copy {
	uint64_t reg[17]; /* x86-64, by DWARF number; 16 is the instruction pointer */
	uint32_t n_maps, n_bytes;
	uint32_t max_frames; /* more are not asked for */
	uint32_t unused;
};

struct stack_copy_map {
	uint64_t start, end, pgoff; /* pgoff: where it begins in the module's file */
	uint32_t module;	    /* the namer's number */
	uint32_t unused;
};

static inline size_t stack_copy_bytes(const struct stack_copy *c)
{
	return sizeof(*c) + c->n_maps * sizeof(struct stack_copy_map) + c->n_bytes;
}

#endif
