#include "symbols/cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "profile/unwind_table.h"
#include "symbols/debugframe.h"
#include "symbols/ehframe.h"
#include "symbols/startup.h"

#define RA 16 /* DWARF number of the return address */

/* Nothing runs in padding. */
#define PADDING_MAX 16
#define POINTER_GAP (64u << 10)

struct load {
	uint64_t vaddr, size, offset;
};

struct function {
	uint64_t start, size;
	bool by_debug; /* its rules are in .debug_frame */
};

/* _init or _fini. */
struct startup {
	uint64_t start;
	size_t n;
	struct startup_row row[STARTUP_ROWS_MAX];
};

/* From here on, up to the next row. */
struct row {
	uint64_t offset; /* in the file */
	uint32_t rule;
};

struct builder {
	Elf *elf;
	Dwarf_CFI *cfi;
	struct debugframe debug;
	struct load *load;
	size_t n_loads;
	struct function *function;
	size_t n_functions, cap_functions;
	struct startup startup[2];
	size_t n_startups;
	struct unwind_rule *rule;
	size_t n_rules, cap_rules;
	struct index rule_ix;
	struct row *row;
	size_t n_rows, cap_rows;
	uint32_t pointer_rule; /* the number of UNWIND_POINTER */
};

/* --- rules --- */

static uint32_t intern_rule(struct builder *b, const struct unwind_rule *rule)
{
	uint64_t hash = hash_bytes(rule, sizeof(*rule), 0);

	if (rule->cfa == UNWIND_NONE)
		return 0;
	for (uint32_t it = 0, id; index_next(&b->rule_ix, hash, &it, &id);)
		if (!memcmp(&b->rule[id], rule, sizeof(*rule)))
			return id + 1;
	if (b->n_rules >= UNWIND_TABLE_RULES_MAX)
		return 0;
	b->rule = xgrow(b->rule, &b->cap_rules, b->n_rules + 1, sizeof(*rule));
	b->rule[b->n_rules] = *rule;
	index_add(&b->rule_ix, hash, b->n_rules);
	return ++b->n_rules;
}

/* A register with a number added, in either form of it. */
static bool is_register_plus(const Dwarf_Op *op, uint64_t *reg_ret, int64_t *add_ret)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		*reg_ret = op->atom - DW_OP_breg0;
		*add_ret = (int64_t)op->number;
		return true;
	}
	*reg_ret = op->number;
	*add_ret = (int64_t)op->number2;
	return op->atom == DW_OP_bregx;
}

/* A number that an expression pushes, or -1. */
static int literal(const Dwarf_Op *op)
{
	return op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31 ? op->atom - DW_OP_lit0 : -1;
}

/* ld's own: rsp + 8 + ((rip & 15) >= n) * 8, n the byte of the stub behind its push. */
static bool is_plt(const Dwarf_Op *op, size_t n)
{
	return n == 9 && op[0].atom == DW_OP_breg7 && op[0].number == 8 &&
	       op[1].atom == DW_OP_breg16 && op[1].number == 0 && literal(&op[2]) == 15 &&
	       op[3].atom == DW_OP_and && literal(&op[4]) > 0 && op[5].atom == DW_OP_ge &&
	       literal(&op[6]) == 3 && op[7].atom == DW_OP_shl && op[8].atom == DW_OP_plus;
}

static bool take_cfa(struct unwind_rule *rule, const Dwarf_Op *op, size_t n, bool is_signal)
{
	uint64_t reg;
	int64_t offset;

	if (n == 0)
		return false;
	if (is_plt(op, n)) {
		rule->cfa = UNWIND_PLT;
		rule->add = literal(&op[4]);
		return true;
	}
	if (!is_register_plus(op, &reg, &offset) || reg > 15 || (int32_t)offset != offset)
		return false;
	rule->reg = reg;
	rule->offset = offset;
	if (n == 1) {
		rule->cfa = UNWIND_REG;
		return true;
	}
	if (op[1].atom != DW_OP_deref)
		return false;
	rule->cfa = UNWIND_DEREF;
	if (n == 2)
		return true;
	rule->add = op[2].number;
	return n == 3 && op[2].atom == DW_OP_plus_uconst && !is_signal && op[2].number <= INT16_MAX;
}

