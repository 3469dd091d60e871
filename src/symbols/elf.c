#include "symbols/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "profile/dict.h"
#include "symbols/debugdata.h"
#include "symbols/ehframe.h"
#include "symbols/ranges.h"
#include "symbols/symtab.h"

/* Above this a section is not read. The .strtab of a browser with debug symbols has 0.3 GB. */
#define SECTION_MAX_BYTES (512u << 20)
#define NOTES_MAX_BYTES	  (1u << 20)
/* An entry point without symbol and without unwinding rules: as long as the C library's. */
#define ENTRY_BYTES 64
#define IS_PLT	    0x80000000u /* in the value of a range, beside the offset of the name */

struct load {
	uint64_t offset, size, vaddr;
	uint64_t memory_size; /* more than size in a debug file, which has no code */
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
	size_t build_id_size;
	uint8_t build_id[BUILD_ID_MAX];
};

/* What is needed only while reading. */
struct reader {
	Elf *elf;
	GElf_Ehdr ehdr;
	size_t n_sections;
	struct range *code; /* by section; empty where it holds no code */
	int64_t *strings;   /* by section: where its copy begins in the text; 0: not copied */
	struct symbol *symbol;
	size_t n_symbols, cap_symbols;
	struct range *stub;
	size_t n_stubs, cap_stubs;
	struct elf_names *names;
};

static bool in_segment(const struct elf_names *names, uint64_t vaddr)
{
	for (size_t i = 0; i < names->n_loads; i++)
		if (vaddr - names->load[i].vaddr < names->load[i].memory_size)
			return true;
	return false;
}

/* The first one counts, as it does for the kernel. */
static void read_notes(struct reader *rd, const GElf_Phdr *ph)
{
	struct elf_names *names = rd->names;
	Elf_Type type = ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
	Elf_Data *data;
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	if (names->build_id_size || ph->p_filesz > NOTES_MAX_BYTES)
		return;
	data = elf_getdata_rawchunk(rd->elf, ph->p_offset, ph->p_filesz, type);
	while (data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const char *buf = data->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
		    memcmp(buf + name, "GNU", 4) || note.n_descsz > BUILD_ID_MAX)
			continue;
		memcpy(names->build_id, buf + desc, note.n_descsz);
		names->build_id_size = note.n_descsz;
		return;
	}
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
		if (ph.p_type == PT_NOTE)
			read_notes(rd, &ph);
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X)
			names->load[names->n_loads++] =
			    (struct load){ph.p_offset, ph.p_filesz, ph.p_vaddr, ph.p_memsz};
	}
	names->entry = rd->ehdr.e_entry;
	names->has_entry = is_program && in_segment(names, names->entry);
	return true;
}

static Elf_Data *section_data(struct reader *rd, size_t index, GElf_Shdr *shdr_ret)
{
	Elf_Scn *scn = elf_getscn(rd->elf, index);

	if (!scn || !gelf_getshdr(scn, shdr_ret) || shdr_ret->sh_size > SECTION_MAX_BYTES ||
	    shdr_ret->sh_type == SHT_NOBITS)
		return NULL;
	return elf_getdata(scn, NULL);
}

/*
 * Programs without an interpreter are the static PIE, which says so, and the dynamic linker, which
 * only its name tells from the libraries that some linkers give an entry point.
 */
static void read_dynamic(struct reader *rd, size_t index)
{
	GElf_Shdr shdr;
	Elf_Data *data = section_data(rd, index, &shdr);
	bool is_program = false;
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn); i++) {
		if (dyn.d_tag == DT_FLAGS_1)
			is_program |= (dyn.d_un.d_val & DF_1_PIE) != 0;
		if (dyn.d_tag == DT_SONAME) {
			const char *name = elf_strptr(rd->elf, shdr.sh_link, dyn.d_un.d_val);

			is_program |= name && !strncmp(name, "ld-", 3);
		}
	}
	if (is_program)
		rd->names->has_entry = in_segment(rd->names, rd->names->entry);
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
	if (rd->strings[index])
		return rd->strings[index];
	if (text->len + data->d_size >= IS_PLT - 2)
		return -1;
	strbuf_addc(text, '\0');
	rd->strings[index] = text->len;
	strbuf_add(text, data->d_buf, data->d_size);
	strbuf_addc(text, '\0');
	return rd->strings[index];
}

