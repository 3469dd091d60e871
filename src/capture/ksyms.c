#include "capture/ksyms.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "bpf/ksyms.h"
#include "bpf/ksyms.skel.h"
#include "capture/wire.h"

/* Some architectures begin with symbols whose value is 0. */
#define LINES_TO_LOOK_AT 1000

struct ksyms {
	struct ksyms_bpf *skel;
	struct chan *out;
	uint64_t *told; /* addresses whose name was asked for */
	size_t n_told, cap_told;
	struct index told_ix;
	uint64_t seed;
	struct strbuf message;
};

bool ksyms_are_hidden(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	bool hidden = true;
	char line[1024];

	for (int i = 0; f && hidden && i < LINES_TO_LOOK_AT && fgets(line, sizeof(line), f); i++)
		hidden = strtoull(line, NULL, 16) == 0;
	if (f)
		fclose(f);
	return hidden;
}

struct ksyms *ksyms_create(struct chan *out)
{
	/* Where it cannot be, that is no failure: nothing is said. */
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct ksyms_bpf *skel = ksyms_bpf__open_and_load();
	struct ksyms *ks;

	libbpf_set_print(print);
	if (!skel)
		return NULL;
	ks = xcalloc(1, sizeof(*ks));
	ks->skel = skel;
	ks->out = out;
	ks->seed = hash_seed();
	return ks;
}

void ksyms_destroy(struct ksyms *ks)
{
	if (!ks)
		return;
	ksyms_bpf__destroy(ks->skel);
	free(ks->told);
	index_deinit(&ks->told_ix);
	strbuf_deinit(&ks->message);
	free(ks);
}

/* Remembers the address; false where it was told of before. */
static bool is_new(struct ksyms *ks, uint64_t address)
{
	uint64_t hash = hash_u64(address, ks->seed);

	for (uint32_t it = 0, id; index_next(&ks->told_ix, hash, &it, &id);)
		if (ks->told[id] == address)
			return false;
	if (ks->n_told >= KSYMS_MAX)
		return false;
	ks->told = xgrow(ks->told, &ks->cap_told, ks->n_told + 1, sizeof(*ks->told));
	index_add(&ks->told_ix, hash, ks->n_told);
	ks->told[ks->n_told++] = address;
	return true;
}

/* Asks the kernel for the names of the batch, which is empty afterwards. */
static void ask(struct ksyms *ks)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct ksyms_batch *batch = &ks->skel->bss->batch;
	int prog = bpf_program__fd(ks->skel->progs.name_batch);

	if (batch->n && !bpf_prog_test_run_opts(prog, &opts) && !opts.retval)
		for (uint32_t i = 0; i < batch->n; i++) {
			const char *name = batch->name[i];
			struct wire_kernel_name head = {.address = batch->address[i]};

			head.size = strnlen(name, KSYMS_NAME_BYTES);
			strbuf_add(&ks->message, &head, sizeof(head));
			strbuf_add(&ks->message, name, head.size);
		}
	batch->n = 0;
}

static void see_stack(struct ksyms *ks, const struct wire_stack_view *v)
{
	struct ksyms_batch *batch = &ks->skel->bss->batch;

	for (size_t i = 0; i < v->head.n_kernel; i++) {
		uint64_t at = wire_running(wire_kernel_address(v, i), i);

		if (!is_new(ks, at))
			continue;
		batch->address[batch->n++] = at;
		if (batch->n == KSYMS_BATCH)
			ask(ks);
	}
}

void ksyms_see(struct ksyms *ks, const void *stacks, size_t size)
{
	struct wire_stack_view v;

	if (!ks)
		return;
	for (size_t at = 0; wire_next_stack(stacks, size, &at, &v) > 0;)
		see_stack(ks, &v);
	ask(ks);
	if (ks->message.len)
		chan_send(ks->out, WIRE_KERNEL_NAMES, ks->message.data, ks->message.len, -1);
	strbuf_clear(&ks->message);
}
