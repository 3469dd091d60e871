#include "capture/modules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "capture/targetfile.h"
#include "profile/unwind_table.h"

#define MAX_MODULES 65536
#define MAX_ALIASES 262144
/* How often a file that could not be opened is tried again. */
#define MAX_TRIES 8
/* Descriptors left for everything else. */
#define SPARE_FDS 256

#define DELETED	     " (deleted)"
#define DEBUG_FOLDER "/usr/lib/debug/"
#define ELF_MAGIC    "\177ELF"

struct code_module {
	char *path;
	uint64_t dev, inode; /* 0: never opened */
	uint64_t size_bytes;
	uint8_t kind, build_id_size, build_id[BUILD_ID_MAX];
	uint8_t tries;
	bool told;
	int fd; /* -1: not opened, or given away */
	bool has_file;
	uint32_t process;
	uint32_t pid; /* the last that was seen to run it */
};

/* What a mapping says of its file leads to the module without opening anything. */
struct alias {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t module;
	uint8_t build_id_size, build_id[BUILD_ID_MAX];
	char *path;
};

struct modules {
	struct chan *out, *maker;
	size_t n_made; /* files that the maker was told of, and holds */
	struct code_module *module;
	size_t n_modules, cap_modules;
	struct alias *alias;
	size_t n_aliases, cap_aliases;
	struct index module_ix, alias_ix;
	uint64_t seed, refused;
	size_t n_fds, max_fds;
};

struct modules *modules_create(struct chan *out)
{
	struct modules *m = xcalloc(1, sizeof(*m));
	struct rlimit lim;

	m->out = out;
	m->seed = hash_seed();
	if (getrlimit(RLIMIT_NOFILE, &lim))
		lim.rlim_cur = 1024;
	m->max_fds = lim.rlim_cur > 65536 ? 65536 : lim.rlim_cur;
	m->max_fds = m->max_fds > 2 * SPARE_FDS ? m->max_fds - SPARE_FDS : m->max_fds / 2;
	return m;
}

void modules_destroy(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_modules; i++) {
		if (m->module[i].fd >= 0)
			close(m->module[i].fd);
		free(m->module[i].path);
	}
	for (size_t i = 0; i < m->n_aliases; i++)
		free(m->alias[i].path);
	free(m->module);
	free(m->alias);
	index_deinit(&m->module_ix);
	index_deinit(&m->alias_ix);
	free(m);
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static int kind_of(const char *path)
{
	static const char *const anonymous[] = {
	    "//",	 "[heap]", "[stack",	     "[anon",
	    "/dev/zero", "/SYSV",  "/anon_hugepage", "anon_inode:"};
	size_t len = strlen(path), cut = strlen(DELETED);

	if (!len)
		return WIRE_MODULE_JIT;
	for (size_t i = 0; i < ARRAY_SIZE(anonymous); i++)
		if (begins(path, anonymous[i]))
			return WIRE_MODULE_JIT;
	if (!strcmp(path, "[vdso]"))
		return WIRE_MODULE_VDSO;
	if (begins(path, "/memfd:"))
		return WIRE_MODULE_MEMFD;
	if (*path != '/')
		return WIRE_MODULE_OTHER;
	return len > cut && !strcmp(path + len - cut, DELETED) ? WIRE_MODULE_DELETED
							       : WIRE_MODULE_FILE;
}

static int open_file(struct modules *m, const struct mapped *map, int kind)
{
	int fd;

	if (m->n_fds >= m->max_fds)
		return -EMFILE;
	fd = targetfile_open_mapped(map->pid, map->start, map->end);
	if (fd < 0 && kind == WIRE_MODULE_FILE)
		fd = targetfile_open_path(map->pid, map->path, map->dev_major, map->dev_minor,
					  map->inode);
	return fd;
}

/* Files without a name hold libraries as well as code made at run time (.NET maps it twice). */
static bool is_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, ELF_MAGIC, sizeof(magic));
}

static bool same_build_id(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	return a_size == b_size && !memcmp(a, b, a_size);
}

