#include "capture/startpoints.h"
#include "symbols/elf.h"
#include "tests/test.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* === A file made to measure === */

#define TEXT_ADDR   0x10100
#define TEXT_OFFSET 0x100
#define TEXT_SIZE   0x1000

struct sym {
	const char *name;
	uint64_t value, size;
	int type, bind, section; /* 1 is .text, 5 is .data */
};

struct made {
	int class, data, type;
	uint64_t entry;
	const struct sym *sym;
	size_t n;
	uint64_t flags_1; /* of the dynamic section */
};

static Elf_Data *add_section(Elf *elf, const char *strings, const char *name, GElf_Shdr shdr,
			     void *buf, size_t size, Elf_Type type)
{
	Elf_Scn *scn = elf_newscn(elf);
	Elf_Data *data = elf_newdata(scn);
	GElf_Shdr sh;

	*data = (Elf_Data){
	    .d_buf = buf, .d_size = size, .d_type = type, .d_align = 1, .d_version = EV_CURRENT};
	CHECK(gelf_getshdr(scn, &sh));
	shdr.sh_name = strings && *name
			   ? (size_t)((char *)memmem(strings, 64, name, strlen(name)) - strings)
			   : 0;
	shdr.sh_size = size;
	CHECK(gelf_update_shdr(scn, &shdr));
	return data;
}

static void make_symbols(const struct made *m, Elf *elf, Elf_Data *data, char *strings)
{
	size_t at = 1;

	(void)elf;
	memset(data->d_buf, 0, data->d_size);
	for (size_t i = 0; i < m->n; i++) {
		const struct sym *s = &m->sym[i];
		GElf_Sym sym = {.st_name = at,
				.st_info = GELF_ST_INFO(s->bind, s->type),
				.st_shndx = s->section,
				.st_value = s->value,
				.st_size = s->size};

		strcpy(strings + at, s->name);
		at += strlen(s->name) + 1;
		CHECK(gelf_update_sym(data, (int)i + 1, &sym));
	}
}

/* One executable segment with .text, and a symbol table. */
static int make_elf(const struct made *m)
{
	static char names[64] = "\0.text\0.symtab\0.strtab\0.shstrtab\0.data\0.dynamic";
	static char text[TEXT_SIZE], strings[4096], symbols[4096], dynamic[64];
	GElf_Dyn dyn = {.d_tag = DT_FLAGS_1, .d_un.d_val = m->flags_1};
	int fd = memfd_create("made", MFD_CLOEXEC);
	size_t sym_size = m->class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	size_t at = TEXT_OFFSET + TEXT_SIZE;
	GElf_Ehdr ehdr = {0};
	GElf_Phdr phdr = {.p_type = PT_LOAD,
			  .p_flags = PF_R | PF_X,
			  .p_offset = TEXT_OFFSET,
			  .p_vaddr = TEXT_ADDR,
			  .p_filesz = TEXT_SIZE,
			  .p_memsz = TEXT_SIZE};
	Elf *elf;
	Elf_Data *data;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_WRITE, NULL);
	CHECK(elf && gelf_newehdr(elf, m->class) && gelf_newphdr(elf, 1));
	elf_flagelf(elf, ELF_C_SET, ELF_F_LAYOUT);
	memset(strings, 0, sizeof(strings));
	add_section(elf, names, ".text",
		    (GElf_Shdr){.sh_type = SHT_PROGBITS,
				.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				.sh_addr = TEXT_ADDR,
				.sh_offset = TEXT_OFFSET},
		    text, TEXT_SIZE, ELF_T_BYTE);
	data = add_section(elf, names, ".symtab",
			   (GElf_Shdr){.sh_type = SHT_SYMTAB,
				       .sh_offset = at,
				       .sh_link = 3,
				       .sh_entsize = sym_size},
			   symbols, sym_size * (m->n + 1), ELF_T_SYM);
	at += sizeof(symbols);
	make_symbols(m, elf, data, strings);
	add_section(elf, names, ".strtab", (GElf_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at},
		    strings, sizeof(strings), ELF_T_BYTE);
	at += sizeof(strings);
	add_section(elf, names, ".shstrtab", (GElf_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at},
		    names, sizeof(names), ELF_T_BYTE);
	add_section(elf, names, ".data",
		    (GElf_Shdr){.sh_type = SHT_PROGBITS,
				.sh_flags = SHF_ALLOC | SHF_WRITE,
				.sh_addr = TEXT_ADDR,
				.sh_offset = at + sizeof(names)},
		    text, 64, ELF_T_BYTE);
	data =
	    add_section(elf, names, ".dynamic",
			(GElf_Shdr){.sh_type = SHT_DYNAMIC, .sh_offset = at + 128}, dynamic,
			m->class == ELFCLASS64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn), ELF_T_DYN);
	CHECK(gelf_update_dyn(data, 0, &dyn));
	CHECK(gelf_getehdr(elf, &ehdr));
	ehdr.e_ident[EI_DATA] = m->data;
	ehdr.e_type = m->type;
	ehdr.e_machine = EM_386;
	ehdr.e_version = EV_CURRENT;
	ehdr.e_entry = m->entry;
	ehdr.e_phoff = m->class == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	ehdr.e_shoff = 0x4000;
	ehdr.e_shstrndx = 4;
	CHECK(gelf_update_ehdr(elf, &ehdr) && gelf_update_phdr(elf, 0, &phdr));
	CHECK(elf_update(elf, ELF_C_WRITE) > 0);
	elf_end(elf);
	return fd;
}

