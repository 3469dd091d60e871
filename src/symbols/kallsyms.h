#ifndef SYMBOLS_KALLSYMS_H
#define SYMBOLS_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernel's functions, those of its modules and its BPF programs, from /proc/kallsyms: lines of
 * "ADDRESS TYPE NAME[\t[MODULE]]" in any order (see proc(5), nm(1)). A function ends where the
 * next symbol of any type begins, or after KALLSYMS_MAX_BYTES.
 *
 * Whoever opened the file decides what is in it: without CAP_SYSLOG all addresses may be 0
 * (kernel.kptr_restrict); such a table is_hidden and finds nothing.
 */
#define KALLSYMS_MAX_BYTES (1u << 20)

struct kallsyms;

struct kallsyms_place {
	uint64_t start;
	const char *name; /* until the table goes; not clean */
	size_t name_len;
	const char *module; /* "[ext4]", "[bpf]"; "" for the kernel itself */
};

/* Reads from the file's beginning by pread(). NULL with errno. */
struct kallsyms *kallsyms_create(int fd);
void kallsyms_destroy(struct kallsyms *ks);

bool kallsyms_is_hidden(const struct kallsyms *ks);
bool kallsyms_find(const struct kallsyms *ks, uint64_t addr, struct kallsyms_place *place_ret);
size_t kallsyms_bytes(const struct kallsyms *ks);

#endif
