#ifndef CLI_RECORD_META_H
#define CLI_RECORD_META_H

#include "capture/wire.h"
#include "cli/options.h"
#include "profile/recording.h"

/*
 * What a recording says of itself, from the options and from what the collector really does. What
 * is known only in the end (command_status, undelivered) is -1. Frees what the fields held.
 */
void record_meta_fill(struct recording_meta *m, const struct record_options *r,
		      const struct wire_started *w);

#endif