static struct elf_names *made_names(const struct made *m)
{
	int fd = make_elf(m);
	struct elf_names *names = elf_names_create(fd, -1);

	close(fd);
	CHECK(names);
	return names;
}

static const char *name_at(const struct elf_names *names, uint64_t offset)
{
	const char *name = elf_names_find(names, offset).name;

	return name ? name : "none";
}

static const struct sym some[] = {
    {"sized", TEXT_ADDR + 0x10, 0x10, STT_FUNC, STB_GLOBAL, 1},
    {"zero", TEXT_ADDR + 0x40, 0, STT_FUNC, STB_GLOBAL, 1},
    {"outer", TEXT_ADDR + 0x80, 0x40, STT_FUNC, STB_GLOBAL, 1},
    {"inner", TEXT_ADDR + 0x90, 0x10, STT_FUNC, STB_LOCAL, 1},
    {"label", TEXT_ADDR + 0x100, 0, STT_NOTYPE, STB_LOCAL, 1},
    {"ifunc", TEXT_ADDR + 0x120, 8, STT_GNU_IFUNC, STB_GLOBAL, 1},
    {"$x", TEXT_ADDR + 0x124, 0, STT_NOTYPE, STB_LOCAL, 1},
    {"object", TEXT_ADDR + 0x140, 8, STT_OBJECT, STB_GLOBAL, 1},
    {"data_label", TEXT_ADDR + 0x10, 0, STT_NOTYPE, STB_GLOBAL, 5},
    {"elsewhere", 0x999999, 8, STT_FUNC, STB_GLOBAL, 1},
    {"undefined", TEXT_ADDR + 0x150, 8, STT_FUNC, STB_GLOBAL, SHN_UNDEF},
    /* One address: */
    {"__foo_local", TEXT_ADDR + 0x200, 0x10, STT_FUNC, STB_LOCAL, 1},
    {"_foo", TEXT_ADDR + 0x200, 0x10, STT_FUNC, STB_GLOBAL, 1},
    {"foo_longer", TEXT_ADDR + 0x200, 0x10, STT_FUNC, STB_GLOBAL, 1},
    {"foo", TEXT_ADDR + 0x200, 0x10, STT_FUNC, STB_GLOBAL, 1},
    {"fop", TEXT_ADDR + 0x200, 0x10, STT_FUNC, STB_GLOBAL, 1},
    {"f", TEXT_ADDR + 0x200, 0x20, STT_FUNC, STB_WEAK, 1},
    {"a", TEXT_ADDR + 0x200, 0, STT_FUNC, STB_GLOBAL, 1},
    {"b", TEXT_ADDR + 0x200, 0x10, STT_NOTYPE, STB_GLOBAL, 1},
};

