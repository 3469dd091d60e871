#ifndef BPF_UNWIND_BPF_H
#define BPF_UNWIND_BPF_H

/*
 * The user stack of the current task by the tables of bpf/unwind.h, as a loop of bpf_loop() (Linux
 * 5.17) over frames. Registers that were saved are not read until a rule needs them, which few do:
 * of most frames only the return address is read.
 *
 * A register that a rule does not speak of keeps its value, even one that functions are free to
 * use: a rule that finds a caller's frame by such a register was written by hand, and knows that
 * what is called there leaves it alone (the AES-GCM of OpenSSL finds its frames by rax).
 */
#include "bpf/unwind.h"

#define SEGMENT_SHIFT 18
#define USER_CS	      0x33 /* 64-bit code */

/* How far the next frame may be where only its pointer says so. */
#define POINTER_REACH_MAX (1u << 20)

struct unwind_segment {
	u32 word[UNWIND_SEGMENT_WORDS + UNWIND_GUARD_WORDS];
};

struct unwind_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct unwind_segment));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, UNWIND_SEGMENTS);
	__type(key, u32);
	__array(values, struct unwind_inner);
} segments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_RULES_MAX);
	__type(key, u32);
	__type(value, struct unwind_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_MODULES_MAX);
	__type(key, u32);
	__type(value, struct unwind_module);
} modules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, u32);
	__type(value, struct unwind_process);
} processes SEC(".maps");

/* Where a register's value is to be found. */
#define HERE 0 /* in reg */
#define LOST 1
/* Otherwise the address where it was saved. */

struct unwind {
	struct unwind_process process;
	struct unwind_mapping mapping; /* of the frame before */
	u64 ip, sp;
	u64 reg[16], at[16]; /* by DWARF number */
	u64 reg0[17];	     /* as it began; 16: ip */
	u32 depth, max, end;
	u32 is_exact; /* ip is where the frame runs, and not where its callee returns to */
};

/* The words of the segment that an address of the arena lies in; NULL never happens. */
static __always_inline const u32 *segment_of(u32 at)
{
	u32 which = at >> SEGMENT_SHIFT, zero = 0;
	void *inner = bpf_map_lookup_elem(&segments, &which);
	struct unwind_segment *seg = inner ? bpf_map_lookup_elem(inner, &zero) : 0;

	return seg ? seg->word : 0;
}

#define IN_SEGMENT(at) ((at) & (UNWIND_SEGMENT_WORDS - 1))
#define WORDS_OF(type) ((u32)(sizeof(type) / sizeof(u32)))

/*
 * Both searches below go without branches on what they read: the verifier would follow each of
 * them. All numbers are below 2^63, so that the sign of a difference tells which one is greater.
 *
 * They are global functions of numbers alone, which the verifier looks at once, for any numbers,
 * and not anew for each state in which they are called: places in a segment are bounded by a mask,
 * and what led to them it would otherwise keep track of through all that comes before.
 */
static __always_inline u32 all_ones_if_not_above(u64 a, u64 b)
{
	return (u32)((b - a) >> 63) - 1;
}

/* Of n mappings at a place in the arena, the place of the last one that starts at or before the
 * address; of the first where there is none. */
__noinline u32 search_mapping(u32 at, u32 n, u64 address)
{
	const u32 *words = segment_of(at);

	if (!words)
		return at;
#pragma unroll
	for (int i = 0; i < UNWIND_MAPPING_BITS; i++) {
		u32 half = n >> 1, mid = at + half * WORDS_OF(struct unwind_mapping);
		u64 start = *(const u64 *)(words + IN_SEGMENT(mid));

		if (n <= 1)
			break;
		at += (half * WORDS_OF(struct unwind_mapping)) &
		      all_ones_if_not_above(start, address);
		n -= half;
	}
	return at;
}

