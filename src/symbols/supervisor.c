#include "symbols/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "profile/stack_copy.h"
#include "profile/unwind_table.h"
#include "symbols/lookup.h"
#include "symbols/stackwalk.h"

#define NOBODY		  65534
#define ADDRESS_MAX_BYTES (2ull << 30)
/* Above this the tables that were not used for longest are dropped. */
#define TABLES_MAX_BYTES (512u << 20)
/* Beyond this an answer has no more inlined functions. */
#define REPLY_MAX_BYTES (CHAN_MAX_BYTES / 4)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

struct supervisor {
	struct chan *main, *worker;
	pid_t pid, worker_pid;
	uint32_t limit_ms, least_limit_ms;
	struct lookups modules;
};

/* === The worker === */

struct worker {
	struct chan *ch;
	struct lookups *modules;
	uint64_t *used; /* by module id: number of the last request */
	size_t cap_used;
	uint64_t n_requests;
	size_t grown_bytes; /* of tables, since they were last counted */
	struct stackwalk *walk;
	struct strbuf reply;
};

static void add_file(struct lookups *modules, const struct chan_msg *msg)
{
	struct table_file file;
	struct build_id id = {0};

	memcpy(&file, msg->data, sizeof(file));
	id.size = file.build_id_size < BUILD_ID_MAX ? file.build_id_size : BUILD_ID_MAX;
	memcpy(id.byte, file.build_id, id.size);
	lookups_set(modules, file.module,
		    lookup_create(file.is_vdso ? MODULE_VDSO : MODULE_ELF, "", &id, msg->fd));
}

/* Also the supervisor's own table, which the workers to come inherit. */
static void change_modules(struct lookups *modules, const struct chan_msg *msg)
{
	struct lookup *l = NULL;
	struct msg_add add;
	char *path;

	if (msg->type == TABLE_FILE && msg->size >= sizeof(struct table_file)) {
		add_file(modules, msg);
		return;
	}
	if (msg->type == MSG_ADD && msg->size >= sizeof(add)) {
		memcpy(&add, msg->data, sizeof(add));
		path = xstrndup((const char *)msg->data + sizeof(add), msg->size - sizeof(add));
		l = lookup_create(add.kind, path, &add.build_id, msg->fd);
		free(path);
	} else if (msg->type == MSG_REMOVE && msg->size >= sizeof(add.module)) {
		memcpy(&add.module, msg->data, sizeof(add.module));
	} else {
		return;
	}
	lookups_set(modules, add.module, l);
}

/* What was prepared of files that went is forgotten. */
static void change_files(struct worker *w, const struct chan_msg *msg)
{
	if (msg->type == MSG_REMOVE) {
		stackwalk_destroy(w->walk);
		w->walk = NULL;
	}
	change_modules(w->modules, msg);
}

/* Adds " (file.c:12)" to a name. */
static void add_line(struct strbuf *reply, const struct inlined *inlined)
{
	if (inlined->file && inlined->line)
		strbuf_addf(reply, " (%.200s:%u)", inlined->file, inlined->line);
}

static void add_inlined(struct strbuf *reply, struct lookup *l, const struct inlined *inlined,
			bool with_line)
{
	size_t at = reply->len;
	struct msg_name head = {.kind = FRAME_INLINED};

	strbuf_add(reply, &head, sizeof(head));
	lookup_add_inlined(l, inlined, reply);
	if (with_line)
		add_line(reply, inlined);
	head.text_size = reply->len - at - sizeof(head);
	memcpy(reply->data + at, &head, sizeof(head));
}

static void add_name(struct strbuf *reply, struct lookup *l, uint64_t offset,
		     const struct msg_resolve *ask)
{
	size_t at = reply->len, n = 0;
	struct inlined chain[INLINES_MAX];
	struct msg_name head = {0};
	struct lookup_name name;

	if ((ask->inlines || ask->lines) && reply->len < REPLY_MAX_BYTES)
		n = lookup_inlined(l, offset, chain);
	strbuf_add(reply, &head, sizeof(head));
	name = lookup_find(l, offset, reply);
	if (ask->lines && n)
		add_line(reply, &chain[0]);
	head.kind = name.kind;
	head.is_start = name.is_start;
	head.text_size = reply->len - at - sizeof(head);
	head.module_size = strnlen(name.module, UINT16_MAX);
	head.n_inlined = ask->inlines && n ? n - 1 : 0;
	strbuf_add(reply, name.module, head.module_size);
	memcpy(reply->data + at, &head, sizeof(head));
	for (size_t i = 1; i <= head.n_inlined; i++)
		add_inlined(reply, l, &chain[i], ask->lines);
}

