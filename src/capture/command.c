#include "capture/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/privileges.h"

const int command_signal[4] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

static bool id_from(const char *name, unsigned int *ret)
{
	const char *s = getenv(name);
	char *end;
	unsigned long v;

	if (!s || !*s)
		return false;
	v = strtoul(s, &end, 10);
	*ret = v;
	return !*end && v < UINT32_MAX;
}

/* Root that did not come through sudo stays root, capabilities and all: exec would give them back.
 */
static int become_invoking_user(void)
{
	unsigned int uid, gid;
	struct passwd *pw;

	if (!geteuid() && id_from("SUDO_UID", &uid) && id_from("SUDO_GID", &gid)) {
		pw = getpwuid(uid);
		if ((pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) || setgid(gid) ||
		    setuid(uid))
			return -errno;
	}
	return getuid() ? privileges_drop_all() : 0;
}

static _Noreturn void child(struct command *cmd, char *const *argv,
			    const struct command_signals *signals)
{
	sigset_t none;
	char byte;
	int err;

	for (int i = 0; i < 4; i++)
		signal(command_signal[i], signals->handler[i]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err = become_invoking_user();
	/* The end of the pipe instead of a byte: the collector gave up. */
	if (read(cmd->go, &byte, 1) != 1)
		_exit(127);
	if (!err) {
		execvp(argv[0], argv);
		err = -errno;
	}
	if (write(cmd->report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

int command_fork(struct command *cmd, char *const *argv, const struct command_signals *signals)
{
	int go[2], report[2];

	*cmd = (struct command){.pidfd = -1, .go = -1, .report = -1};
	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(report, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	cmd->pid = fork();
	if (!cmd->pid) {
		close(go[1]);
		close(report[0]);
		cmd->go = go[0];
		cmd->report = report[1];
		child(cmd, argv, signals);
	}
	close(go[0]);
	close(report[1]);
	cmd->go = go[1];
	cmd->report = report[0];
	if (cmd->pid > 0)
		cmd->pidfd = syscall(SYS_pidfd_open, cmd->pid, 0);
	return cmd->pid < 0 || cmd->pidfd < 0 ? -errno : 0;
}

int command_release(struct command *cmd)
{
	int err = 0;
	ssize_t n = write(cmd->go, "", 1);

	if (n == 1)
		n = read(cmd->report, &err, sizeof(err));
	close(cmd->go);
	close(cmd->report);
	cmd->go = cmd->report = -1;
	return n == sizeof(err) ? err : n < 0 ? -EIO : 0;
}

int command_status(struct command *cmd)
{
	int status;

	if (cmd->pid <= 0 || waitpid(cmd->pid, &status, WNOHANG) != cmd->pid)
		return -1;
	cmd->pid = 0;
	return status;
}

void command_deinit(struct command *cmd)
{
	if (cmd->go >= 0)
		close(cmd->go);
	if (cmd->report >= 0)
		close(cmd->report);
	if (cmd->pidfd >= 0)
		close(cmd->pidfd);
	*cmd = (struct command){.pidfd = -1, .go = -1, .report = -1};
}
