#include "cli/debuginfod.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

typedef struct debuginfod_client client;

/* Of elfutils/debuginfod.h, whose package need not be there to build. */
static struct {
	bool is_loaded;
	client *(*begin)(void);
	int (*find)(client *c, const unsigned char *build_id, int size, char **path);
	void (*set_progress)(client *c, int (*fn)(client *c, long a, long b));
	client *c;
	int64_t end_ms; /* 0: nothing was asked for yet */
} lib;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Called a few times a second; not 0 ends the download. */
static int on_progress(client *c, long a, long b)
{
	(void)c, (void)a, (void)b;
	return now_ms() > lib.end_ms;
}

static void load(void)
{
	void *handle = dlopen(DEBUGINFOD_LIBRARY, RTLD_NOW | RTLD_LOCAL);

	lib.is_loaded = true;
	if (!handle)
		return;
	*(void **)&lib.begin = dlsym(handle, "debuginfod_begin");
	*(void **)&lib.find = dlsym(handle, "debuginfod_find_debuginfo");
	*(void **)&lib.set_progress = dlsym(handle, "debuginfod_set_progressfn");
	if (lib.begin && lib.find && lib.set_progress)
		lib.c = lib.begin();
}

const char *debuginfod_missing(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	if (!lib.is_loaded)
		load();
	if (!lib.c)
		return "the library " DEBUGINFOD_LIBRARY " is not installed";
	return urls && *urls ? NULL : "DEBUGINFOD_URLS names no server";
}

int debuginfod_open(const uint8_t *build_id, size_t size, const char *name)
{
	char *path = NULL;
	int fd;

	if (size < 2 || debuginfod_missing())
		return -1;
	if (!lib.end_ms) {
		lib.end_ms = now_ms() + DEBUGINFOD_TOTAL_MS;
		lib.set_progress(lib.c, on_progress);
	}
	if (now_ms() > lib.end_ms)
		return -1;
	log_progress("asking for the symbols of %s", name);
	fd = lib.find(lib.c, build_id, (int)size, &path);
	log_progress_end();
	free(path);
	return fd < 0 ? -1 : fd;
}