static void drop_tables(struct worker *w, uint32_t keep)
{
	size_t size = 0, n = w->modules->n;

	if (w->grown_bytes < TABLES_MAX_BYTES / 8)
		return;
	w->grown_bytes = 0;
	for (size_t i = 0; i < n; i++)
		size += w->modules->l[i] ? lookup_bytes(w->modules->l[i]) : 0;
	while (size > TABLES_MAX_BYTES) {
		size_t oldest = n;

		for (size_t i = 0; i < n; i++)
			if (i != keep && w->modules->l[i] && lookup_bytes(w->modules->l[i]) &&
			    (oldest == n || w->used[i] < w->used[oldest]))
				oldest = i;
		if (oldest == n)
			break;
		size -= lookup_bytes(w->modules->l[oldest]);
		lookup_unload(w->modules->l[oldest]);
	}
}

static int resolve(struct worker *w, const struct chan_msg *msg)
{
	struct msg_resolve ask = {0};
	struct msg_names head = {0};
	const char *offsets = (const char *)msg->data + sizeof(ask);
	struct lookup *l;
	size_t cap = w->cap_used, bytes;

	if (msg->size >= sizeof(ask))
		memcpy(&ask, msg->data, sizeof(ask));
	l = lookups_get(w->modules, ask.module);
	if (!l || ask.n > MSG_MAX_OFFSETS || msg->size != sizeof(ask) + ask.n * sizeof(uint64_t))
		return chan_send(w->ch, MSG_FAILED, NULL, 0, -1);
	w->used = xgrow(w->used, &w->cap_used, w->modules->n, sizeof(*w->used));
	memset(w->used + cap, 0, (w->cap_used - cap) * sizeof(*w->used));
	w->used[ask.module] = ++w->n_requests;
	bytes = lookup_bytes(l);
	lookup_load(l);
	if (ask.inlines || ask.lines)
		lookup_begin(l);
	head.n = ask.n;
	head.is_hidden = lookup_is_hidden(l);
	head.is_other = lookup_is_other(l);
	strbuf_clear(&w->reply);
	strbuf_add(&w->reply, &head, sizeof(head));
	for (uint32_t i = 0; i < ask.n; i++) {
		uint64_t offset;

		memcpy(&offset, offsets + i * sizeof(offset), sizeof(offset));
		add_name(&w->reply, l, offset, &ask);
	}
	head.is_cut = lookup_is_cut(l);
	memcpy(w->reply.data, &head, sizeof(head));
	w->grown_bytes += lookup_bytes(l) - bytes;
	drop_tables(w, ask.module);
	return chan_send(w->ch, MSG_NAMES, w->reply.data, w->reply.len, -1);
}

/* The module that a message is of. */
static struct lookup *module_of(const struct lookups *modules, const struct chan_msg *msg)
{
	uint32_t module;

	if (msg->size < sizeof(module))
		return NULL;
	memcpy(&module, msg->data, sizeof(module));
	return lookups_get(modules, module);
}

static int identify(struct worker *w, const struct chan_msg *msg)
{
	struct lookup *l = module_of(w->modules, msg);
	struct identity id = {0};

	if (l)
		lookup_identify(l, &id);
	return chan_send(w->ch, MSG_IDENTITY, &id, sizeof(id), -1);
}

static int add_debug(struct worker *w, const struct chan_msg *msg)
{
	struct lookup *l = module_of(w->modules, msg);
	uint8_t taken = l && msg->fd >= 0 && lookup_add_debug(l, msg->fd);

	if (!taken && msg->fd >= 0)
		close(msg->fd);
	return chan_send(w->ch, MSG_DEBUG_TAKEN, &taken, sizeof(taken), -1);
}