static void check_some(int class, int data)
{
	struct made m = {.class = class,
			 .data = data,
			 .type = ET_DYN,
			 .sym = some,
			 .n = sizeof(some) / sizeof(*some)};
	struct elf_names *names = made_names(&m);

	CHECK_STR(name_at(names, TEXT_OFFSET + 0x0f), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x10), "sized");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x1f), "sized");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x20), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x7f), "zero");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x8f), "outer");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x90), "inner");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0xa0), "outer");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0xc0), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x110), "label");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x126), "ifunc");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x128), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x140), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x150), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x200), "foo");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x210), "f");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x220), "a");
	CHECK_STR(name_at(names, TEXT_OFFSET + TEXT_SIZE - 1), "a");
	CHECK_STR(name_at(names, TEXT_OFFSET + TEXT_SIZE), "none");
	CHECK_EQ(elf_names_find(names, TEXT_OFFSET + 5).vaddr, TEXT_ADDR + 5);
	/* Outside of executable segments an offset stays what it is. */
	CHECK_EQ(elf_names_find(names, 0x50).vaddr, 0x50);
	elf_names_destroy(names);
}

TEST(which_symbol_covers_an_address)
{
	check_some(ELFCLASS64, ELFDATA2LSB);
	check_some(ELFCLASS32, ELFDATA2LSB);
	check_some(ELFCLASS64, ELFDATA2MSB);
	check_some(ELFCLASS32, ELFDATA2MSB);
}

TEST(the_entry_point)
{
	struct made m = {.class = ELFCLASS64,
			 .data = ELFDATA2LSB,
			 .type = ET_EXEC,
			 .entry = TEXT_ADDR + 0x300,
			 .sym = some,
			 .n = 1};
	struct elf_names *names = made_names(&m);

	CHECK_STR(name_at(names, TEXT_OFFSET + 0x300), "_start");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x320), "_start");
	CHECK(elf_names_find(names, TEXT_OFFSET + 0x320).is_entry);
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x2ff), "none");
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x400), "none");
	elf_names_destroy(names);
	m.entry = TEXT_ADDR + 0x18;
	names = made_names(&m);
	CHECK_STR(name_at(names, TEXT_OFFSET + 0x10), "sized");
	CHECK(elf_names_find(names, TEXT_OFFSET + 0x10).is_entry);
	elf_names_destroy(names);
	/* Some linkers give a shared library an entry point that nobody enters. */
	m.type = ET_DYN;
	names = made_names(&m);
	CHECK(!elf_names_find(names, TEXT_OFFSET + 0x10).is_entry);
	elf_names_destroy(names);
	m.flags_1 = DF_1_PIE;
	names = made_names(&m);
	CHECK(elf_names_find(names, TEXT_OFFSET + 0x10).is_entry);
	elf_names_destroy(names);
}

/* === Real files === */

struct where {
	uintptr_t addr;
	uint64_t offset, vaddr;
	char path[4096];
};

static int find_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct where *w = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD ||
		    w->addr - info->dlpi_addr - ph->p_vaddr >= ph->p_filesz)
			continue;
		w->vaddr = w->addr - info->dlpi_addr;
		w->offset = w->vaddr - ph->p_vaddr + ph->p_offset;
		snprintf(w->path, sizeof(w->path), "%s",
			 *info->dlpi_name ? info->dlpi_name : "/proc/self/exe");
		return 1;
	}
	return 0;
}

static struct where where_is(const void *p)
{
	struct where w = {.addr = (uintptr_t)p};

	CHECK(dl_iterate_phdr(find_object, &w));
	return w;
}

static struct elf_names *names_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf_names *names = elf_names_create(fd, -1);

	close(fd);
	CHECK(names);
	return names;
}

static __attribute__((noinline)) int a_static_function(int x)
{
	static volatile int n = 3;

	for (int i = 0; i < x; i++)
		n = n * n;
	return n;
}

TEST(this_program)
{
	struct where w = where_is((void *)a_static_function);
	struct elf_names *names = names_of(w.path);
	struct elf_place place = elf_names_find(names, w.offset + 3);

	a_static_function(1);
	CHECK_STR(place.name, "a_static_function");
	CHECK(place.has_function);
	CHECK_EQ(place.function, w.vaddr);
	CHECK_EQ(place.vaddr, w.vaddr + 3);
	CHECK(!place.is_entry);
	w = where_is((void *)(uintptr_t)getauxval(AT_ENTRY));
	CHECK_STR(name_at(names, w.offset), "_start");
	CHECK(elf_names_find(names, w.offset).is_entry);
	elf_names_destroy(names);
}

