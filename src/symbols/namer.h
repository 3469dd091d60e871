#ifndef SYMBOLS_NAMER_H
#define SYMBOLS_NAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "profile/dict.h"
#include "symbols/identity.h"
#include "symbols/lookup.h"

/*
 * Names for addresses: what the main process calls, while the files of the profiled processes are
 * parsed by others (symbols/supervisor.h) that may crash, hang or be taken over by a hostile file.
 * Whatever happens to them, names come back: at worst `module+0x…`.
 *
 *	struct namer *namer = namer_create(NAMER_LIMIT_MS);
 *
 *	namer_add_module(namer, 1, MODULE_ELF, "/usr/lib/libfoo.so", fd);	close(fd);
 *	const struct name *name = namer_resolve(namer, 1, offsets, n);
 *	namer_destroy(namer);
 *
 * Create it early and in the main thread: it forks, its processes keep what memory is there by
 * then, and they end with the thread that created them. One thread at a time may use it.
 * namer_resolve() waits for the answer: milliseconds the first time that a module is asked for,
 * some 20 µs afterwards, and at most NAMER_LIMIT_MS for a module that hangs, once. So ask for many
 * addresses of a module at once, and for each only once.
 */
#define NAMER_LIMIT_MS 4000

struct namer;

struct name {
	const char *text;   /* clean UTF-8, demangled, of some kilobytes at most */
	const char *module; /* "[ext4]" for code of a kernel module, "[bpf]"; "" otherwise */
	enum frame_kind kind;
	bool is_start; /* nothing calls it: as the outermost frame it proves a stack complete */
	/* Of kind FRAME_INLINED: what was inlined there, the innermost last. */
	const struct name *inlined;
	size_t n_inlined;
};

struct namer_stats {
	size_t modules_failed;	/* given up, since a worker died or hung over them */
	size_t modules_other;	/* had a file of another build-id than theirs */
	size_t modules_no_file; /* more files than RLIMIT_NOFILE (hard) permits */
	size_t modules_cut;	/* whose inlined functions and lines took too long to read */
	bool is_dead;		/* the namer's processes are gone: no more names */
	bool kernel_hidden;	/* kernel.kptr_restrict hides the kernel's addresses */
};

/* limit_ms: how long a request may take. NULL with errno where it cannot fork. */
struct namer *namer_create(uint32_t limit_ms);
/* Ends its processes, and waits for them. */
void namer_destroy(struct namer *namer);

/*
 * What names are to tell from now on, besides the function: those inlined into it, and in a name
 * the line that was running, as "function (file.c:12)". Both are in DWARF alone, which takes
 * milliseconds to seconds to read (symbols/inlines.h).
 */
void namer_set_detail(struct namer *namer, bool inlines, bool lines);

/*
 * Tells of a module, which is read when it is first asked for; symbols/lookup.h says what the kinds
 * are and what offsets mean. The ids are indices of an array, so keep them small. fd is borrowed;
 * -1 where there is no file. An id that is known is replaced: so does one read kallsyms again
 * after kernel modules or BPF programs were loaded.
 */
void namer_add_module(struct namer *namer, uint32_t id, enum module_kind kind, const char *path,
		      int fd);
/* The same where the build-id of what runs is known: no names come from a file that has another
 * one. */
void namer_add_module_of(struct namer *namer, uint32_t id, enum module_kind kind, const char *path,
			 const struct build_id *build_id, int fd);
/* Closes the module's descriptor and frees its tables, when the last process that had it ended. */
void namer_remove_module(struct namer *namer, uint32_t id);

/* What the module's file says of itself (symbols/identity.h); all zero where it has no file, or
 * none that can be read. */
void namer_identify(struct namer *namer, uint32_t module, struct identity *ret);

/*
 * A separate debug file of the module, from which names come too from now on; false where it is not
 * of the same build, as the namer sees it. fd is borrowed.
 */
bool namer_add_debug(struct namer *namer, uint32_t module, int fd);

/*
 * Names of the code at n offsets of a module. An offset is that of a byte inside the instruction
 * that was running: for the innermost frame, and for one interrupted by a signal, the instruction
 * pointer itself; for a caller, the return address minus 1, since the return address may belong to
 * the next function already. The subtraction is the caller's (before the mapping is looked up).
 *
 * Returns n names, which are the namer's and valid until its next call. Never NULL.
 */
const struct name *namer_resolve(struct namer *namer, uint32_t module, const uint64_t *offset,
				 size_t n);

/*
 * Unwinds a copied stack; the bytes are a struct stack_copy with all that belongs to it, its
 * modules known by namer_add_module(). The addresses come innermost first, as struct sampler_record
 * has them, and are the namer's until its next call. Returns how many; *complete_ret: to the
 * outermost.
 */
size_t namer_unwind(struct namer *namer, const void *copy, size_t size,
		    const uint64_t **address_ret, bool *complete_ret);

struct namer_stats namer_stats(const struct namer *namer);

/*
 * Starts the process that makes tables for unwinding (profile/unwind_table.h), confined as the
 * namer is: the descriptor of the channel to it, which is for the collector, or -1 with errno. It
 * ends when all copies of that are closed; then namer_join_tables() waits for it.
 */
int namer_start_tables(uint32_t limit_ms, pid_t *pid_ret);
void namer_join_tables(pid_t pid);

#endif
