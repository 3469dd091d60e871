#include "symbols/kallsyms.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct kallsyms *ks;
	struct kallsyms_place place;
	volatile size_t sum = 0;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	ks = kallsyms_create(fd);
	for (int bit = 0; ks && bit < 64; bit++)
		for (int i = -1; i <= 1; i++)
			if (kallsyms_find(ks, (1ull << bit) + i, &place))
				sum += place.name[place.name_len] + strlen(place.module);
	kallsyms_destroy(ks);
	return 0;
}
