#ifndef EXPORT_SUMMARY_H
#define EXPORT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/recording.h"

/*
 * What a recording holds, in numbers: the answer of `flamelapse info`.
 *
 *	err = summary_compute(&rec, &summary);
 *	summary_add_json(&summary, &out);	or summary_add_text(): summary_json.h, _text.h
 *
 * The recording is borrowed and must live as long; there is nothing to free. Shares are of the
 *samples taken.
 */
#define SUMMARY_TOP	  10
#define SUMMARY_TRUNCATED 16

/* A function: `self` samples in which it ran (of off-CPU time: in which it waited, whatever for),
 * `total` in which it was on the stack, once for each however often it called itself. */
struct summary_row {
	uint32_t frame;
	uint64_t self, total;
};

struct summary {
	const struct recording *rec;
	uint64_t start_ns, end_ns; /* unix; start_ns is 0 where nobody knows */
	size_t distinct;	   /* stacks with samples, whichever process they are of */
	size_t unknown_frames;	   /* of kind FRAME_UNNAMED, with samples in or below them */
	uint64_t unknown_self;	   /* samples in which such a frame ran */
	/* Where recording_knows_cpus(): CPU time that was sampled for each time that went by, or
	 * time that threads were blocked. */
	double cpus_mean, cpus_peak; /* cpus_peak: of a snapshot */
	size_t n_top;
	struct summary_row top[SUMMARY_TOP]; /* by self */
	/* Frames under which truncated stacks stand, by what stands on them (kind_truncated_why).
	 */
	size_t n_truncated;
	struct summary_row truncated[SUMMARY_TRUNCATED];
};

/* Reads each snapshot once. 0, or a negative errno after one line: -EBADMSG where damaged. */
int summary_compute(struct recording *rec, struct summary *ret);

/* How the followed command ended, as a shell tells it: 0 to 255, or 128 + the signal; -1 where
 * there was none. */
int summary_command_status(const struct recording_meta *meta);

#endif