/* A place in memory as a count of words, where that fits. */
static bool in_words(int64_t offset, int16_t *words_ret)
{
	*words_ret = offset / 8;
	return offset % 8 == 0 && offset / 8 > -UNWIND_HELD && offset / 8 < UNWIND_HELD;
}

static void take_saved(struct unwind_rule *rule, int which, Dwarf_Frame *frame, int reg)
{
	Dwarf_Op memory[3], *op;
	uint64_t base;
	int64_t offset = 0;
	size_t n;

	rule->saved[which] = UNWIND_LOST;
	if (dwarf_frame_register(frame, reg, memory, &op, &n))
		return;
	if (n == 0) {
		if (!op)
			rule->saved[which] = UNWIND_SAME;
		return;
	}
	/* An expression of the file's own begins with the CFA too, whether it needs it or not. */
	if (op[0].atom != DW_OP_call_frame_cfa || n > 2)
		return;
	if (n == 2 && op[1].atom == DW_OP_plus_uconst)
		offset = (int64_t)op[1].number;
	else if (n == 2 && is_register_plus(&op[1], &base, &offset) && base == UNWIND_RBP)
		rule->by_rbp |= 1u << which;
	else if (n == 2)
		return;
	if (!in_words(offset, &rule->saved[which])) {
		rule->saved[which] = UNWIND_LOST;
		rule->by_rbp &= ~(1u << which);
	}
}

/* The function took its return address off the stack, and keeps it in a register (vfork). */
static bool holds_return(Dwarf_Frame *frame, int16_t *reg_ret)
{
	Dwarf_Op memory[3], *op;
	size_t n;

	if (dwarf_frame_register(frame, RA, memory, &op, &n) || n != 1 ||
	    op[0].atom != DW_OP_regx || op[0].number > 15)
		return false;
	*reg_ret = op[0].number;
	return true;
}

/* Only what user space has of the registers at a signal: struct rt_sigframe. */
static bool is_sigframe(const struct unwind_rule *rule)
{
	return rule->cfa == UNWIND_DEREF && rule->reg == UNWIND_RSP && rule->offset == 160 &&
	       rule->add == 0;
}

static struct unwind_rule make_rule(Dwarf_Frame *frame)
{
	static const int saved[] = {UNWIND_RBX, UNWIND_RBP, UNWIND_R12, 13, 14, UNWIND_R15, RA};
	struct unwind_rule rule = {0};
	const struct unwind_rule unknown = {.cfa = UNWIND_UNKNOWN};
	Dwarf_Addr from, to;
	bool is_signal = false;
	Dwarf_Op *op, memory[3];
	size_t n;

	if (dwarf_frame_info(frame, &from, &to, &is_signal) != RA)
		return unknown;
	if (!dwarf_frame_register(frame, RA, memory, &op, &n) && n == 0 && op)
		return (struct unwind_rule){.cfa = UNWIND_END};
	if (dwarf_frame_cfa(frame, &op, &n) || !take_cfa(&rule, op, n, is_signal))
		return unknown;
	if (is_signal)
		return is_sigframe(&rule) ? (struct unwind_rule){.cfa = UNWIND_SIGNAL} : unknown;
	for (int i = 0; i < UNWIND_SAVED; i++)
		take_saved(&rule, i, frame, saved[i]);
	if (rule.cfa == UNWIND_REG && holds_return(frame, &rule.add))
		rule.saved[SAVED_RA] = UNWIND_HELD;
	else if (rule.saved[SAVED_RA] >= UNWIND_HELD || rule.by_rbp & 1u << SAVED_RA)
		return unknown;
	return rule;
}

