#include "symbols/startup.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct startup_row row[STARTUP_ROWS_MAX];
	size_t n = startup_rows(data, size, row);

	if (n == 1 || n > STARTUP_ROWS_MAX || (n && (row[n - 1].cfa || row[n - 1].at > size)))
		abort();
	for (size_t i = 1; i < n; i++)
		if (row[i].at <= row[i - 1].at || row[i - 1].cfa < 8)
			abort();
	return 0;
}
