#include "capture/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int keep(uint64_t mask)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct cap[2] = {0};

	if (syscall(SYS_capget, &head, cap))
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t part = mask >> 32 * i;

		cap[i].permitted &= part;
		cap[i].effective = cap[i].permitted;
		cap[i].inheritable = 0;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, cap) ? -errno : 0;
}

int privileges_drop_all(void)
{
	return keep(0);
}

int privileges_keep_sampling(void)
{
	uint64_t mask = 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_SYSLOG |
			1ull << CAP_PERFMON | 1ull << CAP_BPF | 1ull << CAP_CHECKPOINT_RESTORE;

	if (prctl(PR_CAPBSET_READ, CAP_CHECKPOINT_RESTORE, 0, 0, 0) < 0)
		mask |= 1ull << CAP_SYS_ADMIN;
	return keep(mask);
}