/* --- rows --- */

static void add_row(struct builder *b, uint64_t offset, uint32_t rule)
{
	struct row *last = b->n_rows ? &b->row[b->n_rows - 1] : NULL;

	if (last && last->offset == offset) {
		last->rule = rule;
		if (b->n_rows > 1 && last[-1].rule == rule)
			b->n_rows--;
		return;
	}
	if (last && last->rule == rule)
		return;
	b->row = xgrow(b->row, &b->cap_rows, b->n_rows + 1, sizeof(*b->row));
	b->row[b->n_rows++] = (struct row){offset, rule};
}

/* Rows of start-up code, within a gap whose rule is `around`. */
static void add_startup(struct builder *b, const struct load *l, const struct startup *s,
			uint32_t around)
{
	for (size_t i = 0; i < s->n; i++) {
		struct unwind_rule rule = {.cfa = UNWIND_REG,
					   .reg = UNWIND_RSP,
					   .offset = (int32_t)s->row[i].cfa};

		for (int k = 0; k < UNWIND_SAVED; k++)
			rule.saved[k] = UNWIND_SAME;
		rule.saved[SAVED_RA] = -1;
		add_row(b, s->start + s->row[i].at - l->vaddr + l->offset,
			s->row[i].cfa ? intern_rule(b, &rule) : around);
	}
}

/* Of those in [from, to), which come in order. */
static void add_startups(struct builder *b, const struct load *l, uint64_t from, uint64_t to,
			 uint32_t around)
{
	for (size_t i = 0; i < b->n_startups; i++) {
		const struct startup *s = &b->startup[i];

		if (s->start >= from && s->start < to && s->row[s->n - 1].at <= to - s->start)
			add_startup(b, l, s, around);
	}
}

/* What no function covers. */
static void add_gap(struct builder *b, const struct load *l, uint64_t from, uint64_t to)
{
	uint64_t size = to - from;

	uint32_t rule = size >= POINTER_GAP ? b->pointer_rule : 0;

	if (size < PADDING_MAX && from != l->vaddr)
		return;
	add_row(b, from - l->vaddr + l->offset, rule);
	add_startups(b, l, from, to, rule);
}

static void add_function(struct builder *b, const struct load *l, Dwarf_CFI *cfi, uint64_t from,
			 uint64_t to)
{
	while (from < to && b->n_rows < UNWIND_TABLE_ROWS_MAX) {
		Dwarf_Frame *frame;
		Dwarf_Addr start, end = to;
		struct unwind_rule rule = {.cfa = UNWIND_UNKNOWN};
		bool is_signal;

		if (!dwarf_cfi_addrframe(cfi, from, &frame)) {
			rule = make_rule(frame);
			dwarf_frame_info(frame, &start, &end, &is_signal);
			free(frame);
		}
		add_row(b, from - l->vaddr + l->offset, intern_rule(b, &rule));
		from = end > from ? end : to;
	}
}

static void add_load(struct builder *b, const struct load *l, size_t *next)
{
	uint64_t at = l->vaddr, end = l->vaddr + l->size;

	for (; *next < b->n_functions && b->function[*next].start < end; ++*next) {
		const struct function *f = &b->function[*next];
		uint64_t start = f->start > at ? f->start : at, stop = f->start + f->size;

		stop = stop < end ? stop : end;
		if (f->start < l->vaddr || stop <= start)
			continue;
		if (start > at)
			add_gap(b, l, at, start);
		add_function(b, l, f->by_debug ? b->debug.cfi : b->cfi, start, stop);
		at = stop;
	}
	if (end - at >= POINTER_GAP) {
		add_gap(b, l, at, end);
	} else {
		add_row(b, at - l->vaddr + l->offset, 0);
		add_startups(b, l, at, end, 0);
	}
	add_row(b, l->size + l->offset, 0);
}

