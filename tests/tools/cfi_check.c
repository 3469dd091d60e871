/*
 * Compares the unwinding table of a file (symbols/cfi.h) with what another program reads in it:
 *
 *	readelf --debug-dump=frames-interp --debug-dump=no-follow-links FILE | cfi_check FILE
 *
 * Every rule that the table has anywhere in a row of readelf's must say what that row says, and
 * code that no function covers must have no function's rule. Prints a line of counts, and the first
 * mismatches. Ends with 1 where there are any, with 77 where the file has no table by rights.
 *
 * readelf shows "u" both for a register that was never spoken of, and has its caller's value, and
 * for one that was declared lost; and of an expression it shows that it is one. So much is taken on
 * trust:
 *   - "u" is SAME or LOST, but for the return address, where it is the end of the stack;
 *   - a CFA by an expression is SIGNAL where the CIE says so; else DEREF, PLT or UNKNOWN;
 *   - a register by an expression is a place by rbp, or LOST, which is counted ("lost"): only
 *     hand-written code that aligns its stack (libmvec, libgcrypt) has other expressions; a return
 *     address by one makes it UNKNOWN.
 * What the table cannot hold has to be LOST, or UNKNOWN if it is the CFA or the return address:
 * places that are no whole words, values that are no places, registers in other registers.
 *
 * One difference is not counted as a mismatch but by itself ("refused"): a CFA by an expression
 *that goes on as a register by DW_CFA_def_cfa_register or DW_CFA_def_cfa_offset (some hand-written
 *functions of libgcrypt). DWARF 5 (6.4.2.2) permits neither there: libdw gives up and the table has
 *UNKNOWN, while readelf goes on from the register of before the expression.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "profile/unwind_table.h"
#include "symbols/cfi.h"

#define PADDING_MAX 16
#define POINTER_GAP (64u << 10)
#define LOADS_MAX   64
#define COLUMNS_MAX 40
#define SHOWN_MAX   5
#define RA	    16

struct load {
	uint64_t vaddr, size, offset;
};

/* A row as readelf prints it: what stands in each column. */
struct row {
	char cfa[32];
	struct {
		char reg[8], value[24];
	} column[COLUMNS_MAX];
	int n;
};

struct cie {
	uint64_t at;
	bool is_signal;
	struct row row;
};

struct range {
	uint64_t start, end;
};

static const char *path;
static bool after_expression; /* a row of this entry had its CFA by one */
static struct strbuf table;
static const struct unwind_table *head;
static const struct unwind_rule *rules;
static const struct unwind_page *pages;
static const uint32_t *words;
static struct load load[LOADS_MAX];
static size_t n_loads;

static struct cie *cie;
static size_t n_cies, cap_cies;
static struct range *range;
static size_t n_ranges, cap_ranges;
static uint64_t n_rows, n_bad, n_refused, n_lost, n_by_cfa[UNWIND_POINTER + 1];

/* --- the table --- */

static bool read_loads(int fd)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr ph;

	if (pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		return false;
	for (int i = 0; i < ehdr.e_phnum && n_loads < LOADS_MAX; i++) {
		if (pread(fd, &ph, sizeof(ph), ehdr.e_phoff + i * sizeof(ph)) != sizeof(ph))
			return false;
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X && ph.p_filesz)
			load[n_loads++] = (struct load){ph.p_vaddr, ph.p_filesz, ph.p_offset};
	}
	return n_loads > 0;
}

static bool to_offset(uint64_t vaddr, uint64_t *offset_ret)
{
	for (size_t i = 0; i < n_loads; i++) {
		*offset_ret = vaddr - load[i].vaddr + load[i].offset;
		if (vaddr - load[i].vaddr < load[i].size)
			return true;
	}
	return false;
}

static void open_table(void)
{
	head = (const void *)table.data;
	rules = (const void *)(head + 1);
	pages = (const void *)(rules + head->n_rules);
	words = (const void *)(pages + head->n_pages);
}

