#ifndef BPF_KSYMS_H
#define BPF_KSYMS_H

/*
 * What bpf/ksyms.bpf.c and src/capture/ksyms.c say to each other; both compilers see this file.
 * User space writes n addresses, runs the program, and reads their names.
 */
#include <linux/types.h>

#define KSYMS_BATCH 64
/* The kernel's longest name of a symbol (KSYM_NAME_LEN), with its module. */
#define KSYMS_NAME_BYTES 600

struct ksyms_batch {
	__u32 n;
	__u64 address[KSYMS_BATCH];
	/* "NAME", "NAME [MODULE]", or "0x…" where it has none; empty where that failed. */
	char name[KSYMS_BATCH][KSYMS_NAME_BYTES];
};

#endif
