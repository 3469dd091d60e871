#ifndef CLI_ASSEMBLE_H
#define CLI_ASSEMBLE_H

#include "base/chan.h"
#include "capture/startpoints.h"
#include "capture/wire.h"
#include "profile/dict.h"
#include "profile/snapshot.h"
#include "symbols/namer.h"

/*
 * Where what the collector saw (addresses) and what the namer knows (names) become snapshots.
 * Feed it every message of the collector; when it returns 1, a snapshot is whole (of one series):
 *
 *	if (assemble_message(a, &msg, &snapshot) > 0)
 *		store_append(w, dict, &snapshot);
 *
 * A stack is complete when a caller in it is a known start function (by name, or by its place in
 * the C library) and nothing on the way there was lost; what lies beyond the start function is not
 * a caller and is dropped. Every other user stack stands under "[truncated]".
 */
struct assemble;

/*
 * Borrows all. kallsyms: a descriptor of /proc/kallsyms, the caller's; -1 for none. debug_folder:
 * where separate debug files stand besides the system's (symbols/debugfiles.h), or NULL.
 */
struct assemble *assemble_create(struct dict *dict, struct namer *namer,
				 const struct startpoints *starts, int kallsyms,
				 const char *debug_folder);
void assemble_destroy(struct assemble *a);

/* Where to ask for debug files in the roots of profiled processes (WIRE_WANT_DEBUG); borrowed. */
void assemble_ask(struct assemble *a, struct chan *collector);

/*
 * Takes PROCESS, MODULE, PERFMAP, KERNEL_NAMES, DEBUG, COPY, STACKS and SNAPSHOT messages, and
 * closes their descriptors; others are passed over. 1 with a snapshot in *ret (which is reused:
 * deinit it in the end), 0, or -EPROTO for what no collector says.
 */
/*
 * The stack of a SAMPLE message: the process and the node in the dict. What assemble_message() took
 * before must have told of all that is in it; -EPROTO where it did not.
 */
int assemble_stack(struct assemble *a, struct wire_stack_view *v, uint32_t *process_ret,
		   uint32_t *node_ret);

/* How many samples, or blocked units of time, had stacks that ended so, of those truncated. */
uint64_t assemble_truncated(const struct assemble *a, bool blocked, enum unwind_end end,
			    const char **why_ret);

/* Names of the kernel's functions came from the collector, since kallsyms hides them. */
bool assemble_names_kernel(const struct assemble *a);

int assemble_message(struct assemble *a, const struct chan_msg *msg, struct snapshot *ret);

#endif
