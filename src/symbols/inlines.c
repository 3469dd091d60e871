#include "symbols/inlines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "symbols/ranges.h"

/* Above this the sections are not read: libdw ends the process where memory does. */
#define DWARF_MAX_BYTES (768u << 20)
/* Of our own tables. */
#define TABLES_MAX_BYTES (128u << 20)
#define DEPTH_MAX	 256
#define NO_PARENT	 UINT32_MAX
#define ORIGINS_MAX	 16
/* How many entries are read between two looks at the clock. */
#define ENTRIES_A_LOOK 256

/* A function with code, or one inlined there. */
struct entry {
	Dwarf_Off die;
	uint32_t parent; /* the entry that it is inlined into */
	uint32_t call_file, call_line;
	const char *name;
	bool is_named; /* `name` was looked up */
	char *own;     /* the name, where it was put together */
};

struct unit {
	Dwarf_Die die;
	bool is_read;
	struct ranges code; /* value: entry */
	struct entry *entry;
	size_t n_entries, cap_entries;
};

struct inlines {
	Elf *elf;
	Dwarf *dwarf;
	Dwarf_CU *last; /* up to here units are listed */
	bool all_listed, cut;
	struct unit *unit;
	size_t n_units, cap_units;
	struct ranges units; /* value: unit */
	size_t bytes;
	uint64_t used_ns, call_ns; /* CPU, in all and in this call */
	uint64_t began_ns;
	unsigned n_read;
};

/* Of a unit, while it is read. */
struct reader {
	struct inlines *in;
	struct unit *unit;
	struct range *range; /* of parents before those of their children, which override them */
	size_t n_ranges, cap_ranges;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static bool is_over(struct inlines *in)
{
	uint64_t now = cpu_ns();

	in->call_ns += now - in->began_ns;
	in->used_ns += now - in->began_ns;
	in->began_ns = now;
	if (in->call_ns < INLINES_CALL_MS * UINT64_C(1000000) &&
	    in->used_ns < INLINES_FILE_MS * UINT64_C(1000000) && in->bytes < TABLES_MAX_BYTES)
		return false;
	in->cut = true;
	return true;
}

static bool is_over_by_count(struct inlines *in)
{
	return ++in->n_read % ENTRIES_A_LOOK == 0 && is_over(in);
}

/* --- opening --- */

/* How large a section is in memory. libdw takes it for granted that strings end in it. */
static size_t section_bytes(Elf_Scn *scn, const GElf_Shdr *shdr, const char *name)
{
	bool has_strings = !strcmp(name, ".debug_str") || !strcmp(name, ".debug_line_str");
	size_t size = shdr->sh_size;
	Elf_Data *data;
	GElf_Chdr chdr;

	if (shdr->sh_flags & SHF_COMPRESSED)
		size = gelf_getchdr(scn, &chdr) ? chdr.ch_size : SIZE_MAX;
	if (!has_strings || !size || size > DWARF_MAX_BYTES)
		return size;
	if (shdr->sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
		return SIZE_MAX;
	data = elf_getdata(scn, NULL);
	if (!data || !data->d_size || ((const char *)data->d_buf)[data->d_size - 1])
		return SIZE_MAX;
	return size;
}

/* Whether there is DWARF, of a size that can be read. */
static bool has_dwarf(Elf *elf)
{
	size_t strings, size = 0, n;
	bool has_info = false;
	GElf_Shdr shdr;

	if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &strings))
		return false;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		const char *name =
		    gelf_getshdr(scn, &shdr) ? elf_strptr(elf, strings, shdr.sh_name) : NULL;

		if (!name || strncmp(name, ".debug_", 7) || shdr.sh_type == SHT_NOBITS)
			continue;
		has_info |= !strcmp(name, ".debug_info");
		n = section_bytes(scn, &shdr, name);
		if (n > DWARF_MAX_BYTES)
			return false;
		size += n;
	}
	return has_info && size < DWARF_MAX_BYTES;
}

static bool open_dwarf(struct inlines *in, int fd)
{
	in->elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (in->elf && has_dwarf(in->elf))
		in->dwarf = dwarf_begin_elf(in->elf, DWARF_C_READ, NULL);
	if (in->dwarf)
		return true;
	elf_end(in->elf);
	in->elf = NULL;
	return false;
}

struct inlines *inlines_create(int fd, int debug_fd)
{
	struct inlines *in = xcalloc(1, sizeof(*in));

	elf_version(EV_CURRENT);
	if (open_dwarf(in, debug_fd) || open_dwarf(in, fd))
		return in;
	free(in);
	return NULL;
}

void inlines_destroy(struct inlines *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->n_units; i++) {
		ranges_deinit(&in->unit[i].code);
		for (size_t k = 0; k < in->unit[i].n_entries; k++)
			free(in->unit[i].entry[k].own);
		free(in->unit[i].entry);
	}
	free(in->unit);
	ranges_deinit(&in->units);
	dwarf_end(in->dwarf);
	elf_end(in->elf);
	free(in);
}

