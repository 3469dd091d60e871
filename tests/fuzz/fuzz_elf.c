#include "symbols/elf.h"
#include "symbols/identity.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct elf_names *names;
	struct identity id;
	volatile uint64_t sum = 0;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	identity_read(fd, &id);
	sum += identity_matches(&id, fd);
	names = elf_names_create(fd, fd);
	for (uint64_t offset = 0; names && offset < size + 0x100; offset += 0x40) {
		struct elf_place place = elf_names_find(names, offset);

		sum += place.vaddr + place.function + (place.name ? *place.name : 0);
	}
	elf_names_destroy(names);
	return 0;
}
