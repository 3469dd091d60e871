/* Names as a KERNEL_NAMES message has them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/wire.h"
#include "symbols/kernelnames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernelnames kn = {0};
	struct kallsyms_place place;
	struct wire_kernel_name w;
	const char *name;
	size_t at = 0;

	while (wire_next_kernel_name(data, size, &at, &w, &name) > 0) {
		if (name + w.size > (const char *)data + size)
			abort();
		kernelnames_add(&kn, w.address, name, w.size);
		if (kernelnames_find(&kn, w.address, &place) &&
		    (!place.name_len || strlen(place.name) + strlen(place.module) > UINT16_MAX))
			abort();
	}
	kernelnames_deinit(&kn);
	return 0;
}
