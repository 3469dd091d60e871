#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include <stdbool.h>

#include "capture/collector.h"
#include "cli/assemble.h"
#include "cli/options.h"
#include "profile/dict.h"

/*
 * The processes of a sampling command, and what joins them: the collector that samples, the table
 * maker that it asks for tables, the namer that names, and we in between, who are the invoking user
 * again once all have been started.
 *
 *	status = sampling_start(&s, &opt->record, false);
 *	while (…)
 *		poll chan and signals;
 *		take each message
 *	sampling_end(&s);
 */
struct sampling {
	struct namer *namer;
	struct collector *collector;
	struct chan *chan; /* the collector's */
	pid_t tables;	   /* the table maker */
	struct startpoints starts;
	int kallsyms, signals; /* signals: becomes readable with SIGINT, SIGTERM, SIGHUP */
	struct dict dict;
	struct assemble *assemble;
	bool stopping;
};

/* each_sample: have every sample sent by itself (WIRE_SAMPLE). An exit status; whatever it is,
 * sampling_end() is due. */
int sampling_start(struct sampling *s, const struct record_options *r, bool each_sample);
void sampling_end(struct sampling *s);

/* Asks the collector to end the recording. */
void sampling_stop(struct sampling *s);

/* Signals mean again what they mean to any program. */
void sampling_release_signals(void);
/* How the command ended, in a line on stderr. */
void sampling_tell_command(const struct record_options *r, int status);

#endif
