#include "symbols/stackwalk.h"

#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/xalloc.h"

/* Any will do: the stack belongs to nobody. */
#define PID 1

/* What is prepared for how many processes at most, and how much of the address space their files
 * may take, which are mapped. */
#define PREPARED_MAX	   16
#define PREPARED_MAX_BYTES (512u << 20)

/* The modules of one set of mappings. */
struct prepared {
	Dwfl *dwfl;
	uint64_t maps_hash, used; /* used: number of the last copy */
	uint64_t n_bytes;
};

struct stackwalk {
	stackwalk_file_fn *file;
	void *arg;
	struct prepared prepared[PREPARED_MAX];
	size_t n_prepared;
	uint64_t n_copies;
	Dwfl *dwfl; /* of the copy at hand */
	/* The copy at hand. */
	const struct stack_copy *copy;
	const struct stack_copy_map *map;
	const uint8_t *bytes;
	uint64_t *address;
	size_t n, max;
	bool stray;	  /* an address in no mapping, or with no rule where one ought to be */
	uint64_t last_pc; /* where the outermost frame so far was running */
};

static int no_elf(Dwfl_Module *mod, void **user, const char *name, Dwarf_Addr base, char **file,
		  Elf **elf)
{
	(void)mod, (void)user, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

static int no_debug(Dwfl_Module *mod, void **user, const char *name, Dwarf_Addr base,
		    const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)mod, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc;
	(void)found;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = no_elf,
    .find_debuginfo = no_debug,
    .section_address = dwfl_offline_section_address,
};

struct stackwalk *stackwalk_create(stackwalk_file_fn *file, void *arg)
{
	struct stackwalk *w = xcalloc(1, sizeof(*w));

	w->file = file;
	w->arg = arg;
	return w;
}

static void forget(struct stackwalk *w, size_t i)
{
	dwfl_end(w->prepared[i].dwfl);
	w->prepared[i] = w->prepared[--w->n_prepared];
}

void stackwalk_destroy(struct stackwalk *w)
{
	if (!w)
		return;
	while (w->n_prepared)
		forget(w, 0);
	free(w);
}

/* --- the modules --- */

/* Where virtual address 0 of the file went, by the executable segment that the mapping shows. */
static bool find_bias(int fd, const struct stack_copy_map *m, uint64_t *bias_ret)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool found = false;
	size_t n;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &n))
		n = 0;
	for (size_t i = 0; i < n && !found; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, i, &ph) || ph.p_type != PT_LOAD || !(ph.p_flags & PF_X) ||
		    m->pgoff >= ph.p_offset + ph.p_filesz ||
		    m->pgoff + (m->end - m->start) <= ph.p_offset)
			continue;
		*bias_ret = m->start - (ph.p_vaddr + m->pgoff - ph.p_offset);
		found = true;
	}
	elf_end(elf);
	return found;
}

static void report(struct stackwalk *w, struct prepared *p, const struct stack_copy_map *m)
{
	int file = w->file(w->arg, m->module), fd;
	struct stat st;
	char name[32];
	uint64_t bias;

	elf_version(EV_CURRENT);
	if (file < 0 || !find_bias(file, m, &bias))
		return;
	if (!fstat(file, &st))
		p->n_bytes += st.st_size;
	fd = dup(file);
	snprintf(name, sizeof(name), "%u", m->module);
	/* Takes the descriptor if it succeeds; a second mapping of one file is no other module. */
	if (fd >= 0 && !dwfl_report_elf(p->dwfl, name, name, fd, bias, true))
		close(fd);
}

/* --- the thread --- */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return PID;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *word_ret, void *arg)
{
	const struct stackwalk *w = arg;
	uint64_t from = at - w->copy->reg[STACK_COPY_SP];

	(void)dwfl;
	if (w->copy->n_bytes < sizeof(uint64_t) || from > w->copy->n_bytes - sizeof(uint64_t))
		return false;
	memcpy(word_ret, w->bytes + from, sizeof(uint64_t));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct stackwalk *w = arg;

	dwfl_thread_state_register_pc(thread, w->copy->reg[STACK_COPY_IP]);
	/* 16 too: the rule for stubs of the PLT asks where in the stub it is. */
	return dwfl_thread_state_registers(thread, 0, 17, w->copy->reg);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = read_memory,
    .set_initial_registers = set_registers,
};

static bool is_mapped(const struct stackwalk *w, uint64_t address)
{
	for (uint32_t i = 0; i < w->copy->n_maps; i++)
		if (address >= w->map[i].start && address < w->map[i].end)
			return true;
	return false;
}