static uint32_t add_module(struct modules *m, const struct code_module *mod, uint64_t hash)
{
	if (m->n_modules >= MAX_MODULES) {
		m->refused++;
		return MODULE_NONE;
	}
	m->module = xgrow(m->module, &m->cap_modules, m->n_modules + 1, sizeof(*m->module));
	m->module[m->n_modules] = *mod;
	m->module[m->n_modules].path = xstrdup(mod->path);
	index_add(&m->module_ix, hash, m->n_modules);
	return ++m->n_modules;
}

/* The module with this path and file, made if there is none. Takes mod->fd. */
static uint32_t find_module(struct modules *m, const struct code_module *mod)
{
	uint64_t hash = hash_bytes(mod->path, strlen(mod->path), m->seed);
	uint32_t id = MODULE_NONE;

	for (uint32_t it = 0, at; index_next(&m->module_ix, hash, &it, &at);) {
		const struct code_module *o = &m->module[at];

		if (o->kind != WIRE_MODULE_JIT && !strcmp(o->path, mod->path) &&
		    o->dev == mod->dev && o->inode == mod->inode &&
		    (!o->build_id_size || !mod->build_id_size ||
		     same_build_id(o->build_id, o->build_id_size, mod->build_id,
				   mod->build_id_size)))
			id = at + 1;
	}
	if (!id && (id = add_module(m, mod, hash))) {
		m->n_fds += mod->fd >= 0;
		return id;
	}
	if (mod->fd >= 0)
		close(mod->fd);
	return id;
}

