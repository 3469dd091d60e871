#include "symbols/elf.h"

#include <errno.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "symbols/ranges.h"

/* Above this a section is not read. The .strtab of a browser with debug symbols has 0.3 GB. */
#define SECTION_MAX_BYTES (512u << 20)
#define NAME_CMP_MAX	  4096
/* An entry point without symbol and without unwinding rules: as long as the C library's. */
#define ENTRY_BYTES 64
#define IS_PLT	    0x80000000u /* in the value of a range, beside the offset of the name */

struct load {
	uint64_t offset, size, vaddr;
};

struct elf_names {
	struct load *load; /* executable segments */
	size_t n_loads;
	struct ranges symbol;	/* value: offset in text, and IS_PLT */
	struct ranges function; /* value: index in start */
	uint64_t *start;
	size_t n_starts;
	struct strbuf text;
	uint64_t entry;
	bool has_entry;
};

struct section {
	uint64_t addr, end; /* of code; empty for other sections */
	int64_t strings;    /* where its copy begins in the text; 0: not copied */
};

struct symbol {
	uint64_t start, size;
	uint32_t name;
	uint8_t rank; /* the lower, the better */
};

/* What is needed only while reading. */
struct reader {
	Elf *elf;
	GElf_Ehdr ehdr;
	struct section *section;
	size_t n_sections;
	struct symbol *symbol;
	size_t n_symbols, cap_symbols;
	struct range *stub;
	size_t n_stubs, cap_stubs;
	struct elf_names *names;
};

static bool in_segment(const struct elf_names *names, uint64_t vaddr)
{
	for (size_t i = 0; i < names->n_loads; i++)
		if (vaddr - names->load[i].vaddr < names->load[i].size)
			return true;
	return false;
}

static bool read_segments(struct reader *rd)
{
	struct elf_names *names = rd->names;
	bool is_program = rd->ehdr.e_type == ET_EXEC;
	size_t n;

	if (elf_getphdrnum(rd->elf, &n) || n > UINT16_MAX)
		return false;
	names->load = xcalloc(n, sizeof(*names->load));
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(rd->elf, i, &ph))
			return false;
		is_program |= ph.p_type == PT_INTERP;
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X)
			names->load[names->n_loads++] =
			    (struct load){ph.p_offset, ph.p_filesz, ph.p_vaddr};
	}
	names->entry = rd->ehdr.e_entry;
	names->has_entry = is_program && in_segment(names, names->entry);
	return true;
}

/* A static PIE has no interpreter, and says in its dynamic section what it is. */
static void read_dynamic(struct reader *rd, Elf_Scn *scn)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn); i++)
		if (dyn.d_tag == DT_FLAGS_1 && dyn.d_un.d_val & DF_1_PIE)
			rd->names->has_entry = in_segment(rd->names, rd->names->entry);
}

static Elf_Data *section_data(struct reader *rd, size_t index, GElf_Shdr *shdr_ret)
{
	Elf_Scn *scn = elf_getscn(rd->elf, index);

	if (!scn || !gelf_getshdr(scn, shdr_ret) || shdr_ret->sh_size > SECTION_MAX_BYTES ||
	    shdr_ret->sh_type == SHT_NOBITS)
		return NULL;
	return elf_getdata(scn, NULL);
}

/* Copies a string table, once, and returns where its copy begins in the text, or -1. */
static int64_t add_strings(struct reader *rd, size_t index, size_t *size_ret)
{
	struct strbuf *text = &rd->names->text;
	GElf_Shdr shdr;
	Elf_Data *data;

	if (index >= rd->n_sections)
		return -1;
	data = section_data(rd, index, &shdr);
	if (!data || !data->d_buf)
		return -1;
	*size_ret = data->d_size;
	if (rd->section[index].strings)
		return rd->section[index].strings;
	if (text->len + data->d_size >= IS_PLT - 2)
		return -1;
	strbuf_addc(text, '\0');
	rd->section[index].strings = text->len;
	strbuf_add(text, data->d_buf, data->d_size);
	strbuf_addc(text, '\0');
	return rd->section[index].strings;
}

static bool is_code(const struct reader *rd, const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);
	const struct section *s = NULL;

	if (sym->st_shndx == SHN_UNDEF || !in_segment(rd->names, sym->st_value))
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	if (sym->st_shndx < rd->n_sections)
		s = &rd->section[sym->st_shndx];
	return type == STT_NOTYPE && s && sym->st_value >= s->addr && sym->st_value < s->end;
}

