#include "symbols/namer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "profile/stack_copy.h"
#include "symbols/supervisor.h"

#define FILES_MAX 65536
/* Descriptors that the supervisor needs besides those of modules. */
#define FILES_OWN 32
/* Answers are text from an untrusted process; what the worker sends is a tenth of this. */
#define TEXT_MAX_BYTES (64u << 10)
/* How long the supervisor may take to end by itself. */
#define STOP_MS 1000
/* Until there are tables, stacks are cut: it gets three times the share of others. */
#define MAKER_NICE (-5)
/* Hostile files may be many; the person is told of the first ones. */
#define WARNINGS_MAX 4

enum state { STATE_NONE, STATE_NO_FILE, STATE_HAS_FILE, STATE_FAILED };

/* What is told of a module's inlined functions and lines. */
enum plain {
	PLAIN_NOT,  /* all that there is */
	PLAIN_CUT,  /* not all, since it takes too long */
	PLAIN_ONLY, /* nothing, since a worker died or hung over it */
};

struct namer {
	struct chan *ch; /* NULL: dead */
	pid_t pid;
	uint32_t limit_ms;
	size_t n_files, max_files;
	struct lookups
	    modules;	/* without descriptors: names for code that the worker cannot name */
	uint8_t *state; /* enum state, by module */
	size_t cap_state;
	uint8_t *n_debug; /* debug files, by module */
	size_t cap_debug;
	bool inlines, lines;
	uint8_t *plain; /* enum plain, by module */
	size_t cap_plain;
	size_t *inlined_at; /* where the texts of inlined functions begin, while all text grows */
	size_t n_inlined, cap_inlined;
	struct name *inlined; /* made of them in the end */
	size_t cap_inlined_name;
	struct name *name;
	size_t *text_at; /* where the name's text and module begin in the text */
	size_t cap_names;
	size_t cap_text_at;
	struct strbuf text, raw;
	uint64_t address[STACK_COPY_FRAMES_MAX];
	struct namer_stats stats;
};

static struct rlimit file_limit(void)
{
	struct rlimit files = {1024, 1024};

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
	return files;
}

/* Its process, or a negative errno. */
static pid_t start(uint32_t limit_ms, struct rlimit files, int nice_level, int *sock_ret)
{
	int sock[2], err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		return -errno;
	log_progress_end();
	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(sock[0]);
		close(sock[1]);
		return err;
	}
	if (pid == 0) {
		/* Without the right to it, it goes on without. */
		if (nice_level)
			setpriority(PRIO_PROCESS, 0, nice_level);
		/* Its own group: Ctrl-C is not for it, and all of it can be killed at once. */
		setpgid(0, 0);
		supervisor_run(sock[1], limit_ms, files);
	}
	setpgid(pid, pid);
	close(sock[1]);
	*sock_ret = sock[0];
	return pid;
}

struct namer *namer_create(uint32_t limit_ms)
{
	struct rlimit files = file_limit();
	struct namer *namer;
	int sock;
	pid_t pid = start(limit_ms, files, 0, &sock);

	if (pid < 0) {
		errno = -pid;
		return NULL;
	}
	namer = xcalloc(1, sizeof(*namer));
	namer->ch = chan_create(sock);
	namer->pid = pid;
	namer->limit_ms = limit_ms;
	namer->max_files = files.rlim_cur > FILES_OWN ? files.rlim_cur - FILES_OWN : 0;
	return namer;
}

int namer_start_tables(uint32_t limit_ms, pid_t *pid_ret)
{
	int sock;

	*pid_ret = start(limit_ms, file_limit(), MAKER_NICE, &sock);
	if (*pid_ret > 0)
		return sock;
	errno = -*pid_ret;
	return -1;
}

/* True when the supervisor has ended, within about `ms`. */
static bool has_ended(pid_t pid, int ms)
{
	const struct timespec one_ms = {.tv_nsec = 1000000};

	for (; ms > 0; ms--) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return true;
		nanosleep(&one_ms, NULL);
	}
	return false;
}

