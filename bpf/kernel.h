#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

/*
 * The few kernel types that our programs look into. Only the named members count: their places are
 * relocated when the program is loaded (CO-RE), so that one object runs on every kernel with BTF.
 */
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD   0x00200000

/* Of task_struct.__state, as they are since Linux 5.8 at least. */
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_STOPPED	     0x0004
#define TASK_TRACED	     0x0008
#define TASK_DEAD	     0x0080
#define TASK_NOLOAD	     0x0400

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long ip, cs, sp;
};
#endif

struct mm_struct {
	unsigned long start_stack;
};

struct task_struct {
	unsigned int flags;
	unsigned int __state;
	int pid;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	unsigned int in_execve : 1;
};

/* Before Linux 5.14. */
struct task_struct___old {
	long state;
};

#pragma clang attribute pop

/* The context of a perf_event program is only handed on, never looked into. */
struct bpf_perf_event_data;

#endif
