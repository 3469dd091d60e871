#include "symbols/ehframe.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>

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

/* A walk over .eh_frame, with the CIE that was met last. */
struct frames {
	const uint8_t *ident;
	Elf_Data *data;
	uint64_t addr;
	bool is_64, is_eh;
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
	    (dwarf_next_cfi(f->ident, f->data, f->is_eh, fde->CIE_pointer, &next, &cie) ||
	     !take_cie(f, fde->CIE_pointer, &cie)))
		return false;
	n = get_pointer(p, fde->end, f->encoding, f->is_64,
			f->addr + (p - (const uint8_t *)f->data->d_buf), start);
	return n && get_pointer(p + n, fde->end, f->encoding & 0x0f, f->is_64, 0, size);
}

static void each(struct frames f, ehframe_fn *fn, void *arg)
{
	Dwarf_Off offset = 0, next = 0;
	Dwarf_CFI_Entry entry;
	uint64_t start, size;

	/* Numbers in here are not swapped by libelf. */
	if (!f.data->d_buf ||
	    (f.ident[EI_DATA] == ELFDATA2LSB) != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		return;
	for (int err;; offset = next) {
		err = dwarf_next_cfi(f.ident, f.data, f.is_eh, offset, &next, &entry);
		if (err > 0 || next <= offset)
			break;
		if (!err && !take_cie(&f, offset, &entry) &&
		    read_fde(&f, &entry.fde, &start, &size) && size)
			fn(arg, start, size);
	}
}

void ehframe_each(const uint8_t *ident, Elf_Data *data, uint64_t addr, ehframe_fn *fn, void *arg)
{
	each((struct frames){.ident = ident,
			     .data = data,
			     .addr = addr,
			     .is_64 = ident[EI_CLASS] == ELFCLASS64,
			     .is_eh = true,
			     .cie = DW_CIE_ID_64},
	     fn, arg);
}

void debugframe_each(const uint8_t *ident, Elf_Data *data, ehframe_fn *fn, void *arg)
{
	each((struct frames){.ident = ident,
			     .data = data,
			     .is_64 = ident[EI_CLASS] == ELFCLASS64,
			     .cie = DW_CIE_ID_64},
	     fn, arg);
}
