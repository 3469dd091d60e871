#include "bpf/kernel.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/ksyms.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct ksyms_batch batch;

/* Attached to nothing: it runs when user space says so. */
SEC("syscall")
int name_batch(void *ctx)
{
	static const char as_name[] = "%ps";

	for (u32 i = 0; i < KSYMS_BATCH; i++) {
		if (i >= batch.n)
			break;
		if (bpf_snprintf(batch.name[i], KSYMS_NAME_BYTES, as_name, &batch.address[i],
				 sizeof(batch.address[i])) < 0)
			batch.name[i][0] = '\0';
	}
	return 0;
}