static uint8_t symbol_rank(const GElf_Sym *sym)
{
	int bind = GELF_ST_BIND(sym->st_info);

	return (GELF_ST_TYPE(sym->st_info) == STT_NOTYPE) << 3 | (sym->st_size == 0) << 2 |
	       (bind == STB_LOCAL  ? 2
		: bind == STB_WEAK ? 1
				   : 0);
}

static void read_symbols(struct reader *rd, size_t index)
{
	struct elf_names *names = rd->names;
	GElf_Shdr shdr;
	Elf_Data *data = section_data(rd, index, &shdr);
	size_t strings_size, n = data && shdr.sh_entsize ? data->d_size / shdr.sh_entsize : 0;
	int64_t strings = n ? add_strings(rd, shdr.sh_link, &strings_size) : -1;
	GElf_Sym sym;

	if (strings < 0 || n > INT32_MAX)
		return;
	for (size_t i = 1; i < n && gelf_getsym(data, (int)i, &sym); i++) {
		const char *name;

		if (sym.st_name >= strings_size || !is_code(rd, &sym))
			continue;
		name = names->text.data + strings + sym.st_name;
		/* $x, $d, $t: what kind of bytes follow (the ARM ABIs), no names. */
		if (!*name || (name[0] == '$' && GELF_ST_TYPE(sym.st_info) == STT_NOTYPE))
			continue;
		rd->symbol =
		    xgrow(rd->symbol, &rd->cap_symbols, rd->n_symbols + 1, sizeof(*rd->symbol));
		rd->symbol[rd->n_symbols++] = (struct symbol){.start = sym.st_value,
							      .size = sym.st_size,
							      .name = strings + sym.st_name,
							      .rank = symbol_rank(&sym)};
	}
}

/* An encoded pointer of .eh_frame; vaddr is that of p. Returns the bytes read, 0 if unreadable. */
static size_t get_pointer(const uint8_t *p, const uint8_t *end, uint8_t encoding, bool is_64,
			  uint64_t vaddr, uint64_t *v_ret)
{
	int format = encoding & 0x0f;
	size_t size;

	if (format == DW_EH_PE_absptr)
		format = is_64 ? DW_EH_PE_udata8 : DW_EH_PE_udata4;
	size = format == DW_EH_PE_udata4 || format == DW_EH_PE_sdata4	? 4
	       : format == DW_EH_PE_udata8 || format == DW_EH_PE_sdata8 ? 8
									: 0;
	if (!size || (size_t)(end - p) < size)
		return 0;
	if (size == 8) {
		memcpy(v_ret, p, 8);
	} else {
		uint32_t v;

		memcpy(&v, p, 4);
		*v_ret = format == DW_EH_PE_sdata4 ? (uint64_t)(int32_t)v : v;
	}
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		*v_ret += vaddr;
	else if ((encoding & 0x70) != 0)
		return 0;
	return size;
}

