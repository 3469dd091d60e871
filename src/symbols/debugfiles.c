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

int debugfiles_open_build_id(const char *folder, const uint8_t *build_id, size_t size,
			     const char *ending)
{
	struct strbuf sb = {0};
	int fd;

	if (size < 2)
		return -1;
	strbuf_addf(&sb, "%s/.build-id/%02x/", folder, build_id[0]);
	for (size_t i = 1; i < size; i++)
		strbuf_addf(&sb, "%02x", build_id[i]);
	strbuf_adds(&sb, ending);
	fd = debugfiles_open(strbuf_str(&sb));
	strbuf_deinit(&sb);
	return fd;
}

/* Takes the descriptor. */
static bool offer(struct namer *namer, uint32_t module, int fd)
{
	bool taken = fd >= 0 && namer_add_debug(namer, module, fd);

	if (fd >= 0)
		close(fd);
	return taken;
}

static bool offer_path(struct namer *namer, uint32_t module, char *path)
{
	bool taken = offer(namer, module, debugfiles_open(path));

	free(path);
	return taken;
}

static bool attach_by_link(struct namer *namer, uint32_t module, const char *path, const char *link,
			   const char *folder)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 0;

	if (*path != '/')
		return false;
	/* A program may name itself. */
	return (strcmp(slash + 1, link) &&
		offer_path(namer, module, xasprintf("%.*s/%s", len, path, link))) ||
	       offer_path(namer, module, xasprintf("%.*s/.debug/%s", len, path, link)) ||
	       (folder &&
		offer_path(namer, module, xasprintf("%s%.*s/%s", folder, len, path, link))) ||
	       offer_path(namer, module, xasprintf(DEBUGFILES_FOLDER "%.*s/%s", len, path, link));
}

bool debugfiles_attach(struct namer *namer, uint32_t module, const char *path,
		       const struct identity *id, const char *folder)
{
	if (folder &&
	    offer(namer, module,
		  debugfiles_open_build_id(folder, id->build_id, id->build_id_size, ".debug")))
		return true;
	if (offer(namer, module,
		  debugfiles_open_build_id(DEBUGFILES_FOLDER, id->build_id, id->build_id_size,
					   ".debug")))
		return true;
	return *id->link && attach_by_link(namer, module, path, id->link, folder);
}
