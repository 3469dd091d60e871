#ifndef CAPTURE_COLLECTOR_H
#define CAPTURE_COLLECTOR_H

#include <sys/types.h>

#include "base/chan.h"
#include "capture/options.h"
#include "capture/wire.h"

/*
 * The privileged process: it samples, and sends what capture/wire.h describes. The main process
 * starts it while it still has its privileges, gives them up itself afterwards, and reads the
 * channel:
 *
 *	struct collector *c = collector_start(&opts);
 *	drop privileges
 *	while (chan_wait(collector_chan(c), -1, &msg) == 1)
 *		handle msg; on Ctrl-C or when the time is over: collector_stop(c)
 *	status = collector_join(c);
 *
 * The collector ignores SIGINT, SIGTERM and SIGHUP: what they mean is for the main process to say.
 * If that dies, the collector ends at once; if the collector dies, the channel ends without ENDED
 * or FAILED. The followed command is left running in every case.
 *
 * What cannot be sampled is said on stderr, once, and in FAILED with an exit status.
 */
struct collector;

/* Forks. NULL with errno. `opts` is not needed after it returned. */
struct collector *collector_start(const struct capture_options *opts);
struct chan *collector_chan(const struct collector *c);
pid_t collector_pid(const struct collector *c);
/* Asks it to end the recording; SNAPSHOT and ENDED still come. 0 or -errno. */
int collector_stop(struct collector *c);
/* Closes the channel, waits for the process, frees. An enum capture_status; FAILED if it died. */
int collector_join(struct collector *c);

#endif