/* Finds the mapping that holds the address. */
static __always_inline _Bool find_mapping(struct unwind *u, u64 address)
{
	struct unwind_mapping *m = &u->mapping;
	const u32 *words;
	u32 at;

	if (address - m->start < (u64)m->n_pages << UNWIND_PAGE_BITS)
		return 1;
	if (address >> 63)
		return 0;
	at = search_mapping(u->process.mappings, u->process.n, address);
	words = segment_of(at);
	if (!words)
		return 0;
	*m = *(const struct unwind_mapping *)(words + IN_SEGMENT(at));
	return address - m->start < (u64)m->n_pages << UNWIND_PAGE_BITS;
}

/* The number of the rule at a page's key: that of the last row at or before it. `page` is a place
 * in the arena. */
__noinline u32 search_row(u32 page, u32 key)
{
	const u32 *words = segment_of(page);
	const struct unwind_page *p;
	u32 at, n, row;

	if (!words)
		return 0;
	p = (const void *)(words + IN_SEGMENT(page));
	at = p->rows;
	n = p->n;
	words = segment_of(at);
	if (!words || !n)
		return 0;
#pragma unroll
	for (int i = 0; i <= UNWIND_PAGE_BITS; i++) {
		u32 half = n >> 1;

		if (n <= 1)
			break;
		row = words[IN_SEGMENT(at + half)];
		at += half & all_ones_if_not_above(row, key);
		n -= half;
	}
	row = words[IN_SEGMENT(at)];
	return row <= key ? row & UNWIND_RULE_MASK : 0;
}

/* The number of the rule at an offset of a module. */
static __always_inline u32 find_rule(const struct unwind_module *m, u64 offset)
{
	u64 page = (offset >> UNWIND_PAGE_BITS) - m->first_page;

	if (page >= m->n_pages)
		return 0;
	return search_row(m->pages + (u32)page * WORDS_OF(struct unwind_page),
			  (u32)offset << UNWIND_RULE_BITS | UNWIND_RULE_MASK);
}

static __always_inline _Bool read_word(u64 *v, u64 address)
{
	return !bpf_probe_read_user(v, sizeof(*v), (const void *)address);
}

/* 0, or how the unwinding ends. */
static __always_inline u32 get_register(struct unwind *u, u32 r, u64 *v)
{
	u64 at;

	if (r == UNWIND_RSP) {
		*v = u->sp;
		return 0;
	}
	r &= 15;
	at = u->at[r];
	if (at == LOST)
		return UNWIND_HARD_RULE;
	if (at != HERE) {
		if (!read_word(v, at))
			return UNWIND_UNREADABLE;
		u->reg[r] = *v;
		u->at[r] = HERE;
	}
	*v = u->reg[r];
	return 0;
}

static __always_inline u32 by_pointer(struct unwind *u)
{
	u64 bp, frame[2];
	u32 end = get_register(u, UNWIND_RBP, &bp);

	if (end)
		return end == UNWIND_HARD_RULE ? UNWIND_BAD_POINTER : end;
	if (bp < u->sp || bp - u->sp > POINTER_REACH_MAX || bp % sizeof(bp) ||
	    bpf_probe_read_user(frame, sizeof(frame), (const void *)bp))
		return UNWIND_BAD_POINTER;
	u->sp = bp + sizeof(frame);
	u->ip = frame[1];
	u->reg[UNWIND_RBP] = frame[0];
	for (u32 i = 0; i < 16; i++)
		u->at[i] = i == UNWIND_RBP ? HERE : LOST;
	return 0;
}

/*
 * struct rt_sigframe begins with the return address that brought us here, then struct ucontext:
 * flags and link (16 bytes), stack (24), and the registers as struct sigcontext has them.
 */
#define SIGCONTEXT 40
static __always_inline u32 by_signal(struct unwind *u)
{
	u64 context = u->sp + SIGCONTEXT, sp, ip;

	if (!read_word(&sp, context + 120) || !read_word(&ip, context + 128))
		return UNWIND_UNREADABLE;
	for (u32 i = 0; i < 8; i++)
		u->at[8 + i] = context + i * 8; /* r8 … r15 */
	u->at[5] = context + 64;		/* rdi */
	u->at[4] = context + 72;		/* rsi */
	u->at[UNWIND_RBP] = context + 80;
	u->at[UNWIND_RBX] = context + 88;
	u->at[1] = context + 96;  /* rdx */
	u->at[0] = context + 104; /* rax */
	u->at[2] = context + 112; /* rcx */
	u->sp = sp;
	u->ip = ip;
	u->is_exact = 1;
	return 0;
}