/* The rule at an offset, and how far it holds without a look at the next row. */
static const struct unwind_rule *rule_at(uint64_t offset, uint64_t *end_ret)
{
	static const struct unwind_rule none;
	uint64_t page = (offset >> UNWIND_PAGE_BITS) - head->first_page;
	uint32_t in_page = offset & ((1u << UNWIND_PAGE_BITS) - 1), number = 0;
	const uint32_t *row;

	*end_ret = (offset | ((1u << UNWIND_PAGE_BITS) - 1)) + 1;
	if (page >= head->n_pages)
		return &none;
	row = words + pages[page].rows;
	for (uint32_t lo = 0, hi = pages[page].n; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (row[mid] >> UNWIND_RULE_BITS <= in_page) {
			number = row[mid] & UNWIND_RULE_MASK;
			lo = mid + 1;
		} else {
			hi = mid;
			*end_ret = (offset & ~(uint64_t)((1u << UNWIND_PAGE_BITS) - 1)) +
				   (row[mid] >> UNWIND_RULE_BITS);
		}
	}
	return number ? &rules[number - 1] : &none;
}

/* --- one row against one rule --- */

static int register_number(const char *name)
{
	static const char *const first[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"};

	for (int i = 0; i < 8; i++)
		if (!strcmp(name, first[i]))
			return i;
	return name[0] == 'r' && name[1] >= '0' && name[1] <= '9' ? atoi(name + 1) : -1;
}

static const char *column(const struct row *r, const char *reg)
{
	for (int i = 0; i < r->n; i++)
		if (!strcmp(r->column[i].reg, reg))
			return r->column[i].value;
	return "u";
}

static bool cfa_agrees(const char *cfa, const struct unwind_rule *rule, bool is_signal)
{
	char reg[8] = "";
	long offset = 0;

	if (is_signal)
		return rule->cfa == UNWIND_SIGNAL;
	if (!strcmp(cfa, "exp"))
		return rule->cfa == UNWIND_DEREF || rule->cfa == UNWIND_PLT ||
		       rule->cfa == UNWIND_UNKNOWN;
	return sscanf(cfa, "%7[a-z0-9]%ld", reg, &offset) == 2 && rule->cfa == UNWIND_REG &&
	       rule->reg == register_number(reg) && rule->offset == offset;
}

/* What stands at the CFA with a number of bytes added; false: it is something else. */
static bool is_place(const char *value, long *offset_ret)
{
	char *end;

	if (value[0] != 'c' || !value[1])
		return false;
	*offset_ret = strtol(value + 1, &end, 10);
	return !*end && *offset_ret % 8 == 0 && labs(*offset_ret) / 8 < UNWIND_HELD;
}

static bool saved_agrees(const char *value, const struct unwind_rule *rule, int which)
{
	bool by_rbp = rule->by_rbp & 1u << which;
	int saved = rule->saved[which];
	long offset;

	if (is_place(value, &offset))
		return !by_rbp && saved == offset / 8;
	if (!strcmp(value, "exp"))
		return by_rbp || (saved == UNWIND_LOST && ++n_lost);
	if (!strcmp(value, "s") || !strcmp(value, "n"))
		return !by_rbp && saved == UNWIND_SAME;
	if (!strcmp(value, "u"))
		return !by_rbp && (saved == UNWIND_SAME || saved == UNWIND_LOST);
	return !by_rbp && saved == UNWIND_LOST;
}

/* Of a rule that tells where to find the return address. */
static bool ra_agrees(const char *value, const struct unwind_rule *rule)
{
	long offset;

	if (is_place(value, &offset))
		return rule->saved[SAVED_RA] == offset / 8 && !(rule->by_rbp & 1u << SAVED_RA);
	return value[0] == 'r' && rule->saved[SAVED_RA] == UNWIND_HELD &&
	       rule->add == register_number(value);
}

/* Whether all of the row is beyond the table. */
static bool is_hard(const struct row *r, bool is_signal)
{
	const char *ra = column(r, "ra");
	long offset;

	if (is_signal)
		return strcmp(r->cfa, "exp");
	return !strcmp(r->cfa, "exp") || !(is_place(ra, &offset) || ra[0] == 'r');
}

static bool agrees(const struct row *r, const struct unwind_rule *rule, bool is_signal)
{
	static const char *const saved[] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};

	if (!strcmp(column(r, "ra"), "u"))
		return rule->cfa == UNWIND_END;
	if (rule->cfa == UNWIND_UNKNOWN)
		return is_hard(r, is_signal);
	if (!cfa_agrees(r->cfa, rule, is_signal))
		return false;
	if (rule->cfa == UNWIND_SIGNAL)
		return true;
	for (int i = 0; i < 6; i++)
		if (!saved_agrees(column(r, saved[i]), rule, i))
			return false;
	return ra_agrees(column(r, "ra"), rule);
}