/* --- reading --- */

/* Adds the code of an entry of the tree. What the linker discarded begins at 0. */
static size_t add_ranges(struct inlines *in, Dwarf_Die *die, uint32_t value, struct range **range,
			 size_t *n_ranges, size_t *cap)
{
	Dwarf_Addr base, start, end;
	size_t before = *n_ranges;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
		if (start && start < end) {
			*range = xgrow(*range, cap, *n_ranges + 1, sizeof(**range));
			(*range)[(*n_ranges)++] = (struct range){start, end, value};
		}
		if (is_over_by_count(in))
			break;
	}
	return *n_ranges - before;
}

/* Where the code of each unit is; .debug_aranges, which not all compilers write, is not needed. */
static void list_units(struct inlines *in)
{
	struct range *range = NULL;
	size_t n = 0, cap = 0;
	uint8_t type;
	Dwarf_Half version;
	Dwarf_Die die;

	while (!in->all_listed && !is_over_by_count(in)) {
		if (dwarf_get_units(in->dwarf, in->last, &in->last, &version, &type, &die, NULL)) {
			in->all_listed = true;
			break;
		}
		if (type != DW_UT_compile || in->n_units >= UINT32_MAX)
			continue;
		if (!add_ranges(in, &die, in->n_units, &range, &n, &cap))
			continue;
		in->unit = xgrow(in->unit, &in->cap_units, in->n_units + 1, sizeof(*in->unit));
		in->unit[in->n_units++] = (struct unit){.die = die};
	}
	ranges_add(&in->units, range, n);
	in->bytes += n * sizeof(*range);
	free(range);
}

static uint32_t number_of(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Word v = 0;

	return dwarf_attr(die, attribute, &attr) && !dwarf_formudata(&attr, &v) && v < UINT32_MAX
		   ? (uint32_t)v
		   : 0;
}

/* False where the entry has no code. */
static bool add_entry(struct reader *rd, Dwarf_Die *die, uint32_t parent)
{
	struct unit *u = rd->unit;

	if (!add_ranges(rd->in, die, u->n_entries, &rd->range, &rd->n_ranges, &rd->cap_ranges))
		return false;
	u->entry = xgrow(u->entry, &u->cap_entries, u->n_entries + 1, sizeof(*u->entry));
	u->entry[u->n_entries++] =
	    (struct entry){.die = dwarf_dieoffset(die),
			   .parent = parent,
			   .call_file = parent == NO_PARENT ? 0 : number_of(die, DW_AT_call_file),
			   .call_line = parent == NO_PARENT ? 0 : number_of(die, DW_AT_call_line)};
	rd->in->bytes += sizeof(*u->entry) + sizeof(*rd->range);
	return true;
}

/* Adds what is below an entry of the tree. False when the time is over. */
static bool read_below(struct reader *rd, Dwarf_Die *above, uint32_t parent, int depth)
{
	Dwarf_Die die;

	if (depth == DEPTH_MAX || dwarf_child(above, &die))
		return true;
	do {
		uint32_t below = parent;

		if (is_over_by_count(rd->in))
			return false;
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			/* Without code it is a declaration, or what is inlined elsewhere. */
			if (!add_entry(rd, &die, NO_PARENT))
				continue;
			below = rd->unit->n_entries - 1;
			break;
		case DW_TAG_inlined_subroutine:
			if (parent == NO_PARENT || !add_entry(rd, &die, parent))
				continue;
			below = rd->unit->n_entries - 1;
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			break;
		default:
			continue;
		}
		if (!read_below(rd, &die, below, depth + 1))
			return false;
	} while (!dwarf_siblingof(&die, &die));
	return true;
}

/* One for which half of a call is too short is as if it had nothing. */
static void read_unit(struct inlines *in, struct unit *u)
{
	struct reader rd = {.in = in, .unit = u};
	bool had_time = !is_over(in) && in->call_ns < INLINES_CALL_MS * UINT64_C(500000);
	bool whole = read_below(&rd, &u->die, NO_PARENT, 0);

	if (whole)
		ranges_add(&u->code, rd.range, rd.n_ranges);
	free(rd.range);
	u->is_read = whole || had_time;
	if (u->is_read)
		return;
	/* In the next call from the start. */
	free(u->entry);
	u->entry = NULL;
	u->n_entries = u->cap_entries = 0;
}

/* --- asking --- */

static const char *string_of(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, attribute, &attr) ? dwarf_formstring(&attr) : NULL;
}

/* The declaration, which stands in its namespace or class; the code need not. */
static void go_to_declaration(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die next;

	for (int i = 0; i < ORIGINS_MAX; i++) {
		if (!dwarf_attr(die, DW_AT_abstract_origin, &attr) &&
		    !dwarf_attr(die, DW_AT_specification, &attr))
			return;
		if (!dwarf_formref_die(&attr, &next))
			return;
		*die = next;
	}
}