static __always_inline void find_saved(struct unwind *u, const struct unwind_rule *rule, u32 which,
				       u32 r, u64 cfa, u64 bp)
{
	s64 words = rule->saved[which];

	if (words == UNWIND_SAME)
		return;
	u->at[r] =
	    words == UNWIND_LOST ? LOST : (rule->by_rbp & (1u << which) ? bp : cfa) + words * 8;
}

static __always_inline u32 by_rule(struct unwind *u, const struct unwind_rule *rule)
{
	u64 cfa, bp = 0;
	u32 end;

	if (rule->cfa == UNWIND_PLT) {
		cfa = u->sp + 8 + ((u->ip & 15) >= (u64)rule->add ? 8 : 0);
	} else {
		end = get_register(u, rule->reg, &cfa);
		if (end)
			return end;
		cfa += rule->offset;
		if (rule->cfa == UNWIND_DEREF) {
			if (!read_word(&cfa, cfa))
				return UNWIND_UNREADABLE;
			cfa += rule->add;
		}
	}
	if (rule->by_rbp) {
		end = get_register(u, UNWIND_RBP, &bp);
		if (end)
			return end;
	}
	/* Stacks grow downwards, and a frame has at least its return address. */
	if (rule->saved[SAVED_RA] == UNWIND_HELD) {
		end = cfa < u->sp ? UNWIND_UNREADABLE : get_register(u, rule->add, &u->ip);
		if (end)
			return end;
	} else if (cfa <= u->sp || !read_word(&u->ip, cfa + (s64)rule->saved[SAVED_RA] * 8)) {
		return UNWIND_UNREADABLE;
	}
	find_saved(u, rule, SAVED_RBX, UNWIND_RBX, cfa, bp);
	find_saved(u, rule, SAVED_RBP, UNWIND_RBP, cfa, bp);
	find_saved(u, rule, SAVED_R12, 12, cfa, bp);
	find_saved(u, rule, SAVED_R13, 13, cfa, bp);
	find_saved(u, rule, SAVED_R14, 14, cfa, bp);
	find_saved(u, rule, SAVED_R15, 15, cfa, bp);
	u->sp = cfa;
	return 0;
}

/* From a frame to its caller. 0, or how the unwinding ends. */
static __always_inline u32 to_caller(struct unwind *u)
{
	u64 address = u->is_exact ? u->ip : u->ip - 1;
	const struct unwind_rule *rule;
	struct unwind_module *m;
	u32 number;

	if (!find_mapping(u, address))
		return UNWIND_NO_MAPPING;
	m = bpf_map_lookup_elem(&modules, &u->mapping.module);
	if (!m)
		return UNWIND_NO_TABLE;
	u->is_exact = 0;
	if (m->kind == UNWIND_MODULE_POINTERS)
		return by_pointer(u);
	if (m->kind != UNWIND_MODULE_TABLE)
		return UNWIND_NO_TABLE;
	number = find_rule(m, address - u->mapping.start + u->mapping.pgoff);
	rule = bpf_map_lookup_elem(&rules, &number);
	if (!rule || rule->cfa == UNWIND_NONE)
		return UNWIND_NO_RULE;
	if (rule->cfa == UNWIND_END)
		return UNWIND_COMPLETE;
	if (rule->cfa == UNWIND_UNKNOWN)
		return UNWIND_HARD_RULE;
	if (rule->cfa == UNWIND_SIGNAL)
		return by_signal(u);
	return rule->cfa == UNWIND_POINTER ? by_pointer(u) : by_rule(u, rule);
}

#endif