static void show(uint64_t vaddr, const struct row *r, const struct unwind_rule *rule)
{
	if (n_bad++ >= SHOWN_MAX)
		return;
	printf("%s: %llx: ", path, (unsigned long long)vaddr);
	if (r)
		printf("cfa %s", r->cfa);
	else
		printf("in no function");
	for (int i = 0; r && i < r->n; i++)
		printf(" %s %s", r->column[i].reg, r->column[i].value);
	printf("; the table: kind %u reg %u %+d add %d by_rbp %x saved", rule->cfa, rule->reg,
	       rule->offset, rule->add, rule->by_rbp);
	for (int i = 0; i < UNWIND_SAVED; i++)
		printf(" %d", rule->saved[i]);
	printf("\n");
}

/* All that the table says of [start, end). */
static void check_row(const struct row *r, uint64_t start, uint64_t end, bool is_signal)
{
	uint64_t offset, next;

	n_rows++;
	for (uint64_t at = start; at < end; at += next - offset) {
		const struct unwind_rule *rule;

		if (!to_offset(at, &offset))
			return;
		rule = rule_at(offset, &next);
		n_by_cfa[rule->cfa <= UNWIND_POINTER ? rule->cfa : 0]++;
		if (agrees(r, rule, is_signal))
			continue;
		if (rule->cfa == UNWIND_UNKNOWN && after_expression && strcmp(r->cfa, "exp"))
			n_refused++;
		else
			show(at, r, rule);
	}
}

/* --- what no function covers --- */

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void check_gap(uint64_t start, uint64_t end, bool is_first)
{
	uint64_t offset, next;

	if (start >= end || (end - start < PADDING_MAX && !is_first))
		return;
	for (uint64_t at = start; at < end; at += next - offset) {
		const struct unwind_rule *rule;
		enum unwind_cfa wanted = end - start >= POINTER_GAP ? UNWIND_POINTER : UNWIND_NONE;

		if (!to_offset(at, &offset))
			return;
		rule = rule_at(offset, &next);
		/* _init and _fini: see symbols/startup.h. */
		if (rule->cfa == UNWIND_REG && rule->reg == UNWIND_RSP && next - offset <= 32 &&
		    (rule->offset == 8 || rule->offset == 16))
			continue;
		if (rule->cfa != wanted)
			show(at, NULL, rule);
	}
}

static void check_gaps(void)
{
	qsort(range, n_ranges, sizeof(*range), by_start);
	for (size_t i = 0; i < n_loads; i++) {
		uint64_t at = load[i].vaddr, end = at + load[i].size;

		for (size_t k = 0; k < n_ranges; k++) {
			if (range[k].end <= at || range[k].start >= end)
				continue;
			check_gap(at, range[k].start, at == load[i].vaddr);
			at = range[k].end;
		}
		/* Nobody asks for what is behind the last function, but it is part of a page. */
		check_gap(at, end, true);
	}
}

/* --- readelf's text --- */

static struct row titles;
static struct row last;	    /* the row that goes on until the next one, or the end */
static uint64_t last_start; /* valid with has_last */
static bool has_last, in_frames;
static struct cie *current; /* NULL: none known */
static bool is_fde;
static uint64_t fde_start, fde_end;

static void end_row(uint64_t end)
{
	if (has_last && is_fde && fde_start && last_start < end)
		check_row(&last, last_start, end, current && current->is_signal);
	else if (has_last && !is_fde && current)
		current->row = last;
	has_last = false;
}

/* What was open has ended: an entry of no rows has those of its CIE. */
static void end_entry(void)
{
	if (is_fde && !has_last && current && fde_start && fde_end > fde_start) {
		last = current->row;
		last_start = fde_start;
		has_last = last.cfa[0];
	}
	end_row(fde_end);
	is_fde = after_expression = false;
	current = NULL;
}

static struct cie *find_cie(uint64_t at)
{
	for (size_t i = 0; i < n_cies; i++)
		if (cie[i].at == at)
			return &cie[i];
	return NULL;
}

