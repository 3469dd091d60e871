#include "symbols/debugframe.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* That of the largest Go programs is a few MB. */
#define MAX_BYTES (64u << 20)

static const char names[] = "\0.debug_frame\0.shstrtab";

static Elf_Scn *find_section(Elf *file, GElf_Shdr *shdr_ret)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(file, &strings))
		return NULL;
	while ((scn = elf_nextscn(file, scn))) {
		const char *name = gelf_getshdr(scn, shdr_ret)
				       ? elf_strptr(file, strings, shdr_ret->sh_name)
				       : NULL;

		if (name && !strcmp(name, ".debug_frame") && shdr_ret->sh_type != SHT_NOBITS)
			return scn;
	}
	return NULL;
}

static Elf_Data *read_section(Elf *file)
{
	GElf_Shdr shdr;
	GElf_Chdr chdr;
	Elf_Scn *scn = find_section(file, &shdr);
	Elf_Data *data;

	if (!scn)
		return NULL;
	if (shdr.sh_flags & SHF_COMPRESSED &&
	    (!gelf_getchdr(scn, &chdr) || chdr.ch_size > MAX_BYTES || elf_compress(scn, 0, 0) < 0))
		return NULL;
	data = elf_getdata(scn, NULL);
	return data && data->d_buf && data->d_size && data->d_size <= MAX_BYTES ? data : NULL;
}

/* An ELF file of that section and the names of sections. */
static size_t write_file(const Elf_Data *frames, void **bytes_ret)
{
	size_t at = sizeof(Elf64_Ehdr), strings = at + frames->d_size;
	size_t sections = (strings + sizeof(names) + 7) & ~(size_t)7;
	size_t size = sections + 3 * sizeof(Elf64_Shdr);
	uint8_t *p = xcalloc(1, size);
	Elf64_Ehdr ehdr = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				       EV_CURRENT},
			   .e_type = ET_EXEC,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_shoff = sections,
			   .e_ehsize = sizeof(ehdr),
			   .e_shentsize = sizeof(Elf64_Shdr),
			   .e_shnum = 3,
			   .e_shstrndx = 2};
	Elf64_Shdr shdr[3] = {{0},
			      {.sh_name = 1,
			       .sh_type = SHT_PROGBITS,
			       .sh_offset = at,
			       .sh_size = frames->d_size,
			       .sh_addralign = 1},
			      {.sh_name = 14,
			       .sh_type = SHT_STRTAB,
			       .sh_offset = strings,
			       .sh_size = sizeof(names),
			       .sh_addralign = 1}};

	memcpy(p, &ehdr, sizeof(ehdr));
	memcpy(p + at, frames->d_buf, frames->d_size);
	memcpy(p + strings, names, sizeof(names));
	memcpy(p + sections, shdr, sizeof(shdr));
	*bytes_ret = p;
	return size;
}

int debugframe_init(struct debugframe *d, Elf *file)
{
	size_t size;

	*d = (struct debugframe){.data = read_section(file)};
	if (!d->data)
		return -ENODATA;
	size = write_file(d->data, &d->bytes);
	d->elf = elf_memory(d->bytes, size);
	d->dwarf = d->elf ? dwarf_begin_elf(d->elf, DWARF_C_READ, NULL) : NULL;
	d->cfi = d->dwarf ? dwarf_getcfi(d->dwarf) : NULL;
	return d->cfi ? 0 : -ENODATA;
}

void debugframe_deinit(struct debugframe *d)
{
	if (d->dwarf)
		dwarf_end(d->dwarf);
	if (d->elf)
		elf_end(d->elf);
	free(d->bytes);
	*d = (struct debugframe){0};
}
