#ifndef CAPTURE_COMMAND_H
#define CAPTURE_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The command that is run to be sampled: a child that waits until it is released, so that sampling
 * begins before its first instruction. It runs as the invoking user (SUDO_UID), whose
 * capabilities are none unless that is root, with the signal handling that we were started with.
 *
 *	command_fork → command_release → command_status, when `pidfd` is readable
 */
struct command {
	pid_t pid;
	int pidfd;
	int go, report; /* pipes: we let it go; it says why exec failed */
};

/* SIGINT and the like as they were before the collector chose to ignore them. */
struct command_signals {
	void (*handler[4])(int);
};
extern const int command_signal[4];

/* 0 or -errno. */
int command_fork(struct command *cmd, char *const *argv, const struct command_signals *signals);
/* Lets it exec: 0, or the -errno of exec. */
int command_release(struct command *cmd);
/* As wait() gives it; -1: it still runs. */
int command_status(struct command *cmd);
/* A command that was not released ends. One that was is left running. */
void command_deinit(struct command *cmd);

#endif