static void add_scope(struct strbuf *sb, Dwarf_Die *scope)
{
	int tag = dwarf_tag(scope);
	const char *name;

	if (tag != DW_TAG_namespace && tag != DW_TAG_class_type && tag != DW_TAG_structure_type &&
	    tag != DW_TAG_union_type && tag != DW_TAG_subprogram)
		return;
	name = string_of(scope, DW_AT_name);
	if (!name)
		name = tag == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}";
	strbuf_addf(sb, "%.500s::", name);
}

/* A name without linkage, of which DWARF has the last part alone, with those around it. */
static const char *qualify(struct entry *e, Dwarf_Die *die, const char *name)
{
	struct strbuf sb = {0};
	Dwarf_Die *scope;
	int n;

	go_to_declaration(die);
	n = dwarf_getscopes_die(die, &scope);
	if (n <= 0)
		return name;
	for (int i = n < DEPTH_MAX ? n - 1 : DEPTH_MAX; i > 0; i--)
		add_scope(&sb, &scope[i]);
	free(scope);
	if (sb.len) {
		strbuf_addf(&sb, "%.1000s", name);
		e->own = strbuf_detach(&sb);
	}
	strbuf_deinit(&sb);
	return e->own ? e->own : name;
}

static const char *name_of(struct inlines *in, struct entry *e)
{
	Dwarf_Die die;

	if (e->is_named || !dwarf_offdie(in->dwarf, e->die, &die))
		return e->name;
	e->is_named = true;
	e->name = string_of(&die, DW_AT_linkage_name);
	if (!e->name)
		e->name = string_of(&die, DW_AT_MIPS_linkage_name);
	if (e->name)
		return e->name;
	e->name = string_of(&die, DW_AT_name);
	if (e->name)
		e->name = qualify(e, &die, e->name);
	in->bytes += e->own ? strlen(e->own) : 0;
	return e->name;
}

static const char *base_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static const char *file_of(struct unit *u, uint32_t number)
{
	Dwarf_Files *files;
	size_t n;

	if (dwarf_getsrcfiles(&u->die, &files, &n) || number >= n)
		return NULL;
	return base_of(dwarf_filesrc(files, number, NULL, NULL));
}

static void find_line(struct unit *u, uint64_t vaddr, struct inlined *ret)
{
	Dwarf_Line *line = dwarf_getsrc_die(&u->die, vaddr);
	int number;

	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return;
	ret->file = base_of(dwarf_linesrc(line, NULL, NULL));
	ret->line = number;
}

static void line_of_call(struct unit *u, const struct entry *called, struct inlined *ret)
{
	ret->line = called->call_line;
	ret->file = called->call_line ? file_of(u, called->call_file) : NULL;
}

static size_t chain_of(struct inlines *in, struct unit *u, uint32_t innermost, uint64_t vaddr,
		       struct inlined *chain)
{
	const struct entry *called = NULL;
	size_t depth = 0, n;
	uint32_t at = innermost;

	for (uint32_t i = innermost; i != NO_PARENT; i = u->entry[i].parent)
		depth++;
	/* Of a chain that is too long the innermost ones are left out. */
	for (; depth > INLINES_MAX; depth--) {
		called = &u->entry[at];
		at = u->entry[at].parent;
	}
	for (n = depth; depth-- > 0; at = u->entry[at].parent) {
		struct entry *e = &u->entry[at];

		chain[depth] = (struct inlined){.name = name_of(in, e)};
		if (called)
			line_of_call(u, called, &chain[depth]);
		else
			find_line(u, vaddr, &chain[depth]);
		called = e;
	}
	return n;
}

size_t inlines_find(struct inlines *in, uint64_t vaddr, struct inlined chain[INLINES_MAX])
{
	const struct range *in_unit, *piece;
	struct unit *u;

	if (in->used_ns >= INLINES_FILE_MS * UINT64_C(1000000))
		return 0;
	in->began_ns = cpu_ns();
	if (!in->all_listed)
		list_units(in);
	in_unit = ranges_find(&in->units, vaddr);
	if (!in_unit)
		return 0;
	u = &in->unit[in_unit->value];
	if (!u->is_read)
		read_unit(in, u);
	piece = ranges_find(&u->code, vaddr);
	return piece && !is_over(in) ? chain_of(in, u, piece->value, vaddr, chain) : 0;
}

void inlines_begin(struct inlines *in)
{
	in->call_ns = 0;
}

bool inlines_are_cut(const struct inlines *in)
{
	return in->cut;
}

size_t inlines_bytes(const struct inlines *in)
{
	return sizeof(*in) + in->bytes + in->cap_units * sizeof(*in->unit);
}