/* The rule at an address, to be freed; NULL: there is none. */
static Dwarf_Frame *find_rule(const struct stackwalk *w, uint64_t pc)
{
	Dwarf_Addr bias = 0;
	Dwfl_Module *mod = dwfl_addrmodule(w->dwfl, pc);
	Dwarf_CFI *cfi = mod ? dwfl_module_eh_cfi(mod, &bias) : NULL;
	Dwarf_Frame *frame;

	return cfi && !dwarf_cfi_addrframe(cfi, pc - bias, &frame) ? frame : NULL;
}

/*
 * The rule there says that nothing called it. libdwfl ends without an error also where a return
 * address could not be found: beyond the bytes, say.
 */
static bool is_outermost(const struct stackwalk *w, uint64_t pc)
{
	Dwarf_Frame *frame = find_rule(w, pc);
	Dwarf_Op memory[3], *op;
	bool yes;
	size_t n;

	yes = frame && !dwarf_frame_register(frame, STACK_COPY_IP, memory, &op, &n) && n == 0 && op;
	free(frame);
	return yes;
}

/* At the system call that ends its function (rt_sigreturn) the next byte is the function's no more,
 * and libdwfl would try the frame pointer. */
static bool is_behind_rules(const struct stackwalk *w, uint64_t pc)
{
	Dwarf_Frame *here = find_rule(w, pc), *before = here ? NULL : find_rule(w, pc - 1);
	bool yes = !here && before;

	free(here);
	free(before);
	return yes;
}

static int take_frame(Dwfl_Frame *frame, void *arg)
{
	struct stackwalk *w = arg;
	Dwarf_Addr pc;
	bool is_exact;

	if (!dwfl_frame_pc(frame, &pc, &is_exact) || w->n == w->max)
		return DWARF_CB_ABORT;
	w->last_pc = is_exact ? pc : pc - 1;
	if (!is_mapped(w, w->last_pc)) {
		w->stray = true;
		return DWARF_CB_ABORT;
	}
	w->address[w->n] = w->n && is_exact ? pc + 1 : pc;
	w->n++;
	w->stray |= w->n == 1 && is_behind_rules(w, pc);
	return w->stray ? DWARF_CB_ABORT : DWARF_CB_OK;
}

static bool open_modules(struct stackwalk *w, struct prepared *p)
{
	p->dwfl = dwfl_begin(&callbacks);
	if (!p->dwfl)
		return false;
	dwfl_report_begin(p->dwfl);
	for (uint32_t i = 0; i < w->copy->n_maps; i++)
		report(w, p, &w->map[i]);
	if (!dwfl_report_end(p->dwfl, NULL, NULL) &&
	    dwfl_attach_state(p->dwfl, NULL, PID, &thread_callbacks, w))
		return true;
	dwfl_end(p->dwfl);
	return false;
}

static size_t longest_unused(const struct stackwalk *w)
{
	size_t oldest = 0;

	for (size_t i = 1; i < w->n_prepared; i++)
		if (w->prepared[i].used < w->prepared[oldest].used)
			oldest = i;
	return oldest;
}

static void make_room(struct stackwalk *w, uint64_t n_bytes)
{
	for (size_t i = 0; i < w->n_prepared; i++)
		n_bytes += w->prepared[i].n_bytes;
	while (w->n_prepared && (w->n_prepared == PREPARED_MAX || n_bytes > PREPARED_MAX_BYTES)) {
		size_t i = longest_unused(w);

		n_bytes -= w->prepared[i].n_bytes;
		forget(w, i);
	}
}

static bool prepare(struct stackwalk *w)
{
	struct prepared p = {
	    .maps_hash = hash_bytes(w->map, w->copy->n_maps * sizeof(*w->map), 0),
	    .used = ++w->n_copies,
	};

	for (size_t i = 0; i < w->n_prepared; i++) {
		if (w->prepared[i].maps_hash != p.maps_hash)
			continue;
		w->prepared[i].used = p.used;
		w->dwfl = w->prepared[i].dwfl;
		return true;
	}
	make_room(w, 0);
	if (!open_modules(w, &p))
		return false;
	make_room(w, p.n_bytes);
	w->dwfl = p.dwfl;
	w->prepared[w->n_prepared++] = p;
	return true;
}

size_t stackwalk_unwind(struct stackwalk *w, const struct stack_copy *c,
			const struct stack_copy_map *map, const uint8_t *bytes, uint64_t *address,
			size_t max, bool *complete_ret)
{
	int end;

	w->copy = c;
	w->map = map;
	w->bytes = bytes;
	w->address = address;
	w->n = 0;
	w->max = max;
	w->stray = false;
	*complete_ret = false;
	if (!prepare(w))
		return 0;
	end = dwfl_getthread_frames(w->dwfl, PID, take_frame, w);
	*complete_ret = end == 0 && !w->stray && w->n && is_outermost(w, w->last_pc);
	return w->n;
}