/* A memfd that nobody can change any more, or -1. */
static int seal(const struct strbuf *sb)
{
	int fd = memfd_create("unwind-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (!write_all(fd, sb->data, sb->len) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	close(fd);
	return -1;
}

static int make_table(struct worker *w, const struct chan_msg *msg)
{
	struct strbuf table = {0};
	struct lookup *l = module_of(w->modules, msg);
	int fd = -1, err;

	if (l && !lookup_table(l, &table))
		fd = seal(&table);
	strbuf_deinit(&table);
	err = chan_send(w->ch, TABLE_MADE, NULL, 0, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

static int file_of_module(void *arg, uint32_t module)
{
	const struct worker *w = arg;
	struct lookup *l = lookups_get(w->modules, module);

	return l ? lookup_file(l) : -1;
}

static int unwind(struct worker *w, const struct chan_msg *msg)
{
	uint64_t address[STACK_COPY_FRAMES_MAX];
	struct stack_copy copy;
	struct stack_copy_map *map;
	bool complete = false;
	uint8_t is_complete;
	const uint8_t *p = msg->data;
	size_t n;

	if (msg->size < sizeof(copy))
		return chan_send(w->ch, MSG_FAILED, NULL, 0, -1);
	memcpy(&copy, p, sizeof(copy));
	if (copy.n_maps > STACK_COPY_MAPS_MAX || copy.n_bytes > STACK_COPY_BYTES_MAX ||
	    copy.max_frames > STACK_COPY_FRAMES_MAX || msg->size != stack_copy_bytes(&copy))
		return chan_send(w->ch, MSG_FAILED, NULL, 0, -1);
	if (!w->walk)
		w->walk = stackwalk_create(file_of_module, w);
	map = xmemdup(p + sizeof(copy), copy.n_maps * sizeof(*map) + 1);
	n = stackwalk_unwind(w->walk, &copy, map, p + sizeof(copy) + copy.n_maps * sizeof(*map),
			     address, copy.max_frames, &complete);
	free(map);
	is_complete = complete;
	strbuf_clear(&w->reply);
	strbuf_add(&w->reply, &is_complete, sizeof(is_complete));
	strbuf_add(&w->reply, address, n * sizeof(*address));
	return chan_send(w->ch, MSG_FRAMES, w->reply.data, w->reply.len, -1);
}

static bool is_question(const struct chan_msg *msg)
{
	return msg->type == MSG_RESOLVE || msg->type == MSG_IDENTIFY || msg->type == MSG_DEBUG ||
	       msg->type == TABLE_WANT || msg->type == MSG_UNWIND;
}

static _Noreturn void worker_run(int sock, struct lookups *modules)
{
	struct worker w = {.ch = chan_create(sock), .modules = modules};
	struct chan_msg msg;

	while (chan_wait(w.ch, -1, &msg) > 0) {
		int err = 0;

		if (msg.type == MSG_RESOLVE)
			err = resolve(&w, &msg);
		else if (msg.type == MSG_IDENTIFY)
			err = identify(&w, &msg);
		else if (msg.type == MSG_DEBUG)
			err = add_debug(&w, &msg);
		else if (msg.type == TABLE_WANT)
			err = make_table(&w, &msg);
		else if (msg.type == MSG_UNWIND)
			err = unwind(&w, &msg);
		else
			change_files(&w, &msg);
		if (err || chan_drain(w.ch))
			break;
	}
	_exit(EXIT_SUCCESS);
}

/* === The supervisor === */

static int start_worker(struct supervisor *s)
{
	int sock[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		return -errno;
	s->worker_pid = fork();
	if (s->worker_pid < 0) {
		err = -errno;
		close(sock[0]);
		close(sock[1]);
		return err;
	}
	if (s->worker_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != s->pid)
			_exit(EXIT_FAILURE);
		close(sock[0]);
		chan_destroy(s->main);
		worker_run(sock[1], &s->modules);
	}
	close(sock[1]);
	s->worker = chan_create(sock[0]);
	return 0;
}

/* SIGCHLD is ignored, so that the kernel reaps: one that hangs in the kernel is waited for only at
 * the end. */
static void stop_worker(struct supervisor *s)
{
	if (!s->worker)
		return;
	kill(s->worker_pid, SIGKILL);
	chan_destroy(s->worker);
	s->worker = NULL;
}

/* 1 with the worker's answer, 0 where it took too long, or a negative errno where it died. */
static int ask(struct supervisor *s, const struct chan_msg *msg, struct chan_msg *answer_ret)
{
	int err = s->worker ? 0 : start_worker(s);

	if (!err)
		err = chan_send(s->worker, msg->type, msg->data, msg->size, msg->fd);
	return err ? err : chan_wait(s->worker, s->limit_ms, answer_ret);
}

/* The workers to come inherit it. */
static void keep_debug(struct supervisor *s, const struct chan_msg *msg,
		       const struct chan_msg *made)
{
	struct lookup *l = module_of(&s->modules, msg);
	int fd = -1;

	if (l && made->type == MSG_DEBUG_TAKEN && made->size && *(const uint8_t *)made->data)
		fd = fcntl(msg->fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		lookup_set_debug(l, fd);
}

static int answer(struct supervisor *s, const struct chan_msg *msg)
{
	struct chan_msg made;
	int got = -EPIPE, err;

	for (int i = 0; i < 2 && got < 0; i++) {
		got = ask(s, msg, &made);
		if (got <= 0)
			stop_worker(s);
	}
	if (got == 0 && s->limit_ms / 2 >= s->least_limit_ms)
		s->limit_ms /= 2;
	if (got <= 0)
		return chan_send(s->main, MSG_FAILED, NULL, 0, -1);
	if (msg->type == MSG_DEBUG)
		keep_debug(s, msg, &made);
	err = chan_send(s->main, made.type, made.data, made.size, made.fd);
	if (made.fd >= 0)
		close(made.fd);
	return err;
}

static void serve(struct supervisor *s)
{
	struct chan_msg msg;

	while (chan_wait(s->main, -1, &msg) > 0) {
		if (is_question(&msg)) {
			int err = answer(s, &msg);

			if (msg.fd >= 0)
				close(msg.fd);
			if (err || chan_drain(s->main))
				break;
			continue;
		}
		/* A worker that does not take it is found dead by the next request. */
		if (s->worker)
			chan_send(s->worker, msg.type, msg.data, msg.size, msg.fd);
		change_modules(&s->modules, &msg);
	}
	stop_worker(s);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* Leaves the socket as descriptor 3, stderr, and nothing else. */
static int close_descriptors(int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sock = fcntl(sock, F_DUPFD_CLOEXEC, 4);
	if (null < 0 || sock < 0)
		return -errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(sock, 3) < 0)
		return -errno;
	return close_range(4, ~0u, 0) ? -errno : 3;
}

static int set_limits(struct rlimit files)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_NOFILE, &files))
		return -errno;
		/* AddressSanitizer reserves terabytes of address space. */
#ifndef __SANITIZE_ADDRESS__
	struct rlimit space = {ADDRESS_MAX_BYTES, ADDRESS_MAX_BYTES};

	if (setrlimit(RLIMIT_AS, &space))
		return -errno;
#endif
	return 0;
}

/*
 * From here on nothing is opened, and all that is read is hostile. Everything that takes rights
 * away from the supervisor and its workers belongs here; a worker inherits it.
 */
static int confine(struct rlimit files, pid_t parent)
{
	int err = set_limits(files);

	if (err)
		return err;
	if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			       setresuid(NOBODY, NOBODY, NOBODY)))
		return -errno;
	/* The signal is forgotten when the user changes, and so it is asked for afterwards. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

void supervisor_run(int sock, uint32_t limit_ms, struct rlimit files)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTTOU, SIGCHLD};
	struct supervisor s = {.pid = getpid(),
			       .limit_ms = limit_ms,
			       .least_limit_ms = limit_ms / 8};
	pid_t parent = getppid();
	sigset_t none;
	int err;

	/* Ctrl-C ends the recording, and its last snapshot still needs names. */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sock = close_descriptors(sock);
	err = sock < 0 ? sock : confine(files, parent);
	if (err) {
		log_error("cannot confine the process that reads symbols: %s", strerror(-err));
		_exit(EXIT_FAILURE);
	}
	s.main = chan_create(sock);
	serve(&s);
	_exit(EXIT_SUCCESS);
}
