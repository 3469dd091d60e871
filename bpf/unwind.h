#ifndef BPF_UNWIND_H
#define BPF_UNWIND_H

/*
 * The tables by which bpf/unwind.bpf.h finds callers where there are no frame pointers. Both
 * compilers see this file; src/capture/unwind.h says who fills the tables.
 *
 * A process has a list of its executable mappings, sorted by address. A mapping leads to a module,
 * and a place in it is the offset in the module's file. A module has a table of pages: one for each
 * 4 KB of the file that code is mapped from. A page has rows: row i holds from its offset in the
 * page up to the next row's, and names the rule by which the caller's registers follow.
 *
 *	tgid, address -> mapping -> module, offset -> page -> row -> rule
 *
 * Lists of mappings, tables of pages, and rows lie in an arena: segments of 1 MB, taken as they are
 * needed, each a BPF array of one element that is mapped by user space too. An address in the arena
 * counts words of 4 bytes through all segments; nothing that is looked up as one crosses the end of
 * a segment.
 *
 * A rule describes x86-64 code as DWARF does (DWARF 5, 6.4; System V ABI for x86-64, 3.7): the
 * canonical frame address (CFA), which is the caller's stack pointer, by a register; and where the
 * registers that a function preserves were saved, by the CFA.
 */
#include <linux/types.h>

#define UNWIND_SEGMENT_WORDS (1u << 18)
/* Words behind a segment, so that what begins in it can be read without another check. */
#define UNWIND_GUARD_WORDS 8
#define UNWIND_SEGMENTS	   256
#define UNWIND_PAGE_BITS   12

/* A row: offset in its page, then the number of the rule. */
#define UNWIND_RULE_BITS 20
#define UNWIND_RULE_MASK ((1u << UNWIND_RULE_BITS) - 1)
#define UNWIND_RULES_MAX 65536
/* A row for each byte of a page, at most. */
#define UNWIND_PAGE_ROWS_MAX (1u << UNWIND_PAGE_BITS)
#define UNWIND_MAPPING_BITS  14
#define UNWIND_MAPPINGS_MAX  (1u << UNWIND_MAPPING_BITS) /* of a process */
#define UNWIND_MODULES_MAX   65537 /* ids count from 1; 0 stands for anonymous code */

enum unwind_cfa {
	UNWIND_NONE,	/* no rule covers the place */
	UNWIND_UNKNOWN, /* one does, which is beyond this table */
	UNWIND_END,	/* the return address is undefined: the outermost frame */
	UNWIND_REG,	/* CFA = reg + offset */
	UNWIND_DEREF,	/* CFA = *(reg + offset) + add */
	UNWIND_PLT, /* CFA = rsp + 8, and 8 more from byte `add` of each 16 on: a stub of the PLT */
	UNWIND_SIGNAL,	/* rsp points to the kernel's struct rt_sigframe, behind its first word */
	UNWIND_POINTER, /* code of a compiler that keeps frame pointers */
};

/* DWARF numbers of the registers that a function preserves for its caller. */
#define UNWIND_RBX 3
#define UNWIND_RBP 6
#define UNWIND_RSP 7
#define UNWIND_R12 12
#define UNWIND_R15 15
enum unwind_saved { SAVED_RBX, SAVED_RBP, SAVED_R12, SAVED_R13, SAVED_R14, SAVED_R15, SAVED_RA };
#define UNWIND_SAVED 7

/* In unwind_rule.saved, where others are counts of 8 bytes from the CFA. */
#define UNWIND_SAME 0x7fff /* the register still has the caller's value */
#define UNWIND_LOST 0x7ffe /* nobody knows it any more */
#define UNWIND_HELD 0x7ffd /* SAVED_RA of UNWIND_REG: in the register of the number `add` */

struct unwind_rule {
	__u8 cfa;    /* enum unwind_cfa */
	__u8 reg;    /* DWARF number */
	__u8 by_rbp; /* bit i: saved[i] counts from rbp, not from the CFA */
	__u8 unused;
	__s32 offset;
	__s16 add;
	__s16 saved[UNWIND_SAVED];
};

struct unwind_page {
	__u32 rows; /* in the arena */
	__u32 n;
};

/* Zero: no table yet, or never any. */
struct unwind_module {
	__u32 pages; /* in the arena */
	__u32 n_pages, first_page;
	__u32 kind; /* enum unwind_module_kind */
};

enum unwind_module_kind {
	UNWIND_MODULE_PENDING, /* nobody asked for its table so far, or it is being made */
	UNWIND_MODULE_TABLE,
	UNWIND_MODULE_POINTERS, /* all of it keeps frame pointers, for all we know: made at run time
				 */
	UNWIND_MODULE_NO_TABLE, /* there is none to be had */
};

struct unwind_mapping {
	__u64 start;
	__u32 n_pages, module;
	__u64 pgoff; /* bytes */
};

/* The mappings of a process, in the arena. None at all: nobody asks for its callers. */
struct unwind_process {
	__u32 mappings, n;
};

/* How the unwinding of a user stack ended. */
enum unwind_end {
	UNWIND_BY_POINTERS, /* it was read by frame pointers alone: nothing is known of its end */
	UNWIND_COMPLETE,    /* at a function that says that nothing called it */
	UNWIND_TOO_DEEP,    /* more frames than were asked for */
	UNWIND_NO_PROCESS,  /* its mappings are not known yet */
	UNWIND_NO_MAPPING,  /* at an address that is not known to be code */
	UNWIND_NO_TABLE,    /* in a module whose table is being made, or cannot be made */
	UNWIND_NO_RULE,	    /* at a place that no rule covers */
	UNWIND_HARD_RULE,   /* at a rule beyond this table, or whose registers are lost */
	UNWIND_UNREADABLE,  /* the stack could not be read */
	UNWIND_BAD_POINTER, /* a frame pointer that leads nowhere */
	UNWIND_ENDS
};

_Static_assert(sizeof(struct unwind_rule) == 24, "rules have one size for all");
_Static_assert(sizeof(struct unwind_mapping) == 24, "mappings have one size for all");

#endif
