#ifndef CAPTURE_PRIVILEGES_H
#define CAPTURE_PRIVILEGES_H

/*
 * Capabilities of this process, which are only ever given up. 0 or a negative errno.
 */

/* All of them. */
int privileges_drop_all(void);

/*
 * All but what sampling needs once it runs: BPF and PERFMON, SYS_PTRACE and DAC_READ_SEARCH for
 * /proc and the files of others, CHECKPOINT_RESTORE for /proc/PID/map_files (before Linux 5.9 that
 * took SYS_ADMIN), SYSLOG for kernel addresses.
 */
int privileges_keep_sampling(void);

#endif
