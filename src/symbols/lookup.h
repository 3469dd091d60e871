#ifndef SYMBOLS_LOOKUP_H
#define SYMBOLS_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "profile/dict.h"
#include "symbols/identity.h"
#include "symbols/inlines.h"

/*
 * A module as the namer sees it, and how each kind of module answers: which table it reads, and
 * what its code is called where no name is known. The main process and the namer's supervisor keep
 * such tables too, but only lookup_load() parses anything, and only the worker calls it.
 *
 *	MODULE_ELF       offset in the file    memcpy, memcpy@plt, libc.so.6@0x28490 (the function
 *	                                       that starts there), libc.so.6+0x28495
 *	MODULE_VDSO      offset in its image   the same, without a file: each process has it
 *	MODULE_KERNEL    absolute address      vfs_read, in module "[ext4]" or ""; [kernel]
 *	MODULE_PERF_MAP  absolute address      as the map says; [unknown]
 *	MODULE_OTHER     whatever              [heap], memfd:x+0x2000; [unknown]
 *	MODULE_ADDRESSES virtual address       as MODULE_ELF; the file may be a debug file alone
 *
 * Numbers in names of ELF code are virtual addresses, as addr2line and objdump take them; where no
 * table could be read they are offsets in the file, and then the name is [libc.so.6]+0x28495.
 */
enum module_kind {
	MODULE_ELF,
	MODULE_VDSO,
	MODULE_KERNEL,
	MODULE_PERF_MAP,
	MODULE_OTHER,
	MODULE_ADDRESSES
};

struct lookup;

struct lookup_name {
	enum frame_kind kind;
	bool is_start;	    /* see struct name in symbols/namer.h */
	const char *module; /* of a kernel module or BPF program: "[ext4]", "[bpf]"; else "" */
};

/* What tells a file of a module from another under its name; size 0: nobody knows. */
struct build_id {
	uint8_t size, byte[BUILD_ID_MAX];
};

/* Takes the descriptor; -1 for none. A file with another build-id than one that is known is not
 * read. */
struct lookup *lookup_create(enum module_kind kind, const char *path, const struct build_id *id,
			     int fd);
void lookup_destroy(struct lookup *l);

/* Reads the tables, or what a perf map has grown by. What cannot be read just has no names. */
void lookup_load(struct lookup *l);
/* Gives the memory of the tables back; lookup_load() reads them again. */
void lookup_unload(struct lookup *l);
/* What its file says of itself; all zero where it has none. */
void lookup_identify(struct lookup *l, struct identity *ret);
/* A separate debug file: takes the descriptor where that is of the same build (symbols/identity.h),
 * else returns false. */
bool lookup_add_debug(struct lookup *l, int fd);
/* The same without a look at it. */
void lookup_set_debug(struct lookup *l, int fd);
/* The descriptor of its file, of which it is the owner; -1: there is none. */
int lookup_file(struct lookup *l);
/* Adds the rules for unwinding in it, as symbols/cfi.h says. 0 or a negative errno. */
int lookup_table(struct lookup *l, struct strbuf *table_ret);
/* Memory of the tables. */
size_t lookup_bytes(const struct lookup *l);

/* Adds the name of what is at the offset, demangled but not clean, to the text. */
struct lookup_name lookup_find(struct lookup *l, uint64_t offset, struct strbuf *text);

/*
 * The functions inlined at the offset (symbols/inlines.h): how many of `chain` are written, whose
 * first one is the function itself. lookup_begin() comes before those of one request.
 */
void lookup_begin(struct lookup *l);
size_t lookup_inlined(struct lookup *l, uint64_t offset, struct inlined chain[INLINES_MAX]);
/* Adds the demangled name of one of them. */
void lookup_add_inlined(struct lookup *l, const struct inlined *inlined, struct strbuf *text);
/* Not all could be told. */
bool lookup_is_cut(const struct lookup *l);

/* What unnamed code of the module is called by: its file's name, "[kernel]", "[unknown]". */
const char *lookup_base(const struct lookup *l);

/* The file was read, and is another one. */
bool lookup_is_other(const struct lookup *l);

/* The kernel shows no addresses to whoever opened kallsyms. */
bool lookup_is_hidden(const struct lookup *l);

/* Modules by id: an array, so ids should be small. Zero-initialise it. */
struct lookups {
	struct lookup **l;
	size_t n, cap;
};

void lookups_deinit(struct lookups *ls);
/* Takes the lookup in place of the one that has the id; NULL forgets it. */
void lookups_set(struct lookups *ls, uint32_t id, struct lookup *l);

static inline struct lookup *lookups_get(const struct lookups *ls, uint32_t id)
{
	return id < ls->n ? ls->l[id] : NULL;
}

#endif