/* How the addresses of the CIE's FDEs are encoded; absolute where it does not say. */
static uint8_t fde_encoding(const Dwarf_CIE *cie, bool is_64)
{
	const uint8_t *p = cie->augmentation_data;
	const uint8_t *end = p + cie->augmentation_data_size;
	uint64_t v;

	if (!p || cie->augmentation[0] != 'z')
		return DW_EH_PE_absptr;
	for (const char *a = cie->augmentation + 1; *a && p < end; a++) {
		if (*a == 'R')
			return *p;
		if (*a == 'L')
			p++;
		else if (*a == 'P')
			p += 1 + get_pointer(p + 1, end, *p & 0x0f, is_64, 0, &v);
	}
	return DW_EH_PE_absptr;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* A walk over .eh_frame, with the CIE that was met last. */
struct frames {
	const uint8_t *ident;
	Elf_Data *data;
	uint64_t addr;
	bool is_64;
	Dwarf_Off cie;
	uint8_t encoding;
};

static bool take_cie(struct frames *f, Dwarf_Off offset, const Dwarf_CFI_Entry *entry)
{
	if (!dwarf_cfi_cie_p(entry))
		return false;
	f->cie = offset;
	f->encoding = fde_encoding(&entry->cie, f->is_64);
	return true;
}

static bool read_fde(struct frames *f, const Dwarf_FDE *fde, uint64_t *start, uint64_t *size)
{
	const uint8_t *p = fde->start;
	Dwarf_CFI_Entry cie;
	Dwarf_Off next;
	size_t n;

	if (fde->CIE_pointer != f->cie &&
	    (dwarf_next_cfi(f->ident, f->data, true, fde->CIE_pointer, &next, &cie) ||
	     !take_cie(f, fde->CIE_pointer, &cie)))
		return false;
	n = get_pointer(p, fde->end, f->encoding, f->is_64,
			f->addr + (p - (const uint8_t *)f->data->d_buf), start);
	return n && get_pointer(p + n, fde->end, f->encoding & 0x0f, f->is_64, 0, size);
}

static void sort_functions(struct elf_names *names, struct range *r, size_t n)
{
	qsort(r, n, sizeof(*r), by_start);
	names->start = xreallocarray(NULL, n, sizeof(*names->start));
	names->n_starts = n;
	for (size_t i = 0; i < n; i++) {
		names->start[i] = r[i].start;
		r[i].value = i;
	}
	ranges_add(&names->function, r, n);
}

static void read_functions(struct reader *rd, size_t index)
{
	GElf_Shdr shdr;
	struct frames f = {.ident = rd->ehdr.e_ident,
			   .data = section_data(rd, index, &shdr),
			   .is_64 = rd->ehdr.e_ident[EI_CLASS] == ELFCLASS64,
			   .cie = DW_CIE_ID_64};
	Dwarf_Off offset = 0, next = 0;
	Dwarf_CFI_Entry entry;
	struct range *r = NULL;
	size_t n = 0, cap = 0;
	uint64_t start, size;

	/* Numbers in here are not swapped by libelf. */
	if (!f.data || !f.data->d_buf ||
	    (f.ident[EI_DATA] == ELFDATA2LSB) != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		return;
	f.addr = shdr.sh_addr;
	for (int err;; offset = next) {
		err = dwarf_next_cfi(f.ident, f.data, true, offset, &next, &entry);
		if (err > 0 || next <= offset)
			break;
		if (err || take_cie(&f, offset, &entry) || !read_fde(&f, &entry.fde, &start, &size))
			continue;
		/* What the linker discarded keeps its rules, at address 0. */
		if (!start || !size || size > UINT32_MAX || !in_segment(rd->names, start))
			continue;
		r = xgrow(r, &cap, n + 1, sizeof(*r));
		r[n++] = (struct range){start, start + size, 0};
	}
	if (n)
		sort_functions(rd->names, r, n);
	free(r);
}

/* What a stub of the PLT jumps through, or 0. x86-64: jmp *slot(%rip), anywhere in it. */
static uint64_t stub_slot(const uint8_t *p, size_t size, uint64_t vaddr)
{
	for (size_t i = 0; i + 6 <= size; i++) {
		int32_t rel;

		if (p[i] != 0xff || p[i + 1] != 0x25)
			continue;
		memcpy(&rel, p + i + 2, 4);
		return vaddr + i + 6 + rel;
	}
	return 0;
}

struct slot {
	uint64_t addr;
	uint32_t name;
};

static int by_addr(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Adds the slots that the relocations of a section fill with functions by name. */
static void read_slots(struct reader *rd, size_t index, struct slot **slot, size_t *n_slots,
		       size_t *cap)
{
	GElf_Shdr shdr, sym_shdr;
	Elf_Data *data = section_data(rd, index, &shdr), *syms;
	size_t n = data && shdr.sh_entsize ? data->d_size / shdr.sh_entsize : 0, strings_size;
	int64_t strings;
	GElf_Rela rela;
	GElf_Sym sym;

	syms = n && n < INT32_MAX ? section_data(rd, shdr.sh_link, &sym_shdr) : NULL;
	if (!syms || sym_shdr.sh_type != SHT_DYNSYM)
		return;
	strings = add_strings(rd, sym_shdr.sh_link, &strings_size);
	for (size_t i = 0; strings >= 0 && i < n && gelf_getrela(data, (int)i, &rela); i++) {
		uint64_t type = GELF_R_TYPE(rela.r_info), s = GELF_R_SYM(rela.r_info);

		if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || s > INT32_MAX ||
		    !gelf_getsym(syms, (int)s, &sym) || sym.st_name >= strings_size || !sym.st_name)
			continue;
		*slot = xgrow(*slot, cap, *n_slots + 1, sizeof(**slot));
		(*slot)[(*n_slots)++] = (struct slot){rela.r_offset, strings + sym.st_name};
	}
}

static void read_stubs(struct reader *rd, size_t index, const struct slot *slot, size_t n_slots)
{
	GElf_Shdr shdr;
	Elf_Data *data = section_data(rd, index, &shdr);
	/* .plt.got of older linkers has stubs of 8 bytes, all others of 16. */
	size_t size = data && shdr.sh_entsize == 8 ? 8 : 16;

	for (size_t at = 0; data && data->d_buf && at + size <= data->d_size; at += size) {
		uint64_t vaddr = shdr.sh_addr + at;
		struct slot key = {stub_slot((uint8_t *)data->d_buf + at, size, vaddr), 0};
		const struct slot *found = bsearch(&key, slot, n_slots, sizeof(*slot), by_addr);

		if (!found || !in_segment(rd->names, vaddr))
			continue;
		rd->stub = xgrow(rd->stub, &rd->cap_stubs, rd->n_stubs + 1, sizeof(*rd->stub));
		rd->stub[rd->n_stubs++] = (struct range){vaddr, vaddr + size, found->name | IS_PLT};
	}
}

static const char *section_name(struct reader *rd, size_t strings, size_t index, GElf_Shdr *shdr)
{
	Elf_Scn *scn = elf_getscn(rd->elf, index);
	const char *name =
	    scn && gelf_getshdr(scn, shdr) ? elf_strptr(rd->elf, strings, shdr->sh_name) : NULL;

	return name ? name : "";
}

static void read_plt(struct reader *rd, size_t strings)
{
	struct slot *slot = NULL;
	size_t n_slots = 0, cap = 0;
	GElf_Shdr shdr;

	if (rd->ehdr.e_machine != EM_X86_64)
		return;
	for (size_t i = 1; i < rd->n_sections; i++) {
		const char *name = section_name(rd, strings, i, &shdr);

		if (!strcmp(name, ".rela.plt") || !strcmp(name, ".rela.dyn"))
			read_slots(rd, i, &slot, &n_slots, &cap);
	}
	if (n_slots) {
		qsort(slot, n_slots, sizeof(*slot), by_addr);
		for (size_t i = 1; i < rd->n_sections; i++)
			if (!strncmp(section_name(rd, strings, i, &shdr), ".plt", 4))
				read_stubs(rd, i, slot, n_slots);
	}
	free(slot);
}

static int compare_names(const char *a, const char *b)
{
	size_t under_a = 0, under_b = 0, len_a, len_b;

	while (a[under_a] == '_' && under_a < NAME_CMP_MAX)
		under_a++;
	while (b[under_b] == '_' && under_b < NAME_CMP_MAX)
		under_b++;
	if (under_a != under_b)
		return under_a < under_b ? -1 : 1;
	len_a = strnlen(a, NAME_CMP_MAX);
	len_b = strnlen(b, NAME_CMP_MAX);
	if (len_a != len_b)
		return len_a < len_b ? -1 : 1;
	return memcmp(a, b, len_a);
}

/* The best of one start comes last, since in a table of ranges the last one wins. */
static int compare_symbols(const void *a, const void *b, void *text)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	if (x->name == y->name)
		return 0;
	return compare_names((char *)text + y->name, (char *)text + x->name);
}

/* Where a symbol without size ends. */
static uint64_t implied_end(const struct reader *rd, size_t i)
{
	const struct elf_names *names = rd->names;
	uint64_t start = rd->symbol[i].start, end = start + 1;
	size_t lo = 0, hi = names->n_starts;

	for (size_t s = 0; s < rd->n_sections; s++)
		if (start - rd->section[s].addr < rd->section[s].end - rd->section[s].addr)
			end = rd->section[s].end;
	while (++i < rd->n_symbols)
		if (rd->symbol[i].start > start) {
			end = end < rd->symbol[i].start ? end : rd->symbol[i].start;
			break;
		}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (names->start[mid] <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < names->n_starts && names->start[lo] < end ? names->start[lo] : end;
}

static void sort_symbols(struct reader *rd)
{
	struct range *r = xcalloc(rd->n_symbols + rd->n_stubs, sizeof(*r));
	uint64_t last_start = 0, last_end = 0;

	if (rd->n_stubs)
		memcpy(r, rd->stub, rd->n_stubs * sizeof(*r));
	if (rd->n_symbols)
		qsort_r(rd->symbol, rd->n_symbols, sizeof(*rd->symbol), compare_symbols,
			rd->names->text.data);
	for (size_t i = 0; i < rd->n_symbols; i++) {
		const struct symbol *s = &rd->symbol[i];
		uint64_t end = s->start + s->size;

		if (!s->size) {
			if (last_end == 0 || last_start != s->start)
				last_end = implied_end(rd, i);
			last_start = s->start;
			end = last_end;
		}
		r[rd->n_stubs + i] = (struct range){s->start, end, s->name};
	}
	ranges_add(&rd->names->symbol, r, rd->n_symbols + rd->n_stubs);
	free(r);
}

static void read_sections(struct reader *rd)
{
	size_t strings, eh_frame = 0;
	GElf_Shdr shdr;

	if (elf_getshdrnum(rd->elf, &rd->n_sections) || elf_getshdrstrndx(rd->elf, &strings))
		return;
	rd->section = xcalloc(rd->n_sections, sizeof(*rd->section));
	for (size_t i = 1; i < rd->n_sections; i++) {
		const char *name = section_name(rd, strings, i, &shdr);

		if (!strcmp(name, ".eh_frame"))
			eh_frame = i;
		if (!(shdr.sh_flags & SHF_EXECINSTR))
			continue;
		rd->section[i].addr = shdr.sh_addr;
		rd->section[i].end = shdr.sh_addr + shdr.sh_size;
	}
	for (size_t i = 1; i < rd->n_sections; i++) {
		Elf_Scn *scn = elf_getscn(rd->elf, i);

		if (!scn || !gelf_getshdr(scn, &shdr))
			continue;
		if (shdr.sh_type == SHT_SYMTAB || shdr.sh_type == SHT_DYNSYM)
			read_symbols(rd, i);
		else if (shdr.sh_type == SHT_DYNAMIC)
			read_dynamic(rd, scn);
	}
	read_plt(rd, strings);
	if (eh_frame)
		read_functions(rd, eh_frame);
	sort_symbols(rd);
}

struct elf_names *elf_names_create(int fd)
{
	struct reader rd = {.names = xcalloc(1, sizeof(*rd.names))};
	struct stat st;
	int err = EINVAL;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		goto out;
	err = ENOEXEC;
	elf_version(EV_CURRENT);
	/* Not mapped: whoever truncates a mapped file kills us by SIGBUS. */
	rd.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!rd.elf || elf_kind(rd.elf) != ELF_K_ELF || !gelf_getehdr(rd.elf, &rd.ehdr) ||
	    !read_segments(&rd))
		goto out;
	read_sections(&rd);
	err = 0;
out:
	elf_end(rd.elf);
	free(rd.section);
	free(rd.symbol);
	free(rd.stub);
	if (!err)
		return rd.names;
	elf_names_destroy(rd.names);
	errno = err;
	return NULL;
}

void elf_names_destroy(struct elf_names *names)
{
	if (!names)
		return;
	ranges_deinit(&names->symbol);
	ranges_deinit(&names->function);
	strbuf_deinit(&names->text);
	free(names->load);
	free(names->start);
	free(names);
}

static uint64_t to_vaddr(const struct elf_names *names, uint64_t offset)
{
	for (size_t i = 0; i < names->n_loads; i++)
		if (offset - names->load[i].offset < names->load[i].size)
			return offset - names->load[i].offset + names->load[i].vaddr;
	return offset;
}

struct elf_place elf_names_find(const struct elf_names *names, uint64_t offset)
{
	struct elf_place place = {.vaddr = to_vaddr(names, offset)};
	const struct range *symbol = ranges_find(&names->symbol, place.vaddr);
	const struct range *function = ranges_find(&names->function, place.vaddr);
	const struct range *entry;

	if (function) {
		place.function = names->start[function->value];
		place.has_function = true;
	}
	if (symbol) {
		entry = ranges_find(&names->symbol, names->entry);
		place.name = names->text.data + (symbol->value & ~IS_PLT);
		place.is_plt = symbol->value & IS_PLT;
		place.is_entry = names->has_entry && entry && entry->value == symbol->value;
		return place;
	}
	if (!names->has_entry || ranges_find(&names->symbol, names->entry))
		return place;
	entry = ranges_find(&names->function, names->entry);
	place.is_entry = entry ? function && function->value == entry->value
			       : place.vaddr - names->entry < ENTRY_BYTES && !function;
	if (place.is_entry)
		place.name = "_start";
	return place;
}

size_t elf_names_bytes(const struct elf_names *names)
{
	return sizeof(*names) + names->text.cap + names->n_starts * sizeof(*names->start) +
	       (names->symbol.n + names->function.n) * sizeof(struct range) +
	       names->n_loads * sizeof(*names->load);
}