static int by_start(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->start != y->start)
		return x->start > y->start ? 1 : -1;
	return x->by_debug - y->by_debug;
}

static int by_vaddr(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static int by_offset(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset > y->offset ? 1 : -1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

/* Segments whose places in the file are in another order, or overlap: of two rows at one place, one
 * may end a segment where the other begins the next. */
static void sort_rows(struct builder *b)
{
	size_t n = 0;

	qsort(b->row, b->n_rows, sizeof(*b->row), by_offset);
	for (size_t i = 0; i < b->n_rows; i++)
		if (i + 1 == b->n_rows || b->row[i].offset != b->row[i + 1].offset)
			b->row[n++] = b->row[i];
	b->n_rows = n;
}

static void add_rows(struct builder *b)
{
	static const struct unwind_rule pointer = {.cfa = UNWIND_POINTER};
	bool sorted = true;
	size_t next = 0;

	if (b->n_functions)
		if (b->n_functions)
			qsort(b->function, b->n_functions, sizeof(*b->function), by_start);
	qsort(b->load, b->n_loads, sizeof(*b->load), by_vaddr);
	b->pointer_rule = intern_rule(b, &pointer);
	for (size_t i = 0; i < b->n_loads; i++)
		add_load(b, &b->load[i], &next);
	for (size_t i = 1; i < b->n_rows; i++)
		sorted &= b->row[i - 1].offset <= b->row[i].offset;
	if (!sorted)
		sort_rows(b);
}

/* --- the table --- */

/* The rows of a page go to `rows`. What holds at its start is a row of it, unless that is none. */
static uint32_t add_page(const struct builder *b, size_t *at, uint64_t page, struct strbuf *rows)
{
	uint64_t start = page << UNWIND_PAGE_BITS, end = start + (1u << UNWIND_PAGE_BITS);
	uint32_t before = *at ? b->row[*at - 1].rule : 0, row, n = 0;

	if (before && (*at == b->n_rows || b->row[*at].offset > start)) {
		strbuf_add(rows, &before, sizeof(before));
		n++;
	}
	for (; *at < b->n_rows && b->row[*at].offset < end; ++*at) {
		row = (uint32_t)(b->row[*at].offset - start) << UNWIND_RULE_BITS | b->row[*at].rule;
		strbuf_add(rows, &row, sizeof(row));
		n++;
	}
	return n;
}

static int write_table(const struct builder *b, struct strbuf *out)
{
	struct unwind_table head = {.magic = UNWIND_TABLE_MAGIC, .n_rules = b->n_rules};
	uint64_t first = b->row[0].offset >> UNWIND_PAGE_BITS;
	uint64_t last = b->row[b->n_rows - 1].offset >> UNWIND_PAGE_BITS;
	struct unwind_page page = {0};
	struct strbuf rows = {0};
	size_t at = 0;

	if (last - first >= UNWIND_TABLE_PAGES_MAX || last > UINT32_MAX)
		return -E2BIG;
	head.first_page = first;
	head.n_pages = last - first + 1;
	strbuf_add(out, &head, sizeof(head));
	strbuf_add(out, b->rule, b->n_rules * sizeof(*b->rule));
	for (uint32_t i = 0; i < head.n_pages; i++) {
		page.rows += page.n;
		page.n = add_page(b, &at, first + i, &rows);
		strbuf_add(out, &page, sizeof(page));
	}
	strbuf_add(out, rows.data, rows.len);
	head.n_rows = rows.len / sizeof(uint32_t);
	memcpy(out->data + out->len - unwind_table_bytes(&head), &head, sizeof(head));
	strbuf_deinit(&rows);
	return head.n_rows <= UNWIND_TABLE_ROWS_MAX ? 0 : -E2BIG;
}

/* --- the file --- */

static int read_loads(struct builder *b)
{
	size_t n;

	if (elf_getphdrnum(b->elf, &n) || n > UINT16_MAX)
		return -ENOEXEC;
	b->load = xcalloc(n + 1, sizeof(*b->load));
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(b->elf, i, &ph))
			return -ENOEXEC;
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X && ph.p_filesz &&
		    ph.p_vaddr + ph.p_filesz > ph.p_vaddr &&
		    ph.p_offset + ph.p_filesz > ph.p_offset)
			b->load[b->n_loads++] = (struct load){ph.p_vaddr, ph.p_filesz, ph.p_offset};
	}
	return b->n_loads ? 0 : -ENODATA;
}