static uint32_t first_sight(struct modules *m, const struct mapped *map)
{
	struct code_module mod = {.kind = kind_of(map->path), .fd = -1};
	char path[4096];
	struct stat st;
	bool nameless = mod.kind == WIRE_MODULE_MEMFD || mod.kind == WIRE_MODULE_DELETED;
	uint32_t id;

	if (mod.kind == WIRE_MODULE_JIT)
		return MODULE_JIT;
	strncpy(path, map->path, sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	mod.path = path;
	mod.build_id_size = map->build_id_size;
	memcpy(mod.build_id, map->build_id, map->build_id_size);
	if (mod.kind != WIRE_MODULE_VDSO && mod.kind != WIRE_MODULE_OTHER)
		mod.fd = open_file(m, map, mod.kind);
	if (mod.fd >= 0 && nameless && !is_elf(mod.fd)) {
		close(mod.fd);
		return MODULE_JIT;
	}
	if (nameless && strlen(path) > strlen(DELETED))
		path[strlen(path) - strlen(DELETED)] = '\0';
	if (mod.fd >= 0 && !fstat(mod.fd, &st)) {
		mod.dev = st.st_dev;
		mod.inode = st.st_ino;
		mod.size_bytes = st.st_size;
	}
	mod.has_file = mod.fd >= 0;
	id = find_module(m, &mod);
	return id;
}

static uint64_t hash_mapped(const struct modules *m, const struct mapped *map)
{
	uint64_t h = hash_bytes(map->path, strlen(map->path), m->seed);

	h = hash_bytes(map->build_id, map->build_id_size, h);
	return hash_u64(map->inode ^ (uint64_t)map->dev_minor << 44 ^ map->dev_major, h);
}

uint32_t modules_see(struct modules *m, const struct mapped *map)
{
	uint64_t hash = hash_mapped(m, map);
	struct alias *a;

	for (uint32_t it = 0, at; index_next(&m->alias_ix, hash, &it, &at);) {
		a = &m->alias[at];
		if (a->inode == map->inode && a->dev_major == map->dev_major &&
		    a->dev_minor == map->dev_minor && !strcmp(a->path, map->path) &&
		    same_build_id(a->build_id, a->build_id_size, map->build_id, map->build_id_size))
			return a->module;
	}
	if (m->n_aliases >= MAX_ALIASES) {
		m->refused++;
		return MODULE_NONE;
	}
	m->alias = xgrow(m->alias, &m->cap_aliases, m->n_aliases + 1, sizeof(*a));
	a = &m->alias[m->n_aliases];
	*a = (struct alias){.inode = map->inode,
			    .dev_major = map->dev_major,
			    .dev_minor = map->dev_minor,
			    .build_id_size = map->build_id_size,
			    .path = xstrdup(map->path)};
	memcpy(a->build_id, map->build_id, map->build_id_size);
	a->module = first_sight(m, map);
	index_add(&m->alias_ix, hash, m->n_aliases++);
	return a->module;
}

void modules_tell_maker(struct modules *m, struct chan *maker)
{
	m->maker = maker;
}

/* It has as many descriptors as we. */
static void tell_maker(struct modules *m, uint32_t id, const struct code_module *mod)
{
	struct table_file file = {.module = id,
				  .is_vdso = mod->kind == WIRE_MODULE_VDSO,
				  .build_id_size = mod->build_id_size};

	if (!m->maker || (mod->fd < 0 && !file.is_vdso) || m->n_made >= m->max_fds)
		return;
	m->n_made++;
	memcpy(file.build_id, mod->build_id, mod->build_id_size);
	chan_send(m->maker, TABLE_FILE, &file, sizeof(file), mod->fd);
}

static void tell(struct modules *m, uint32_t id)
{
	struct code_module *mod = &m->module[id - 1];
	struct wire_module head = {.id = id,
				   .kind = mod->kind,
				   .build_id_size = mod->build_id_size,
				   .process = mod->process};
	struct strbuf sb = {0};

	memcpy(head.build_id, mod->build_id, mod->build_id_size);
	strbuf_add(&sb, &head, sizeof(head));
	strbuf_adds(&sb, mod->path);
	chan_send(m->out, WIRE_MODULE, sb.data, sb.len, mod->fd);
	strbuf_deinit(&sb);
	tell_maker(m, id, mod);
	mod->told = true;
	if (mod->fd >= 0) {
		close(mod->fd);
		mod->fd = -1;
		m->n_fds--;
	}
}

void modules_use(struct modules *m, uint32_t id, uint32_t pid, uint64_t start, uint64_t end)
{
	struct code_module *mod = &m->module[id - 1];
	bool file = mod->kind == WIRE_MODULE_FILE || mod->kind == WIRE_MODULE_DELETED ||
		    mod->kind == WIRE_MODULE_MEMFD;

	mod->pid = pid;
	if (mod->told && (mod->has_file || !file || mod->tries >= MAX_TRIES))
		return;
	if (file && !mod->has_file) {
		struct mapped map = {.pid = pid, .start = start, .end = end, .path = mod->path};

		mod->tries++;
		/* Found by path alone, it must be the file that its build-id says: others check. */
		mod->fd = open_file(m, &map, mod->build_id_size ? mod->kind : WIRE_MODULE_MEMFD);
		mod->has_file = mod->fd >= 0;
		m->n_fds += mod->has_file;
		if (mod->fd < 0 && mod->told)
			return;
	}
	tell(m, id);
}

/* DIR/NAME or DIR/.debug/NAME, of a file in DIR. */
static bool is_beside(const char *path, const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash ? (size_t)(slash - file) + 1 : 0;

	if (!len || strncmp(path, file, len))
		return false;
	path += len;
	if (begins(path, ".debug/"))
		path += strlen(".debug/");
	return *path && !strchr(path, '/');
}

int modules_open_debug(const struct modules *m, uint32_t id, const char *path)
{
	const struct code_module *mod = id && id <= m->n_modules ? &m->module[id - 1] : NULL;

	if (!mod || !mod->pid || strstr(path, "/../") ||
	    (!begins(path, DEBUG_FOLDER) && !is_beside(path, mod->path)))
		return -EINVAL;
	return targetfile_open_foreign(mod->pid, path);
}

uint32_t modules_add_jit(struct modules *m, uint32_t process)
{
	struct code_module mod = {.path = (char *)"[jit]",
				  .kind = WIRE_MODULE_JIT,
				  .fd = -1,
				  .process = process};

	return add_module(m, &mod, hash_u64(process, m->seed));
}

int modules_has_code(const struct modules *m, uint32_t id)
{
	const struct code_module *mod = &m->module[id - 1];

	return mod->has_file || mod->kind == WIRE_MODULE_VDSO;
}

uint64_t modules_bytes(const struct modules *m, uint32_t id)
{
	return m->module[id - 1].size_bytes;
}

int modules_is_absolute(const struct modules *m, uint32_t id)
{
	uint8_t kind = m->module[id - 1].kind;

	return kind == WIRE_MODULE_JIT || kind == WIRE_MODULE_OTHER;
}

uint64_t modules_refused(const struct modules *m)
{
	return m->refused;
}
