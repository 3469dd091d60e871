#include "symbols/lookup.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/outfile.h"
#include "base/xalloc.h"
#include "symbols/cfi.h"
#include "symbols/demangle.h"
#include "symbols/elf.h"
#include "symbols/identity.h"
#include "symbols/kallsyms.h"
#include "symbols/perfmap.h"

struct demangled {
	const char *name;
	size_t text;
};

struct lookup {
	enum module_kind kind;
	char *base; /* its name in the names of unnamed code */
	struct build_id build_id;
	int fd, debug_fd;
	bool is_loaded, is_other;
	struct elf_names *elf;
	bool has_looked; /* for DWARF */
	struct inlines *inlines;
	struct kallsyms *kallsyms;
	struct perfmap perfmap;
	/* Demangled once per symbol. */
	struct strbuf text;
	struct demangled *demangled;
	size_t n_demangled, cap_demangled;
	struct index demangled_ix;
};

/* The file's name, without what the kernel says of a deleted one. */
static char *base_name(const char *path)
{
	static const char deleted[] = " (deleted)";
	const char *slash = *path == '[' ? NULL : strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	if (!strncmp(path, "//", 2) || !len)
		return xstrdup("[unknown]");
	if (len > sizeof(deleted) - 1 && !strcmp(base + len - (sizeof(deleted) - 1), deleted))
		len -= sizeof(deleted) - 1;
	return xstrndup(base, len);
}

struct lookup *lookup_create(enum module_kind kind, const char *path, const struct build_id *id,
			     int fd)
{
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->kind = kind;
	l->build_id = *id;
	l->fd = fd;
	l->debug_fd = -1;
	if (kind == MODULE_KERNEL)
		l->base = xstrdup("[kernel]");
	else if (kind == MODULE_PERF_MAP)
		l->base = xstrdup("[unknown]");
	else
		l->base = base_name(path);
	return l;
}

void lookup_destroy(struct lookup *l)
{
	if (!l)
		return;
	lookup_unload(l);
	if (l->fd >= 0)
		close(l->fd);
	if (l->debug_fd >= 0)
		close(l->debug_fd);
	free(l->base);
	free(l);
}

