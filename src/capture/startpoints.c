#include "capture/startpoints.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unwind.h>

#define MAX_FRAMES 256

/* The return addresses of this thread and the functions they are in, innermost first. */
struct walk {
	struct walk_frame {
		uintptr_t returns, function;
	} frame[MAX_FRAMES];
	int n;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *ctx, void *arg)
{
	struct walk *w = arg;

	if (w->n == MAX_FRAMES || !_Unwind_GetIP(ctx))
		return _URC_END_OF_STACK;
	w->frame[w->n++] = (struct walk_frame){.returns = _Unwind_GetIP(ctx),
					       .function = _Unwind_GetRegionStart(ctx)};
	return _URC_NO_REASON;
}

/* The libc is where a function of it is; the symbol's own address might be a stub of ours. */
struct libc {
	uintptr_t inside, base;
	const ElfW(Phdr) * phdr;
	int n_phdrs;
	const char *path;
};

static const ElfW(Phdr) * segment_of(const struct libc *c, uintptr_t address)
{
	for (int i = 0; i < c->n_phdrs; i++) {
		const ElfW(Phdr) *ph = &c->phdr[i];

		if (ph->p_type == PT_LOAD && address - c->base - ph->p_vaddr < ph->p_memsz)
			return ph;
	}
	return NULL;
}

static int take_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct libc *want = arg;
	struct libc c = {.base = info->dlpi_addr,
			 .phdr = info->dlpi_phdr,
			 .n_phdrs = info->dlpi_phnum,
			 .path = info->dlpi_name};

	(void)size;
	if (!segment_of(&c, want->inside))
		return 0;
	c.inside = want->inside;
	*want = c;
	return 1;
}

static void read_build_id(const struct libc *c, struct startpoints *s)
{
	for (int i = 0; i < c->n_phdrs; i++) {
		const uint8_t *p = (const uint8_t *)(c->base + c->phdr[i].p_vaddr);
		size_t left = c->phdr[i].p_type == PT_NOTE ? c->phdr[i].p_memsz : 0;
		ElfW(Nhdr) note;

		while (left >= sizeof(note)) {
			size_t name, desc;

			memcpy(&note, p, sizeof(note));
			name = (note.n_namesz + 3) & ~(size_t)3;
			desc = (note.n_descsz + 3) & ~(size_t)3;
			if (left - sizeof(note) < name + desc)
				break;
			if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			    !memcmp(p + sizeof(note), "GNU", 4) && note.n_descsz <= BUILD_ID_MAX) {
				s->build_id_size = note.n_descsz;
				memcpy(s->build_id, p + sizeof(note) + name, note.n_descsz);
				return;
			}
			p += sizeof(note) + name + desc;
			left -= sizeof(note) + name + desc;
		}
	}
}

static void read_file(const struct libc *c, struct startpoints *s)
{
	struct stat st;

	if (!c->path || stat(c->path, &st))
		return;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
}

static uint64_t file_offset(const struct libc *c, uintptr_t address)
{
	const ElfW(Phdr) *ph = segment_of(c, address);

	return ph ? address - c->base - ph->p_vaddr + ph->p_offset : 0;
}

/* The innermost of the libc frames at the outer end: what is outside of them are _start and the
 * like, what is inside is ours. */
static struct startpoint outermost(const struct libc *c, const struct walk *w)
{
	struct startpoint found = {0};
	int i = w->n - 1;

	while (i >= 0 && !segment_of(c, w->frame[i].returns))
		i--;
	for (; i >= 0 && segment_of(c, w->frame[i].returns); i--)
		found = (struct startpoint){.function = file_offset(c, w->frame[i].function),
					    .returns = file_offset(c, w->frame[i].returns)};
	return found;
}

static void *walk_thread(void *arg)
{
	_Unwind_Backtrace(take_frame, arg);
	return NULL;
}

void startpoints_find(struct startpoints *ret)
{
	struct libc libc = {0};
	struct walk in_main = {.n = 0}, in_thread = {.n = 0};
	pthread_t thread;

	*ret = (struct startpoints){0};
	_Unwind_Backtrace(take_frame, &in_main);
	if (pthread_create(&thread, NULL, walk_thread, &in_thread))
		return;
	pthread_join(thread, NULL);
	/* A thread's outer end is in the libc for sure, whatever surrounds main. */
	if (!in_thread.n)
		return;
	libc.inside = in_thread.frame[in_thread.n - 1].returns;
	if (!dl_iterate_phdr(take_object, &libc))
		return;
	read_build_id(&libc, ret);
	read_file(&libc, ret);
	ret->main = outermost(&libc, &in_main);
	ret->thread = outermost(&libc, &in_thread);
}

bool startpoints_is_libc(const struct startpoints *s, const uint8_t *build_id, uint8_t size, int fd)
{
	struct stat st;

	if (size && s->build_id_size)
		return size == s->build_id_size && !memcmp(build_id, s->build_id, size);
	return fd >= 0 && s->ino && !fstat(fd, &st) && st.st_dev == s->dev && st.st_ino == s->ino;
}

bool startpoints_match(const struct startpoints *s, uint64_t offset)
{
	return offset && (offset == s->main.returns || offset == s->thread.returns);
}
