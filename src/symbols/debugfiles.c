#include "symbols/debugfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

/* First without opening it for anything: who reads a FIFO waits, who opens a device may move it. */
int debugfiles_open(const char *path)
{
	int seen = open(path, O_PATH | O_CLOEXEC), fd = -1;
	char self[64];
	struct stat st;

	if (seen < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", seen);
	if (!fstat(seen, &st) && S_ISREG(st.st_mode))
		fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close(seen);
	return fd;
}

/* FOLDER/.build-id/xx/yyyyENDING, of the caller; NULL where the build-id is too short for that. */
static char *build_id_path(const char *folder, const uint8_t *build_id, size_t size,
			   const char *ending)
{
	struct strbuf sb = {0};

	if (size < 2)
		return NULL;
	strbuf_addf(&sb, "%s/.build-id/%02x/", folder, build_id[0]);
	for (size_t i = 1; i < size; i++)
		strbuf_addf(&sb, "%02x", build_id[i]);
	strbuf_adds(&sb, ending);
	return strbuf_detach(&sb);
}

int debugfiles_open_build_id(const char *folder, const uint8_t *build_id, size_t size,
			     const char *ending)
{
	char *path = build_id_path(folder, build_id, size, ending);
	int fd = path ? debugfiles_open(path) : -1;

	free(path);
	return fd;
}

/* Takes the path. */
static bool try_path(debugfiles_fn *fn, void *arg, char *path)
{
	bool found = path && fn(arg, path);

	free(path);
	return found;
}

static bool each_by_link(const char *path, const char *link, const char *folder, debugfiles_fn *fn,
			 void *arg)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 0;

	if (*path != '/')
		return false;
	/* A program may name itself. */
	return (strcmp(slash + 1, link) &&
		try_path(fn, arg, xasprintf("%.*s/%s", len, path, link))) ||
	       try_path(fn, arg, xasprintf("%.*s/.debug/%s", len, path, link)) ||
	       (folder && try_path(fn, arg, xasprintf("%s%.*s/%s", folder, len, path, link))) ||
	       try_path(fn, arg, xasprintf(DEBUGFILES_FOLDER "%.*s/%s", len, path, link));
}

bool debugfiles_each(const char *path, const struct identity *id, const char *folder,
		     debugfiles_fn *fn, void *arg)
{
	const uint8_t *build_id = id->build_id;
	size_t size = id->build_id_size;

	return (folder && try_path(fn, arg, build_id_path(folder, build_id, size, ".debug"))) ||
	       try_path(fn, arg, build_id_path(DEBUGFILES_FOLDER, build_id, size, ".debug")) ||
	       (*id->link && each_by_link(path, id->link, folder, fn, arg));
}

struct offer {
	struct namer *namer;
	uint32_t module;
};

static bool offer(void *arg, const char *path)
{
	const struct offer *o = arg;
	int fd = debugfiles_open(path);
	bool taken = fd >= 0 && namer_add_debug(o->namer, o->module, fd);

	if (fd >= 0)
		close(fd);
	return taken;
}

bool debugfiles_attach(struct namer *namer, uint32_t module, const char *path,
		       const struct identity *id, const char *folder)
{
	struct offer o = {namer, module};

	return debugfiles_each(path, id, folder, offer, &o);
}