/* The kernel's page of code, which it mapped for us too, as a file; or -1. */
static int open_vdso(void)
{
	const Elf64_Ehdr *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	int fd = image ? memfd_create("vdso", MFD_CLOEXEC) : -1;

	/* The section headers stand at its end. */
	if (fd >= 0 &&
	    write_all(fd, image, image->e_shoff + (size_t)image->e_shnum * image->e_shentsize)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Without a build-id where one is known, a file is another one too. */
static void load_elf(struct lookup *l)
{
	const uint8_t *id;
	size_t size;

	l->elf = elf_names_create(l->fd, l->debug_fd);
	if (!l->elf || !l->build_id.size)
		return;
	id = elf_names_build_id(l->elf, &size);
	if (size == l->build_id.size && !memcmp(id, l->build_id.byte, size))
		return;
	l->is_other = true;
	elf_names_destroy(l->elf);
	l->elf = NULL;
}

static bool has_elf(const struct lookup *l)
{
	return l->kind == MODULE_ELF || l->kind == MODULE_VDSO || l->kind == MODULE_ADDRESSES;
}

int lookup_file(struct lookup *l)
{
	if (l->fd < 0 && l->kind == MODULE_VDSO)
		l->fd = open_vdso();
	return l->fd;
}

void lookup_identify(struct lookup *l, struct identity *ret)
{
	if (has_elf(l) && lookup_file(l) >= 0)
		identity_read(l->fd, ret);
	else
		memset(ret, 0, sizeof(*ret));
}

void lookup_set_debug(struct lookup *l, int fd)
{
	if (l->debug_fd >= 0)
		close(l->debug_fd);
	l->debug_fd = fd;
	lookup_unload(l);
}

bool lookup_add_debug(struct lookup *l, int fd)
{
	struct identity id;

	lookup_identify(l, &id);
	if (!identity_matches(&id, fd))
		return false;
	lookup_set_debug(l, fd);
	return true;
}

int lookup_table(struct lookup *l, struct strbuf *table_ret)
{
	struct identity id;

	if ((l->kind != MODULE_ELF && l->kind != MODULE_VDSO) || lookup_file(l) < 0)
		return -ENODATA;
	/* By its notes alone: its symbols are not needed for that, and a table is in a hurry. */
	if (l->build_id.size) {
		identity_read(l->fd, &id);
		l->is_other |= id.build_id_size != l->build_id.size ||
			       memcmp(id.build_id, l->build_id.byte, id.build_id_size);
	}
	return l->is_other ? -ESTALE : cfi_table(l->fd, table_ret);
}

void lookup_load(struct lookup *l)
{
	if (lookup_file(l) < 0)
		return;
	if (l->kind == MODULE_PERF_MAP)
		perfmap_update(&l->perfmap, l->fd);
	if (l->is_loaded)
		return;
	l->is_loaded = true;
	if (has_elf(l))
		load_elf(l);
	else if (l->kind == MODULE_KERNEL)
		l->kallsyms = kallsyms_create(l->fd);
}

void lookup_unload(struct lookup *l)
{
	elf_names_destroy(l->elf);
	l->elf = NULL;
	inlines_destroy(l->inlines);
	l->inlines = NULL;
	l->has_looked = false;
	kallsyms_destroy(l->kallsyms);
	l->kallsyms = NULL;
	perfmap_deinit(&l->perfmap);
	strbuf_deinit(&l->text);
	free(l->demangled);
	l->demangled = NULL;
	l->n_demangled = l->cap_demangled = 0;
	index_deinit(&l->demangled_ix);
	l->is_loaded = false;
}

size_t lookup_bytes(const struct lookup *l)
{
	size_t size = perfmap_bytes(&l->perfmap) + l->text.cap +
		      l->cap_demangled * sizeof(*l->demangled) + l->demangled_ix.n * 16;

	if (l->inlines)
		size += inlines_bytes(l->inlines);
	if (l->elf)
		size += elf_names_bytes(l->elf);
	if (l->kallsyms)
		size += kallsyms_bytes(l->kallsyms);
	return size;
}

const char *lookup_base(const struct lookup *l)
{
	return l->base;
}

bool lookup_is_other(const struct lookup *l)
{
	return l->is_other;
}

bool lookup_is_hidden(const struct lookup *l)
{
	return l->kallsyms && kallsyms_is_hidden(l->kallsyms);
}

/*
 * Functions that nothing called: where the kernel or the linker lets a program, a thread or a
 * goroutine begin, and those right above them that never return (glibc, musl, Go).
 */
static bool is_start(const char *name)
{
	static const char *const starts[] = {"_start",
					     "__libc_start_main",
					     "__libc_start_main_impl",
					     "__libc_start_call_main",
					     "_start_c",
					     "start_thread",
					     "thread_start",
					     "clone",
					     "__clone",
					     "clone3",
					     "__clone3",
					     "_dl_start",
					     "_dl_start_user",
					     "runtime.goexit",
					     "runtime.goexit.abi0",
					     "runtime.mstart",
					     "runtime.mstart.abi0",
					     "runtime.rt0_go",
					     "runtime.rt0_go.abi0"};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (!strcmp(name, starts[i]))
			return true;
	return false;
}

/* The name without its version (memcpy@@GLIBC_2.14), demangled. */
static const char *demangled(struct lookup *l, const char *name)
{
	uint64_t hash = hash_u64((uintptr_t)name, 0);
	size_t at = l->text.len, len = strnlen(name, DEMANGLE_MAX_BYTES + 1);
	const char *version = memchr(name, '@', len);

	for (uint32_t it = 0, id; index_next(&l->demangled_ix, hash, &it, &id);)
		if (l->demangled[id].name == name)
			return l->text.data + l->demangled[id].text;
	if (version && version != name) {
		char *bare = xstrndup(name, version - name);

		demangle_add(&l->text, bare);
		free(bare);
	} else {
		demangle_add(&l->text, name);
	}
	strbuf_addc(&l->text, '\0');
	index_add(&l->demangled_ix, hash, l->n_demangled);
	l->demangled =
	    xgrow(l->demangled, &l->cap_demangled, l->n_demangled + 1, sizeof(*l->demangled));
	l->demangled[l->n_demangled++] = (struct demangled){name, at};
	return l->text.data + at;
}

static struct lookup_name find_elf(struct lookup *l, uint64_t offset, struct strbuf *text)
{
	struct elf_place place = l->kind == MODULE_ADDRESSES ? elf_names_find_vaddr(l->elf, offset)
							     : elf_names_find(l->elf, offset);
	struct lookup_name name = {.kind = FRAME_USER, .module = ""};
	const char *s;

	if (!place.name) {
		name.kind = FRAME_UNNAMED;
		if (place.has_function)
			strbuf_addf(text, "%s@0x%" PRIx64, l->base, place.function);
		else
			strbuf_addf(text, place.is_offset ? "[%s]+0x%" PRIx64 : "%s+0x%" PRIx64,
				    l->base, place.vaddr);
		return name;
	}
	s = demangled(l, place.name);
	strbuf_adds(text, s);
	if (place.is_plt)
		strbuf_adds(text, "@plt");
	else
		name.is_start = place.is_entry || is_start(s);
	return name;
}

struct lookup_name lookup_find(struct lookup *l, uint64_t offset, struct strbuf *text)
{
	struct lookup_name name = {.kind = FRAME_UNNAMED, .module = ""};
	struct kallsyms_place place;
	const char *s;

	if (l->elf)
		return find_elf(l, offset, text);
	if (l->kallsyms && kallsyms_find(l->kallsyms, offset, &place)) {
		name.kind = FRAME_KERNEL;
		name.module = place.module;
		strbuf_add(text, place.name, place.name_len);
		return name;
	}
	s = perfmap_find(&l->perfmap, offset);
	if (s) {
		name.kind = FRAME_JIT;
		demangle_add(text, s);
	} else if (*l->base == '[' && !has_elf(l)) {
		strbuf_adds(text, l->base);
	} else {
		strbuf_addf(text, l->kind == MODULE_ELF ? "[%s]+0x%" PRIx64 : "%s+0x%" PRIx64,
			    l->base, offset);
	}
	return name;
}

void lookup_begin(struct lookup *l)
{
	if (!l->has_looked && has_elf(l) && lookup_file(l) >= 0)
		l->inlines = inlines_create(l->fd, l->debug_fd);
	l->has_looked = true;
	if (l->inlines)
		inlines_begin(l->inlines);
}

size_t lookup_inlined(struct lookup *l, uint64_t offset, struct inlined chain[INLINES_MAX])
{
	if (!l->inlines || !l->elf)
		return 0;
	if (l->kind != MODULE_ADDRESSES)
		offset = elf_names_find(l->elf, offset).vaddr;
	return inlines_find(l->inlines, offset, chain);
}

void lookup_add_inlined(struct lookup *l, const struct inlined *inlined, struct strbuf *text)
{
	strbuf_adds(text, inlined->name ? demangled(l, inlined->name) : "[unknown]");
}

bool lookup_is_cut(const struct lookup *l)
{
	return l->inlines && inlines_are_cut(l->inlines);
}

void lookups_deinit(struct lookups *ls)
{
	for (size_t i = 0; i < ls->n; i++)
		lookup_destroy(ls->l[i]);
	free(ls->l);
	*ls = (struct lookups){0};
}

void lookups_set(struct lookups *ls, uint32_t id, struct lookup *l)
{
	if (id >= ls->n) {
		if (!l)
			return;
		ls->l = xgrow(ls->l, &ls->cap, (size_t)id + 1, sizeof(*ls->l));
		memset(ls->l + ls->n, 0, (id + 1 - ls->n) * sizeof(*ls->l));
		ls->n = (size_t)id + 1;
	}
	lookup_destroy(ls->l[id]);
	ls->l[id] = l;
}