static void take_cie(const char *line)
{
	const char *augmentation = strchr(line, '"');
	const char *end = augmentation ? strchr(augmentation + 1, '"') : NULL;

	cie = xgrow(cie, &cap_cies, n_cies + 1, sizeof(*cie));
	current = &cie[n_cies++];
	*current = (struct cie){.at = strtoull(line, NULL, 16)};
	for (const char *p = augmentation; p && p < end; p++)
		current->is_signal |= *p == 'S';
}

static void take_fde(const char *at)
{
	unsigned long long of, start, end;

	if (sscanf(at, " FDE cie=%llx pc=%llx..%llx", &of, &start, &end) != 3)
		return;
	is_fde = true;
	current = find_cie(of);
	fde_start = start;
	fde_end = end;
	if (!start || end <= start)
		return;
	range = xgrow(range, &cap_ranges, n_ranges + 1, sizeof(*range));
	range[n_ranges++] = (struct range){start, end};
}

/* "r3 (rbx)" is one value of two words. */
static char *next_word(char **rest)
{
	char *word = strtok_r(NULL, " \n", rest);

	return word && *word == '(' ? strtok_r(NULL, " \n", rest) : word;
}

static void take_titles(char *line)
{
	char *rest, *word = strtok_r(line, " \n", &rest);

	titles.n = 0;
	strtok_r(NULL, " \n", &rest); /* CFA */
	while ((word = strtok_r(NULL, " \n", &rest)) && titles.n < COLUMNS_MAX)
		snprintf(titles.column[titles.n++].reg, sizeof(titles.column[0].reg), "%s", word);
}

static void take_row(char *line)
{
	char *rest, *word = strtok_r(line, " \n", &rest);
	uint64_t start = strtoull(word, NULL, 16);
	struct row r = titles;

	word = next_word(&rest);
	snprintf(r.cfa, sizeof(r.cfa), "%s", word ? word : "");
	for (int i = 0; i < r.n; i++) {
		word = next_word(&rest);
		snprintf(r.column[i].value, sizeof(r.column[i].value), "%s", word ? word : "");
	}
	end_row(start);
	after_expression |= !strcmp(r.cfa, "exp");
	last = r;
	last_start = start;
	has_last = true;
}

static void take_line(char *line)
{
	char *fde = strstr(line, " FDE cie=");

	if (!strncmp(line, "Contents of the ", 16)) {
		end_entry();
		in_frames = !strncmp(line + 16, ".eh_frame section", 17) ||
			    !strncmp(line + 16, ".debug_frame section", 20);
	} else if (!in_frames) {
		return;
	} else if (fde) {
		end_entry();
		take_fde(fde);
	} else if (strstr(line, " CIE ")) {
		end_entry();
		take_cie(line);
	} else if (strstr(line, " LOC ")) {
		take_titles(line);
	} else if (line[0] >= '0' && line[0] <= 'f' && strlen(line) > 17 && line[16] == ' ') {
		take_row(line);
	}
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t cap = 0;
	int fd, err;

	path = argc > 1 ? argv[1] : "";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : cfi_table(fd, &table);
	if (err == -ENOEXEC || err == -ENODATA)
		return 77;
	if (err || !read_loads(fd)) {
		printf("%s: no table: %s\n", path, strerror(-err));
		return 1;
	}
	open_table();
	while (getline(&line, &cap, stdin) > 0)
		take_line(line);
	end_entry();
	check_gaps();
	printf("%s: %llu rows of readelf, %u of ours, %u rules; by deref %llu, PLT %llu, signal "
	       "%llu, unknown %llu, refused %llu, lost %llu; %llu mismatches\n",
	       path, (unsigned long long)n_rows, head->n_rows, head->n_rules,
	       (unsigned long long)n_by_cfa[UNWIND_DEREF], (unsigned long long)n_by_cfa[UNWIND_PLT],
	       (unsigned long long)n_by_cfa[UNWIND_SIGNAL],
	       (unsigned long long)n_by_cfa[UNWIND_UNKNOWN], (unsigned long long)n_refused,
	       (unsigned long long)n_lost, (unsigned long long)n_bad);
	strbuf_deinit(&table);
	free(cie);
	free(range);
	free(line);
	close(fd);
	return n_bad ? 1 : 0;
}
