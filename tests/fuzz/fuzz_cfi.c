/* The unwinding rules of a hostile ELF file: what comes out has to be as profile/unwind_table.h
 * says. A file of the machine's own to begin with: the kernel's vDSO, with some bytes replaced. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile/unwind_table.h"
#include "symbols/cfi.h"

#define VDSO_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void claim(bool yes)
{
	if (!yes)
		abort();
}

static void check_rule(const struct unwind_rule *r)
{
	claim(r->cfa > UNWIND_NONE && r->cfa <= UNWIND_POINTER);
	claim(r->unused == 0 && r->by_rbp < 1u << UNWIND_SAVED);
	if (r->cfa == UNWIND_REG || r->cfa == UNWIND_DEREF) {
		claim(r->reg <= UNWIND_R15);
		claim(r->saved[SAVED_RA] < UNWIND_HELD ||
		      (r->cfa == UNWIND_REG && r->saved[SAVED_RA] == UNWIND_HELD));
		claim(!(r->by_rbp & 1u << SAVED_RA));
	}
	if (r->saved[SAVED_RA] == UNWIND_HELD)
		claim(r->add >= 0 && r->add <= UNWIND_R15);
	for (int i = 0; i < SAVED_RA; i++)
		claim(r->saved[i] != UNWIND_HELD &&
		      (r->saved[i] < UNWIND_HELD || !(r->by_rbp & 1u << i)));
}

static void check_table(const struct strbuf *sb)
{
	const struct unwind_table *t = (const void *)sb->data;
	const struct unwind_rule *rule = (const void *)(t + 1);
	const struct unwind_page *page;
	const uint32_t *row;
	uint64_t rows = 0;

	claim(sb->len >= sizeof(*t) && t->magic == UNWIND_TABLE_MAGIC);
	claim(t->n_pages && t->n_pages <= UNWIND_TABLE_PAGES_MAX);
	claim(t->n_rules < UNWIND_RULES_MAX && t->n_rows <= UNWIND_TABLE_ROWS_MAX);
	claim(unwind_table_bytes(t) == sb->len);
	page = (const void *)(rule + t->n_rules);
	row = (const void *)(page + t->n_pages);
	for (uint32_t i = 0; i < t->n_rules; i++)
		check_rule(&rule[i]);
	for (uint32_t i = 0; i < t->n_pages; i++) {
		claim(page[i].rows == rows && page[i].n <= UNWIND_PAGE_ROWS_MAX);
		for (uint32_t k = 0; k < page[i].n; k++) {
			const uint32_t *r = &row[rows + k];

			claim((*r & UNWIND_RULE_MASK) <= t->n_rules);
			claim(!k || *r >> UNWIND_RULE_BITS > r[-1] >> UNWIND_RULE_BITS);
		}
		rows += page[i].n;
		claim(rows <= t->n_rows);
	}
	claim(rows == t->n_rows);
}

/* Three bytes are a change: where, and what to. */
static size_t changed_vdso(const uint8_t *data, size_t size, uint8_t *file)
{
	const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (!vdso)
		return 0;
	memcpy(file, vdso, VDSO_BYTES);
	for (size_t i = 0; i + 3 <= size; i += 3)
		file[(data[i] | data[i + 1] << 8) % VDSO_BYTES] = data[i + 2];
	return VDSO_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static uint8_t file[VDSO_BYTES];
	struct strbuf sb = {0};

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (size && data[0] == 'v') {
		size = changed_vdso(data + 1, size - 1, file);
		data = file;
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	if (!cfi_table(fd, &sb))
		check_table(&sb);
	strbuf_deinit(&sb);
	return 0;
}
