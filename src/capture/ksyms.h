#ifndef CAPTURE_KSYMS_H
#define CAPTURE_KSYMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/chan.h"

/*
 * Names of kernel functions where /proc/kallsyms hides their addresses (kernel.kptr_restrict, or
 * no CAP_SYSLOG): the kernel is asked for the names of the addresses that were sampled, by a BPF
 * program which prints each with "%ps". That takes Linux 5.14 and what sampling takes anyway. The
 * main process is told by KERNEL_NAMES (capture/wire.h), of each address once and before the stack
 * that it is in:
 *
 *	(ksyms_see → chan_send(WIRE_STACKS))*
 */
struct ksyms;

/* No addresses are shown to us. */
bool ksyms_are_hidden(void);

/* Loads the program. NULL with errno where the kernel cannot do that. out: where messages go,
 * borrowed. */
struct ksyms *ksyms_create(struct chan *out);
void ksyms_destroy(struct ksyms *ks);

/* Tells the names of kernel addresses in stacks, as they stand in WIRE_STACKS. NULL: does nothing.
 * At most KSYMS_MAX addresses are told of in all. */
#define KSYMS_MAX (1u << 18)
void ksyms_see(struct ksyms *ks, const void *stacks, size_t size);

#endif