static void add_range(struct builder *b, uint64_t start, uint64_t size, bool by_debug)
{
	if (!start || start + size < start)
		return;
	b->function =
	    xgrow(b->function, &b->cap_functions, b->n_functions + 1, sizeof(*b->function));
	b->function[b->n_functions++] = (struct function){start, size, by_debug};
}

static void take_function(void *arg, uint64_t start, uint64_t size)
{
	add_range(arg, start, size, false);
}

static void take_debug_function(void *arg, uint64_t start, uint64_t size)
{
	add_range(arg, start, size, true);
}

static void read_startup(struct builder *b, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	struct startup s = {.start = shdr->sh_addr};

	if (!data || !data->d_size || b->n_startups == 2 ||
	    (b->n_startups && s.start <= b->startup[0].start + STARTUP_BYTES_MAX))
		return;
	s.n = startup_rows(data->d_buf, data->d_size, s.row);
	if (s.n)
		b->startup[b->n_startups++] = s;
}

static void read_functions(struct builder *b, const uint8_t *ident)
{
	size_t strings;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	if (elf_getshdrstrndx(b->elf, &strings))
		return;
	while ((scn = elf_nextscn(b->elf, scn))) {
		const char *name =
		    gelf_getshdr(scn, &shdr) ? elf_strptr(b->elf, strings, shdr.sh_name) : NULL;
		Elf_Data *data = name && !strcmp(name, ".eh_frame") && shdr.sh_type != SHT_NOBITS
				     ? elf_getdata(scn, NULL)
				     : NULL;

		if (name && (!strcmp(name, ".init") || !strcmp(name, ".fini")) &&
		    shdr.sh_type == SHT_PROGBITS)
			read_startup(b, scn, &shdr);
		if (data)
			ehframe_each(ident, data, shdr.sh_addr, take_function, b);
	}
}

static int read_file(struct builder *b, int fd)
{
	GElf_Ehdr ehdr;
	int err;

	elf_version(EV_CURRENT);
	/* Not mapped: whoever truncates a mapped file kills us by SIGBUS. */
	b->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!b->elf || elf_kind(b->elf) != ELF_K_ELF || !gelf_getehdr(b->elf, &ehdr) ||
	    ehdr.e_machine != EM_X86_64 || ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOEXEC;
	err = read_loads(b);
	if (err)
		return err;
	read_functions(b, ehdr.e_ident);
	b->cfi = b->n_functions ? dwarf_getcfi_elf(b->elf) : NULL;
	if (!b->cfi)
		b->n_functions = 0;
	if (!debugframe_init(&b->debug, b->elf))
		debugframe_each(ehdr.e_ident, b->debug.data, take_debug_function, b);
	return 0;
}

int cfi_table(int fd, struct strbuf *table_ret)
{
	struct builder b = {0};
	int err = read_file(&b, fd);

	if (!err) {
		add_rows(&b);
		err = b.n_rows ? write_table(&b, table_ret) : -ENODATA;
	}
	if (b.cfi)
		dwarf_cfi_end(b.cfi);
	debugframe_deinit(&b.debug);
	elf_end(b.elf);
	free(b.load);
	free(b.function);
	free(b.rule);
	free(b.row);
	index_deinit(&b.rule_ix);
	return err;
}