TEST(the_c_library)
{
	struct where w = where_is(dlsym(RTLD_NEXT, "gnu_get_libc_version"));
	struct elf_names *names = names_of(w.path);

	CHECK(!strncmp(name_at(names, w.offset), "gnu_get_libc_version", 20));
	CHECK(elf_names_find(names, w.offset).has_function);
	CHECK_EQ(elf_names_find(names, w.offset + 1).function, w.vaddr);
	elf_names_destroy(names);
}

/* Against what the running libc has in its memory. */
TEST(the_build_id)
{
	struct made m = {.class = ELFCLASS64, .data = ELFDATA2LSB, .type = ET_DYN, .sym = some};
	struct elf_names *names = made_names(&m);
	struct startpoints here;
	const uint8_t *id;
	size_t size;
	struct where w = where_is(dlsym(RTLD_NEXT, "gnu_get_libc_version"));

	id = elf_names_build_id(names, &size);
	CHECK(id && size == 0);
	elf_names_destroy(names);
	startpoints_find(&here);
	names = names_of(w.path);
	id = elf_names_build_id(names, &size);
	CHECK(size > 0 && size == here.build_id_size && !memcmp(id, here.build_id, size));
	elf_names_destroy(names);
}

/* The dynamic linker is a program too, stripped or not. */
TEST(the_dynamic_linker)
{
	const char *base = (const char *)(uintptr_t)getauxval(AT_BASE);
	struct where w;
	struct elf_names *names;
	Elf64_Ehdr ehdr;

	if (!base)
		return;
	memcpy(&ehdr, base, sizeof(ehdr));
	w = where_is(base + ehdr.e_entry);
	names = names_of(w.path);
	CHECK_STR(name_at(names, w.offset), "_start");
	CHECK(elf_names_find(names, w.offset + 3).is_entry);
	elf_names_destroy(names);
}

TEST(stripped_code_is_known_by_function)
{
	char copy[] = "/tmp/flamelapse-elf-XXXXXX", command[200];
	struct where w = where_is((void *)a_static_function), start;
	struct elf_names *names;
	int fd = mkstemp(copy);

	CHECK(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "strip -o %s /proc/%d/exe", copy, getpid());
	CHECK_EQ(system(command), 0);
	names = names_of(copy);
	unlink(copy);
	CHECK_STR(name_at(names, w.offset + 3), "none");
	CHECK_EQ(elf_names_find(names, w.offset).function, w.vaddr);
	CHECK_EQ(elf_names_find(names, w.offset + 9).function, w.vaddr);
	start = where_is((void *)(uintptr_t)getauxval(AT_ENTRY));
	CHECK_STR(name_at(names, start.offset + 8), "_start");
	elf_names_destroy(names);
}

/* $0 is this program, and the folder is a new one. */
static void run_in(char *folder, const char *script)
{
	char command[1000];

	CHECK(mkdtemp(folder));
	CHECK(snprintf(command, sizeof(command), "set -e; cd %s; cp /proc/%d/exe whole; %s", folder,
		       getpid(), script) < (int)sizeof(command));
	CHECK_EQ(system(command), 0);
}

static struct elf_names *names_in(const char *folder, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return names_of(path);
}

static void remove_folder(const char *folder)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK_EQ(system(command), 0);
}

TEST(gnu_debugdata_names_stripped_code)
{
	char folder[] = "/tmp/flamelapse-elf-XXXXXX";
	struct where w = where_is((void *)a_static_function);
	struct elf_names *names;

	run_in(folder, "objcopy --only-keep-debug whole mini; strip -g mini; xz mini;"
		       "strip whole; cp whole named; cp whole broken;"
		       "objcopy --add-section .gnu_debugdata=mini.xz named;"
		       "printf x | dd of=mini.xz bs=1 seek=99 conv=notrunc 2> dd;"
		       "objcopy --add-section .gnu_debugdata=mini.xz broken");
	names = names_in(folder, "whole");
	CHECK_STR(name_at(names, w.offset + 3), "none");
	elf_names_destroy(names);
	names = names_in(folder, "named");
	CHECK_STR(name_at(names, w.offset + 3), "a_static_function");
	CHECK_EQ(elf_names_find(names, w.offset + 3).function, w.vaddr);
	elf_names_destroy(names);
	names = names_in(folder, "broken");
	CHECK_STR(name_at(names, w.offset + 3), "none");
	CHECK_EQ(elf_names_find(names, w.offset + 3).function, w.vaddr);
	elf_names_destroy(names);
	remove_folder(folder);
}

