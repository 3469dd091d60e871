#include "symbols/inlines.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct inlined chain[INLINES_MAX];
	struct inlines *in;
	volatile uint64_t sum = 0;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	in = inlines_create(fd, -1);
	for (uint64_t vaddr = 0x1000; in && vaddr < 0x1400; vaddr += 0x11) {
		size_t n;

		inlines_begin(in);
		n = inlines_find(in, vaddr, chain);
		for (size_t i = 0; i < n; i++)
			sum += chain[i].line + (chain[i].name ? *chain[i].name : 0) +
			       (chain[i].file ? *chain[i].file : 0);
		if (inlines_are_cut(in))
			break;
	}
	inlines_destroy(in);
	return 0;
}
