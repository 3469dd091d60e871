/*
 * Lines of /proc/PID/maps, whose paths a profiled process chooses; and records of perf's sideband,
 * as single ones and as a ring. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/procfs.h"
#include "capture/sideband.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(void *arg, const struct sideband_event *e)
{
	if (e->text && strlen(e->text) > 8192)
		abort();
	if (e->build_id_size > sizeof(e->build_id))
		abort();
	(void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t ring[4096];
	struct sideband_event e;
	struct mapped map;
	uint64_t pgoff;
	char *line;

	if (size < 3)
		return 0;
	if (data[0] % 3 == 0) {
		line = malloc(size);
		memcpy(line, data + 1, size - 1);
		line[size - 1] = '\0';
		if (procfs_parse_map(line, &map, &pgoff) &&
		    (map.end <= map.start || strlen(map.path) >= size))
			abort();
		free(line);
	} else if (data[0] % 3 == 1) {
		if (sideband_parse(data + 1, size - 1, &e))
			use(NULL, &e);
	} else {
		size_t n = size - 2 < sizeof(ring) ? (size - 2) & ~(size_t)7 : sizeof(ring);
		uint64_t tail = data[1] * 8u;

		for (size_t i = 0; i < n; i++)
			ring[(tail + i) % sizeof(ring)] = data[2 + i];
		if (sideband_walk(ring, sizeof(ring), tail, tail + n, use, NULL) > tail + n)
			abort();
	}
	return 0;
}
