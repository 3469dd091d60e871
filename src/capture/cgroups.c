#include "capture/cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#define READ_AGAIN_NS 1000000000u
#define MAX_CGROUPS   65536
#define MAX_DEPTH     32

struct cgroups {
	const char *root; /* NULL: there is no such tree */
	uint64_t *id;
	char **path;
	size_t n, cap_ids, cap_paths;
	struct index ix;
	uint64_t next_ns;
};

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

struct cgroups *cgroups_create(void)
{
	struct cgroups *c = xcalloc(1, sizeof(*c));

	if (is_cgroup2("/sys/fs/cgroup"))
		c->root = "/sys/fs/cgroup";
	else if (is_cgroup2("/sys/fs/cgroup/unified"))
		c->root = "/sys/fs/cgroup/unified";
	return c;
}

void cgroups_destroy(struct cgroups *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->path[i]);
	free(c->path);
	free(c->id);
	index_deinit(&c->ix);
	free(c);
}

static const char *find(const struct cgroups *c, uint64_t id)
{
	for (uint32_t it = 0, at; index_next(&c->ix, hash_u64(id, 0), &it, &at);)
		if (c->id[at] == id)
			return c->path[at];
	return NULL;
}

static void add(struct cgroups *c, uint64_t id, const char *path)
{
	if (c->n >= MAX_CGROUPS || find(c, id))
		return;
	c->id = xgrow(c->id, &c->cap_ids, c->n + 1, sizeof(*c->id));
	c->path = xgrow(c->path, &c->cap_paths, c->n + 1, sizeof(*c->path));
	c->id[c->n] = id;
	c->path[c->n] = xstrdup(path);
	index_add(&c->ix, hash_u64(id, 0), c->n++);
}

/* `path` is that of the folder, from the root on; it comes back as it was. */
static void read_folder(struct cgroups *c, int fd, struct strbuf *path, int depth)
{
	DIR *dir = fdopendir(fd);
	size_t len = path->len;
	struct dirent *e;
	struct stat st;

	if (!dir) {
		close(fd);
		return;
	}
	if (!fstat(fd, &st))
		add(c, st.st_ino, path->len ? path->data : "/");
	while (depth < MAX_DEPTH && c->n < MAX_CGROUPS && (e = readdir(dir))) {
		int below;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		below = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		strbuf_addf(path, "/%s", e->d_name);
		read_folder(c, below, path, depth + 1);
		path->len = len;
		path->data[len] = '\0';
	}
	closedir(dir);
}

const char *cgroups_path(struct cgroups *c, uint64_t id, uint64_t now_ns)
{
	const char *path = find(c, id);
	struct strbuf sb = {0};
	int fd;

	if (path || !c->root || !id || now_ns < c->next_ns)
		return path ? path : "";
	c->next_ns = now_ns + READ_AGAIN_NS;
	fd = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return "";
	read_folder(c, fd, &sb, 0);
	strbuf_deinit(&sb);
	path = find(c, id);
	return path ? path : "";
}