static void join(pid_t pid)
{
	if (has_ended(pid, STOP_MS))
		return;
	/* Not permitted once we are another user; then it ends with us. */
	if (kill(-pid, SIGKILL))
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void namer_join_tables(pid_t pid)
{
	if (pid > 0)
		join(pid);
}

/*
 * At the end of its socket the supervisor kills its worker, reaps it and exits. Killing both by
 * force would leave the worker to init, which not every container has.
 */
static void namer_stop(struct namer *namer)
{
	if (!namer->ch)
		return;
	shutdown(chan_fd(namer->ch), SHUT_RDWR);
	chan_destroy(namer->ch);
	namer->ch = NULL;
	join(namer->pid);
}

void namer_destroy(struct namer *namer)
{
	if (!namer)
		return;
	namer_stop(namer);
	lookups_deinit(&namer->modules);
	strbuf_deinit(&namer->text);
	strbuf_deinit(&namer->raw);
	free(namer->state);
	free(namer->n_debug);
	free(namer->plain);
	free(namer->inlined_at);
	free(namer->inlined);
	free(namer->name);
	free(namer->text_at);
	free(namer);
}

static void lose_namer(struct namer *namer, int err)
{
	if (!namer->ch)
		return;
	namer_stop(namer);
	namer->stats.is_dead = true;
	log_warn("the process that reads symbols is lost (%s): code from here on has no names, "
		 "only addresses",
		 err ? strerror(-err) : "it did not answer");
}

static void set_state(struct namer *namer, uint32_t id, enum state state)
{
	size_t cap = namer->cap_state;

	namer->state = xgrow(namer->state, &namer->cap_state, (size_t)id + 1, 1);
	memset(namer->state + cap, STATE_NONE, namer->cap_state - cap);
	if (namer->state[id] == STATE_HAS_FILE || namer->state[id] == STATE_FAILED)
		namer->n_files--;
	if (state == STATE_HAS_FILE || state == STATE_FAILED)
		namer->n_files++;
	namer->state[id] = state;
}

void namer_remove_module(struct namer *namer, uint32_t id)
{
	if (id >= namer->cap_state || namer->state[id] == STATE_NONE)
		return;
	lookups_set(&namer->modules, id, NULL);
	if (namer->ch && namer->state[id] != STATE_NO_FILE)
		chan_send(namer->ch, MSG_REMOVE, &id, sizeof(id), -1);
	set_state(namer, id, STATE_NONE);
	if (id < namer->cap_debug) {
		namer->n_files -= namer->n_debug[id];
		namer->n_debug[id] = 0;
	}
}

void namer_add_module_of(struct namer *namer, uint32_t id, enum module_kind kind, const char *path,
			 const struct build_id *build_id, int fd)
{
	struct msg_add add = {.module = id, .kind = kind, .build_id = *build_id};
	int err;

	namer_remove_module(namer, id);
	lookups_set(&namer->modules, id, lookup_create(kind, path, build_id, -1));
	set_state(namer, id, STATE_NO_FILE);
	if ((fd < 0 && kind != MODULE_VDSO) || !namer->ch)
		return;
	if (namer->n_files >= namer->max_files) {
		namer->stats.modules_no_file++;
		return;
	}
	strbuf_clear(&namer->raw);
	strbuf_add(&namer->raw, &add, sizeof(add));
	strbuf_adds(&namer->raw, path);
	err = chan_send(namer->ch, MSG_ADD, namer->raw.data, namer->raw.len, fd);
	if (err == -EMFILE || err == -ENFILE || err == -EBADF)
		namer->stats.modules_no_file++;
	else if (err == -EPIPE || err == -ECONNRESET)
		lose_namer(namer, err);
	else
		set_state(namer, id, STATE_HAS_FILE);
}

void namer_add_module(struct namer *namer, uint32_t id, enum module_kind kind, const char *path,
		      int fd)
{
	namer_add_module_of(namer, id, kind, path, &(struct build_id){0}, fd);
}

static void set_plain(struct namer *namer, uint32_t module, enum plain plain)
{
	size_t cap = namer->cap_plain;

	namer->plain = xgrow(namer->plain, &namer->cap_plain, (size_t)module + 1, 1);
	memset(namer->plain + cap, PLAIN_NOT, namer->cap_plain - cap);
	namer->stats.modules_cut += namer->plain[module] == PLAIN_NOT;
	if (namer->plain[module] < plain)
		namer->plain[module] = plain;
}

static bool is_plain(const struct namer *namer, uint32_t module)
{
	return (!namer->inlines && !namer->lines) ||
	       (module < namer->cap_plain && namer->plain[module] == PLAIN_ONLY);
}

void namer_set_detail(struct namer *namer, bool inlines, bool lines)
{
	namer->inlines = inlines;
	namer->lines = lines;
}

/* Appends text and module to the text of all names; pointers are set when it has stopped growing.
 */
static void put_name(struct namer *namer, size_t i, struct lookup_name name, const char *text,
		     size_t text_size, size_t module_size)
{
	namer->name[i] = (struct name){.kind = name.kind, .is_start = name.is_start};
	namer->text_at[2 * i] = namer->text.len;
	utf8_add_clean(&namer->text, text, text_size);
	strbuf_addc(&namer->text, '\0');
	namer->text_at[2 * i + 1] = namer->text.len;
	utf8_add_clean(&namer->text, name.module, module_size);
	strbuf_addc(&namer->text, '\0');
}

/* What can be said without the worker. */
static void name_plainly(struct namer *namer, uint32_t module, const uint64_t *offset, size_t first,
			 size_t n)
{
	struct lookup *l = lookups_get(&namer->modules, module);

	for (size_t i = first; i < first + n; i++) {
		struct lookup_name name = {.kind = FRAME_UNNAMED, .module = ""};

		strbuf_clear(&namer->raw);
		if (l)
			name = lookup_find(l, offset[i], &namer->raw);
		else
			strbuf_adds(&namer->raw, "[unknown]");
		put_name(namer, i, name, namer->raw.data, namer->raw.len, 0);
	}
}

/* The next name of an answer, with text and module right behind it. */
static bool take_name(const char **p, const char *end, struct msg_name *ret)
{
	if ((size_t)(end - *p) < sizeof(*ret))
		return false;
	memcpy(ret, *p, sizeof(*ret));
	*p += sizeof(*ret);
	return ret->kind < FRAME_KINDS && ret->kind != FRAME_MARK &&
	       ret->text_size <= TEXT_MAX_BYTES && ret->n_inlined < INLINES_MAX &&
	       (size_t)(end - *p) >= (size_t)ret->text_size + ret->module_size;
}

static bool take_inlined(struct namer *namer, const char **p, const char *end, size_t n)
{
	struct msg_name m;

	for (size_t i = 0; i < n; i++) {
		if (!take_name(p, end, &m) || m.kind != FRAME_INLINED || m.n_inlined)
			return false;
		namer->inlined_at = xgrow(namer->inlined_at, &namer->cap_inlined,
					  namer->n_inlined + 1, sizeof(*namer->inlined_at));
		namer->inlined_at[namer->n_inlined++] = namer->text.len;
		utf8_add_clean(&namer->text, *p, m.text_size);
		strbuf_addc(&namer->text, '\0');
		*p += m.text_size + m.module_size;
	}
	return true;
}

/* The answer is not trusted. False where it is none to our question. */
static bool take_names(struct namer *namer, const struct chan_msg *msg, uint32_t module,
		       size_t first, size_t n, bool *is_other_ret)
{
	const char *p = msg->data, *end = p + msg->size;
	struct msg_names head;
	struct msg_name m;

	if (msg->size < sizeof(head))
		return false;
	memcpy(&head, p, sizeof(head));
	p += sizeof(head);
	if (head.n != n)
		return false;
	for (size_t i = first; i < first + n; i++) {
		struct lookup_name name;

		if (!take_name(&p, end, &m))
			return false;
		name = (struct lookup_name){.kind = m.kind,
					    .is_start = m.is_start,
					    .module = p + m.text_size};
		put_name(namer, i, name, p, m.text_size, m.module_size);
		p += m.text_size + m.module_size;
		namer->name[i].n_inlined = m.n_inlined;
		if (!take_inlined(namer, &p, end, m.n_inlined))
			return false;
	}
	namer->stats.kernel_hidden |= head.is_hidden != 0;
	*is_other_ret = head.is_other;
	if (head.is_cut)
		set_plain(namer, module, PLAIN_CUT);
	return true;
}

static void give_module_up(struct namer *namer, uint32_t module)
{
	set_state(namer, module, STATE_FAILED);
	if (namer->stats.modules_failed++ < WARNINGS_MAX)
		log_warn("no names for the code of '%s': reading its symbols failed or took too "
			 "long, is the file damaged?",
			 lookup_base(lookups_get(&namer->modules, module)));
}

/* A question and its answer. False where the namer is lost. */
static bool ask_once(struct namer *namer, uint32_t type, const void *data, size_t size, int fd,
		     struct chan_msg *ret)
{
	int err = chan_send(namer->ch, type, data, size, fd);

	/* The supervisor asks a second worker where the first one dies. */
	err = err ? err : chan_wait(namer->ch, 2 * namer->limit_ms + 2000, ret);
	if (err > 0)
		return true;
	lose_namer(namer, err);
	return false;
}

/* What it told of the code was told without the file, and so is what comes. */
static void give_file_up(struct namer *namer, uint32_t module)
{
	set_state(namer, module, STATE_FAILED);
	if (namer->stats.modules_other++ < WARNINGS_MAX)
		log_warn("no names for the code of '%s': the file at its path is another one by "
			 "now, with another build-id",
			 lookup_base(lookups_get(&namer->modules, module)));
}

static bool has_file(const struct namer *namer, uint32_t module)
{
	return namer->ch && module < namer->cap_state && namer->state[module] == STATE_HAS_FILE;
}

/* Asks the worker. False where it has no answer for this module. */
static bool ask(struct namer *namer, uint32_t module, const uint64_t *offset, size_t first,
		size_t n)
{
	bool plain = is_plain(namer, module);
	struct msg_resolve head = {.module = module,
				   .n = n,
				   .inlines = namer->inlines && !plain,
				   .lines = namer->lines && !plain};
	size_t text_len = namer->text.len, n_inlined = namer->n_inlined;
	struct chan_msg msg;
	bool is_other;

	strbuf_clear(&namer->raw);
	strbuf_add(&namer->raw, &head, sizeof(head));
	strbuf_add(&namer->raw, offset + first, n * sizeof(*offset));
	if (!ask_once(namer, MSG_RESOLVE, namer->raw.data, namer->raw.len, -1, &msg))
		return false;
	if (msg.fd >= 0)
		close(msg.fd);
	if (msg.type == MSG_NAMES && take_names(namer, &msg, module, first, n, &is_other)) {
		if (is_other)
			give_file_up(namer, module);
		return true;
	}
	namer->text.len = text_len;
	namer->n_inlined = n_inlined;
	if (!plain) {
		set_plain(namer, module, PLAIN_ONLY);
		return ask(namer, module, offset, first, n);
	}
	give_module_up(namer, module);
	return false;
}

/* The text has stopped growing. */
static void point_at_texts(struct namer *namer, size_t n)
{
	struct name *inlined =
	    xgrow(namer->inlined, &namer->cap_inlined_name, namer->n_inlined + 1, sizeof(*inlined));

	namer->inlined = inlined;
	for (size_t i = 0; i < namer->n_inlined; i++)
		inlined[i] = (struct name){.kind = FRAME_INLINED,
					   .module = "",
					   .text = namer->text.data + namer->inlined_at[i]};
	for (size_t i = 0; i < n; i++) {
		namer->name[i].text = namer->text.data + namer->text_at[2 * i];
		namer->name[i].module = namer->text.data + namer->text_at[2 * i + 1];
		namer->name[i].inlined = inlined;
		inlined += namer->name[i].n_inlined;
	}
}

const struct name *namer_resolve(struct namer *namer, uint32_t module, const uint64_t *offset,
				 size_t n)
{
	namer->name = xgrow(namer->name, &namer->cap_names, n + 1, sizeof(*namer->name));
	namer->text_at = xgrow(namer->text_at, &namer->cap_text_at, 2 * n, sizeof(*namer->text_at));
	strbuf_clear(&namer->text);
	namer->n_inlined = 0;
	for (size_t first = 0; first < n; first += MSG_MAX_OFFSETS) {
		size_t some = n - first < MSG_MAX_OFFSETS ? n - first : MSG_MAX_OFFSETS;

		if (!has_file(namer, module) || !ask(namer, module, offset, first, some))
			name_plainly(namer, module, offset, first, some);
	}
	point_at_texts(namer, n);
	return namer->name;
}

void namer_identify(struct namer *namer, uint32_t module, struct identity *ret)
{
	struct chan_msg msg;

	memset(ret, 0, sizeof(*ret));
	if (!has_file(namer, module) ||
	    !ask_once(namer, MSG_IDENTIFY, &module, sizeof(module), -1, &msg))
		return;
	if (msg.fd >= 0)
		close(msg.fd);
	if (msg.type == MSG_IDENTITY && msg.size == sizeof(*ret))
		memcpy(ret, msg.data, sizeof(*ret));
	/* The answer is not trusted, and a name is to lead to no other folder. */
	ret->link[sizeof(ret->link) - 1] = '\0';
	if (ret->build_id_size > BUILD_ID_MAX)
		ret->build_id_size = 0;
	if (strchr(ret->link, '/') || !strcmp(ret->link, ".") || !strcmp(ret->link, ".."))
		*ret->link = '\0';
}

bool namer_add_debug(struct namer *namer, uint32_t module, int fd)
{
	struct chan_msg msg;
	size_t cap = namer->cap_debug;

	if (!has_file(namer, module) || namer->n_files >= namer->max_files ||
	    !ask_once(namer, MSG_DEBUG, &module, sizeof(module), fd, &msg))
		return false;
	if (msg.fd >= 0)
		close(msg.fd);
	if (msg.type != MSG_DEBUG_TAKEN || msg.size != 1 || *(const uint8_t *)msg.data != 1)
		return false;
	namer->n_debug = xgrow(namer->n_debug, &namer->cap_debug, (size_t)module + 1, 1);
	memset(namer->n_debug + cap, 0, namer->cap_debug - cap);
	namer->n_files += 1 - namer->n_debug[module];
	namer->n_debug[module] = 1;
	return true;
}

size_t namer_unwind(struct namer *namer, const void *copy, size_t size,
		    const uint64_t **address_ret, bool *complete_ret)
{
	struct chan_msg msg;
	size_t n;

	*complete_ret = false;
	if (!namer->ch || !ask_once(namer, MSG_UNWIND, copy, size, -1, &msg))
		return 0;
	if (msg.fd >= 0)
		close(msg.fd);
	n = msg.size / sizeof(uint64_t);
	if (msg.type != MSG_FRAMES || msg.size != 1 + n * sizeof(uint64_t) ||
	    n > STACK_COPY_FRAMES_MAX)
		return 0;
	*complete_ret = *(const uint8_t *)msg.data == 1;
	memcpy(namer->address, (const uint8_t *)msg.data + 1, n * sizeof(uint64_t));
	*address_ret = namer->address;
	return n;
}

struct namer_stats namer_stats(const struct namer *namer)
{
	return namer->stats;
}
