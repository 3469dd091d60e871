#include "symbols/perfmap.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says how much of the file is there at the first look. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct perfmap pm = {0};
	volatile size_t sum = 0;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (!size || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    ftruncate(fd, size * data[0] / 256))
		return 0;
	perfmap_update(&pm, fd);
	if (pwrite(fd, data, size, 0) != (ssize_t)size)
		__builtin_trap();
	perfmap_update(&pm, fd);
	for (size_t i = 0; i < pm.ranges.n; i++) {
		const struct range *r = &pm.ranges.r[i];

		if (r->start >= r->end || (i && r->start < r[-1].end) ||
		    !perfmap_find(&pm, r->start))
			__builtin_trap();
		sum += strlen(perfmap_find(&pm, r->end - 1));
	}
	perfmap_deinit(&pm);
	return 0;
}