/* Every stub of this program's PLT leads to a function that dlsym() knows by the name found. */
TEST(plt_stubs)
{
	struct elf_names *names = names_of("/proc/self/exe");
	struct where w = where_is((void *)a_static_function);
	size_t n = 0;

	for (uint64_t offset = 0; offset < w.offset + 0x1000; offset += 8) {
		struct elf_place place = elf_names_find(names, offset);

		if (!place.is_plt)
			continue;
		n++;
		if (!strchr(place.name, '@'))
			CHECK(!strncmp(place.name, "__asan", 6) ||
			      !strncmp(place.name, "__ubsan", 7) ||
			      dlsym(RTLD_DEFAULT, place.name));
	}
	CHECK(n > 10);
	elf_names_destroy(names);
}

static size_t vdso_image(uint8_t *buf, size_t cap)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)p;
	size_t size;

	if (!p)
		return 0;
	size = ehdr->e_shoff + (size_t)ehdr->e_shnum * ehdr->e_shentsize;
	if (size > cap)
		return 0;
	memcpy(buf, p, size);
	return size;
}

static int memory_file(const void *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

TEST(the_vdso)
{
	static uint8_t image[65536];
	size_t size = vdso_image(image, sizeof(image));
	int fd = memory_file(image, size);
	struct elf_names *names = size ? elf_names_create(fd, -1) : NULL;
	size_t found = 0;

	close(fd);
	if (!size)
		return;
	CHECK(names);
	for (size_t at = 0; at < size; at++)
		found += !strcmp(name_at(names, at), "__vdso_clock_gettime");
	CHECK(found > 0);
	elf_names_destroy(names);
}

/* === Damaged files === */

static void try_file(int fd)
{
	struct elf_names *names = elf_names_create(fd, -1);

	if (!names)
		return;
	for (uint64_t offset = 0; offset < 0x4000; offset += 0x40)
		elf_names_find(names, offset);
	elf_names_find(names, UINT64_MAX);
	elf_names_destroy(names);
}

/* Each byte of a small file, set to a few values. */
static void flip_all(const uint8_t *image, size_t size, size_t step)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	int fd = memory_file(image, size);

	for (size_t at = 0; at < size; at += step) {
		for (size_t v = 0; v < sizeof(values); v++) {
			CHECK(pwrite(fd, &values[v], 1, at) == 1);
			try_file(fd);
		}
		CHECK(pwrite(fd, image + at, 1, at) == 1);
	}
	close(fd);
}

TEST(every_byte_wrong)
{
	static uint8_t image[65536];
	struct made m = {.class = ELFCLASS32,
			 .data = ELFDATA2LSB,
			 .type = ET_EXEC,
			 .entry = TEXT_ADDR,
			 .sym = some,
			 .n = sizeof(some) / sizeof(*some)};
	size_t size = vdso_image(image, sizeof(image));
	int fd;
	ssize_t n;

	flip_all(image, size, 1);
	fd = make_elf(&m);
	n = pread(fd, image, sizeof(image), 0);
	close(fd);
	CHECK(n > 0x4000);
	flip_all(image, 0x100, 1);
	flip_all(image, n, 17);
}

TEST(truncated_anywhere)
{
	static uint8_t image[65536];
	size_t size = vdso_image(image, sizeof(image));
	int fd = memory_file(image, size);

	for (size_t n = size; n-- > 0;) {
		CHECK(!ftruncate(fd, n));
		try_file(fd);
	}
	close(fd);
}

TEST(what_is_no_elf_file)
{
	int fd[2];

	CHECK(!pipe(fd));
	CHECK(!elf_names_create(fd[0], -1));
	CHECK_EQ(errno, EINVAL);
	close(fd[0]);
	close(fd[1]);
	CHECK(!elf_names_create(-1, -1));
	fd[0] = memory_file("!<arch>\n", 8);
	CHECK(!elf_names_create(fd[0], -1));
	CHECK_EQ(errno, ENOEXEC);
	close(fd[0]);
}

TEST_MAIN()
