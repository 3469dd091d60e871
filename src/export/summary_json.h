#ifndef EXPORT_SUMMARY_JSON_H
#define EXPORT_SUMMARY_JSON_H

#include "base/strbuf.h"
#include "export/summary.h"

/*
 * One object, on several lines; null stands for what is not known. Members: host, command,
 * command_status, start (ISO 8601, UTC), duration_s, snapshots, finished, event, freq_hz,
 * interval_s, unwinder, filter, online_cpus, kernel, arch; series: which there are; samples:
 * {expected, taken, idle, filtered, lost: {cause: n}, undelivered}; stacks: {distinct, complete,
 * truncated, kernel_only}, the last three in samples; unknown_frames; top: [{name, module, kind,
 * self, total, self_share}], self_share from 0 to 1.
 */
void summary_add_json(const struct summary *s, struct strbuf *out);
/*
 * Adds the object "off_cpu" to such an object, which ends `out`: event, unit, freq_hz, samples,
 * stacks, unknown_frames and top of a second series.
 */
void summary_add_json_series(const struct summary *s, struct strbuf *out);

#endif
