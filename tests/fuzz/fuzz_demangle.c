#include "symbols/demangle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf sb = {0};
	char *name = malloc(size + 1);

	memcpy(name, data, size);
	name[size] = '\0';
	demangle_add(&sb, name);
	if (sb.len > DEMANGLE_MAX_BYTES + 3)
		__builtin_trap();
	strbuf_deinit(&sb);
	free(name);
	return 0;
}
