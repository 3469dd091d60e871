#ifndef SYMBOLS_KERNELNAMES_H
#define SYMBOLS_KERNELNAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "symbols/kallsyms.h"

/*
 * Names of kernel addresses as the kernel prints them with "%ps" ("vfs_read", "ext4_map [ext4]"),
 * where kallsyms tells no addresses. One is found again by its very address. The text may be
 * anything. Zero-initialise it.
 */
struct kernelnames {
	struct strbuf text;
	struct kernelname {
		uint64_t address;
		size_t at; /* of the name and of the module, each with its NUL, in the text */
	} * name;
	size_t n, cap;
	struct index ix;
};

void kernelnames_deinit(struct kernelnames *kn);

/* No name ("0xffff…", or nothing) is not taken in, nor is the second one of an address. */
void kernelnames_add(struct kernelnames *kn, uint64_t address, const char *text, size_t size);

/* The place's strings are valid until the next name is added, and not clean; it starts where the
 * address is, since no more is known. */
bool kernelnames_find(const struct kernelnames *kn, uint64_t address,
		      struct kallsyms_place *place_ret);

#endif
