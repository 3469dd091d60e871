#ifndef EXPORT_SUMMARY_H
#define EXPORT_SUMMARY_H

#include "base/strbuf.h"
#include "profile/functions.h"
#include "profile/recording.h"

/*
 * What a recording holds, on one screen: for `flamelapse info`.
 *
 *	err = summary_compute(&sum, &rec);
 *	summary_add_text(&sum, path, &sb);	or summary_add_json(&sum, &sb);
 *
 * The JSON document; what is not known is null:
 *
 *	host, command, event	text
 *	command_status		of the followed command, as a shell tells it: its exit status, or
 *128
 *				+ the signal that ended it
 *	start			of the first snapshot: ISO 8601 in UTC, to the nanosecond
 *	start_ns		the same in nanoseconds of unix time
 *	duration_s		from there to the end of the last snapshot
 *	interval_s		the length of a snapshot
 *	snapshots		how many
 *	freq_hz, online_cpus	as the recorder set and found them
 *	finished		false: it is still being written, or its recorder was killed
 *	samples			expected = taken + idle + filtered + all of lost
 *(profile/snapshot.h). lost has every cause. undelivered: what the kernel did not even try to
 *				deliver, not among the expected ones
 *	stacks			distinct: how many; complete + truncated + kernel_only = samples
 *taken unknown_frames		how many functions on these stacks have no name but an address top
 *the ten best functions by self: name, module (path), kind, self and total in samples, share: self
 *of samples taken, 0 to 1
 *
 * What it adds up is also checked, so that info tells whether the file is sound to its end.
 */
#define SUMMARY_TOP 10

struct summary {
	const struct recording *rec; /* borrowed */
	uint64_t start_ns, end_ns;   /* unix; both 0 without a snapshot */
	uint64_t distinct_stacks, functions, unknown_functions, unknown_self;
	struct function top[SUMMARY_TOP];
	size_t n_top;
};

/* 0, or the negative errno of recording_load(), which printed. */
int summary_compute(struct summary *sum, struct recording *rec);

void summary_add_json(const struct summary *sum, struct strbuf *sb);
/* name: of the file. */
void summary_add_text(const struct summary *sum, const char *name, struct strbuf *sb);

#endif