static bool is_code(const struct reader *rd, const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);
	const struct range *s = NULL;

	if (sym->st_shndx == SHN_UNDEF || !in_segment(rd->names, sym->st_value))
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	if (sym->st_shndx < rd->n_sections)
		s = &rd->code[sym->st_shndx];
	return type == STT_NOTYPE && s && sym->st_value >= s->start && sym->st_value < s->end;
}

static uint8_t symbol_rank(const GElf_Sym *sym)
{
	int bind = GELF_ST_BIND(sym->st_info);

	return (GELF_ST_TYPE(sym->st_info) == STT_NOTYPE ? SYMBOL_LABEL : 0) +
	       (sym->st_size ? 0 : SYMBOL_NO_SIZE) +
	       (bind == STB_LOCAL  ? SYMBOL_LOCAL
		: bind == STB_WEAK ? SYMBOL_WEAK
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

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
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

struct functions {
	const struct elf_names *names;
	struct range *r;
	size_t n, cap;
};

static void take_function(void *arg, uint64_t start, uint64_t size)
{
	struct functions *f = arg;

	/* What the linker discarded keeps its rules, at address 0. */
	if (!start || size > UINT32_MAX || !in_segment(f->names, start))
		return;
	f->r = xgrow(f->r, &f->cap, f->n + 1, sizeof(*f->r));
	f->r[f->n++] = (struct range){start, start + size, 0};
}

static void read_functions(struct reader *rd, size_t index)
{
	struct functions f = {.names = rd->names};
	GElf_Shdr shdr;
	Elf_Data *data = section_data(rd, index, &shdr);

	if (data)
		ehframe_each(rd->ehdr.e_ident, data, shdr.sh_addr, take_function, &f);
	if (f.n)
		sort_functions(rd->names, f.r, f.n);
	free(f.r);
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

static void sort_symbols(struct reader *rd)
{
	struct elf_names *names = rd->names;
	struct range *r = xcalloc(rd->n_stubs + rd->n_symbols, sizeof(*r));
	struct symtab st = {.symbol = rd->symbol,
			    .n_symbols = rd->n_symbols,
			    .text = strbuf_str(&names->text),
			    .code = rd->code,
			    .n_code = rd->n_sections,
			    .function = names->start,
			    .n_functions = names->n_starts};

	if (rd->n_stubs)
		memcpy(r, rd->stub, rd->n_stubs * sizeof(*r));
	symtab_ranges(&st, r + rd->n_stubs);
	ranges_add(&names->symbol, r, rd->n_stubs + rd->n_symbols);
	free(r);
}

/* Which sections hold code, by the file's own headers. */
static bool read_code(struct reader *rd)
{
	GElf_Shdr shdr;

	if (elf_getshdrnum(rd->elf, &rd->n_sections))
		return false;
	rd->code = xcalloc(rd->n_sections, sizeof(*rd->code));
	rd->strings = xcalloc(rd->n_sections, sizeof(*rd->strings));
	for (size_t i = 1; i < rd->n_sections; i++) {
		Elf_Scn *scn = elf_getscn(rd->elf, i);

		if (!scn || !gelf_getshdr(scn, &shdr) || !(shdr.sh_flags & SHF_EXECINSTR))
			continue;
		rd->code[i].start = shdr.sh_addr;
		rd->code[i].end = shdr.sh_addr + shdr.sh_size;
	}
	return true;
}

/* Sections by type: all symbol tables, and what .dynamic says. */
static void read_tables(struct reader *rd)
{
	GElf_Shdr shdr;

	for (size_t i = 1; i < rd->n_sections; i++) {
		Elf_Scn *scn = elf_getscn(rd->elf, i);

		if (!scn || !gelf_getshdr(scn, &shdr))
			continue;
		if (shdr.sh_type == SHT_SYMTAB || shdr.sh_type == SHT_DYNSYM)
			read_symbols(rd, i);
		else if (shdr.sh_type == SHT_DYNAMIC)
			read_dynamic(rd, i);
	}
}

/* The symbols of another file that describes the same code at the same addresses. */
static void read_other(struct reader *rd, Elf *elf)
{
	struct reader other = *rd;

	other.elf = elf;
	other.code = NULL;
	other.strings = NULL;
	if (elf_kind(elf) == ELF_K_ELF && read_code(&other))
		read_tables(&other);
	rd->symbol = other.symbol;
	rd->n_symbols = other.n_symbols;
	rd->cap_symbols = other.cap_symbols;
	free(other.code);
	free(other.strings);
}

static void read_debug_file(struct reader *rd, int fd)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);

	if (elf)
		read_other(rd, elf);
	elf_end(elf);
}

static void read_debugdata(struct reader *rd, size_t index)
{
	struct strbuf image = {0};
	GElf_Shdr shdr;
	Elf_Data *data = section_data(rd, index, &shdr);
	Elf *elf = NULL;

	if (data && data->d_buf && !debugdata_unpack(data->d_buf, data->d_size, &image))
		elf = elf_memory(image.data, image.len);
	if (elf)
		read_other(rd, elf);
	elf_end(elf);
	strbuf_deinit(&image);
}

static void read_sections(struct reader *rd, int debug_fd)
{
	size_t strings, eh_frame = 0, debugdata = 0;
	GElf_Shdr shdr;

	if (elf_getshdrstrndx(rd->elf, &strings) || !read_code(rd))
		return;
	for (size_t i = 1; i < rd->n_sections; i++) {
		const char *name = section_name(rd, strings, i, &shdr);

		if (!strcmp(name, ".eh_frame"))
			eh_frame = i;
		else if (!strcmp(name, ".gnu_debugdata"))
			debugdata = i;
	}
	read_tables(rd);
	read_plt(rd, strings);
	if (eh_frame)
		read_functions(rd, eh_frame);
	if (debugdata)
		read_debugdata(rd, debugdata);
	if (debug_fd >= 0)
		read_debug_file(rd, debug_fd);
	sort_symbols(rd);
}

struct elf_names *elf_names_create(int fd, int debug_fd)
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
	read_sections(&rd, debug_fd);
	err = 0;
out:
	elf_end(rd.elf);
	free(rd.code);
	free(rd.strings);
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

static bool to_vaddr(const struct elf_names *names, uint64_t offset, uint64_t *vaddr_ret)
{
	for (size_t i = 0; i < names->n_loads; i++)
		if (offset - names->load[i].offset < names->load[i].size) {
			*vaddr_ret = offset - names->load[i].offset + names->load[i].vaddr;
			return true;
		}
	return false;
}

struct elf_place elf_names_find(const struct elf_names *names, uint64_t offset)
{
	uint64_t vaddr;

	if (!to_vaddr(names, offset, &vaddr))
		return (struct elf_place){.vaddr = offset, .is_offset = true};
	return elf_names_find_vaddr(names, vaddr);
}

struct elf_place elf_names_find_vaddr(const struct elf_names *names, uint64_t vaddr)
{
	struct elf_place place = {.vaddr = vaddr};
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

const uint8_t *elf_names_build_id(const struct elf_names *names, size_t *size_ret)
{
	*size_ret = names->build_id_size;
	return names->build_id;
}

size_t elf_names_bytes(const struct elf_names *names)
{
	return sizeof(*names) + names->text.cap + names->n_starts * sizeof(*names->start) +
	       (names->symbol.n + names->function.n) * sizeof(struct range) +
	       names->n_loads * sizeof(*names->load);
}
