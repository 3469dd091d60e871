#include "base/chan.h"
#include "profile/unwind_table.h"
#include "symbols/elf.h"
#include "symbols/namer.h"
#include "symbols/supervisor.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* The children of a process, by /proc. */
static size_t children(pid_t parent, pid_t *out, size_t cap)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	size_t n = 0;

	while (dir && (d = readdir(dir))) {
		char path[300], line[300];
		int ppid = 0;
		char state = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		if (atoi(d->d_name) <= 0 || !(f = fopen(path, "r")))
			continue;
		if (fgets(line, sizeof(line), f) && strrchr(line, ')'))
			sscanf(strrchr(line, ')') + 1, " %c %d", &state, &ppid);
		fclose(f);
		if (ppid == parent && state != 'Z' && n < cap)
			out[n++] = atoi(d->d_name);
	}
	closedir(dir);
	return n;
}

static pid_t only_child(pid_t parent)
{
	pid_t pid = 0;

	for (int i = 0; i < 500 && children(parent, &pid, 1) == 0; i++)
		sleep_ms(10);
	CHECK(pid > 0);
	return pid;
}

static bool is_gone(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (kill(pid, 0) && errno == ESRCH)
			return true;
		sleep_ms(10);
	}
	return false;
}

static int text_file(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void add_text(struct namer *namer, uint32_t id, enum module_kind kind, const char *path,
		     const char *text)
{
	int fd = text_file(text);

	namer_add_module(namer, id, kind, path, fd);
	close(fd);
}

static struct name name_at(struct namer *namer, uint32_t module, uint64_t offset)
{
	return namer_resolve(namer, module, &offset, 1)[0];
}

static __attribute__((noinline)) int a_function_here(int x)
{
	static volatile int n = 3;

	for (int i = 0; i < x; i++)
		n = n * n;
	return n;
}

static int find_self(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t *at = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && *at - info->dlpi_addr - ph->p_vaddr < ph->p_filesz) {
			*at += ph->p_offset - info->dlpi_addr - ph->p_vaddr;
			return 1;
		}
	}
	return 0;
}

/* Offset in this program's file. */
static uint64_t offset_of(uintptr_t at)
{
	CHECK(dl_iterate_phdr(find_self, &at) == 1);
	return at;
}

static void add_self(struct namer *namer, uint32_t id)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	namer_add_module(namer, id, MODULE_ELF, "/opt/test program", fd);
	close(fd);
}

#define CHECK_SELF(namer, id)                                                                      \
	CHECK_STR(name_at(namer, id, offset_of((uintptr_t)a_function_here) + 1).text,              \
		  "a_function_here")

static struct build_id build_id_of_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_names *names = elf_names_create(fd, -1);
	struct build_id id = {0};
	const uint8_t *byte;
	size_t size;

	close(fd);
	CHECK(names);
	byte = elf_names_build_id(names, &size);
	memcpy(id.byte, byte, size);
	id.size = size;
	elf_names_destroy(names);
	return id;
}

TEST(a_file_of_another_build_id_has_no_names)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	uint64_t at = offset_of((uintptr_t)a_function_here) + 1;
	struct build_id id = build_id_of_self(), longer = id, other = id;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char plain[64];

	CHECK(namer && fd >= 0 && id.size > 0 && id.size < BUILD_ID_MAX + 1);
	longer.size--;
	other.byte[id.size - 1]++;
	snprintf(plain, sizeof(plain), "[program]+0x%llx", (unsigned long long)at);
	namer_add_module_of(namer, 1, MODULE_ELF, "/opt/program", &id, fd);
	namer_add_module_of(namer, 2, MODULE_ELF, "/opt/program", &longer, fd);
	namer_add_module_of(namer, 3, MODULE_ELF, "/opt/program", &other, fd);
	CHECK_SELF(namer, 1);
	CHECK_EQ(namer_stats(namer).modules_other, 0);
	for (int i = 0; i < 2; i++) {
		struct name name = name_at(namer, 2, at);

		CHECK_STR(name.text, plain);
		CHECK(name.kind == FRAME_UNNAMED);
		CHECK_STR(name_at(namer, 3, at).text, plain);
	}
	CHECK_EQ(namer_stats(namer).modules_other, 2);
	CHECK_EQ(namer_stats(namer).modules_failed, 0);
	/* The right file is found later. */
	namer_add_module_of(namer, 3, MODULE_ELF, "/opt/program", &id, fd);
	CHECK_SELF(namer, 3);
	close(fd);
	namer_destroy(namer);
}

/* What the table maker has of a module: its magic number, or 0 where there is no table. */
static uint32_t table_of(struct chan *ch, uint32_t module)
{
	struct unwind_table head = {0};
	struct chan_msg msg;

	CHECK(!chan_send(ch, TABLE_WANT, &module, sizeof(module), -1));
	CHECK_EQ(chan_wait(ch, 10000, &msg), 1);
	if (msg.fd < 0)
		return 0;
	CHECK_EQ(msg.type, TABLE_MADE);
	CHECK_EQ(pread(msg.fd, &head, sizeof(head), 0), sizeof(head));
	CHECK(head.n_rows > 10);
	close(msg.fd);
	return head.magic;
}

TEST(tables_are_made_by_a_process_of_its_own)
{
	struct build_id id = build_id_of_self();
	struct table_file file = {.module = 3};
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct chan *ch;
	pid_t pid;
	int sock = namer_start_tables(NAMER_LIMIT_MS, &pid);

	CHECK(self >= 0 && sock >= 0);
	ch = chan_create(sock);
	CHECK(!chan_send(ch, TABLE_FILE, &file, sizeof(file), self));
	CHECK_EQ(table_of(ch, 3), UNWIND_TABLE_MAGIC);
	file = (struct table_file){.module = 4, .is_vdso = 1};
	CHECK(!chan_send(ch, TABLE_FILE, &file, sizeof(file), -1));
	CHECK_EQ(table_of(ch, 4), UNWIND_TABLE_MAGIC);
	/* Nobody told of it. */
	CHECK_EQ(table_of(ch, 9), 0);
	/* Its own build-id, and another. */
	file = (struct table_file){.module = 5, .build_id_size = id.size};
	memcpy(file.build_id, id.byte, id.size);
	CHECK(!chan_send(ch, TABLE_FILE, &file, sizeof(file), self));
	CHECK_EQ(table_of(ch, 5), UNWIND_TABLE_MAGIC);
	file.module = 6;
	file.build_id[0] ^= 1;
	CHECK(!chan_send(ch, TABLE_FILE, &file, sizeof(file), self));
	CHECK_EQ(table_of(ch, 6), 0);
	/* No file of ours at all. */
	file = (struct table_file){.module = 7};
	CHECK(!chan_send(ch, TABLE_FILE, &file, sizeof(file), -1));
	CHECK_EQ(table_of(ch, 7), 0);
	chan_destroy(ch);
	close(self);
	namer_join_tables(pid);
	CHECK(is_gone(pid));
}

TEST(each_kind_of_module)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	struct name name;

	CHECK(namer);
	a_function_here(1);
	add_self(namer, 1);
	add_text(namer, 2, MODULE_KERNEL, "[kernel]",
		 "ffffffff81000000 T vfs_read\nffffffff81001000 t _end\n"
		 "ffffffffc0000000 t ext4_sync\t[ext4]\n");
	add_text(namer, 3, MODULE_PERF_MAP, "/tmp/perf-7.map", "1000 10 LazyCompile:~a b\n");
	namer_add_module(namer, 4, MODULE_OTHER, "[heap]", -1);
	namer_add_module(namer, 5, MODULE_ELF, "/usr/lib/libgone.so.1 (deleted)", -1);
	add_text(namer, 6, MODULE_ELF, "/tmp/no\033elf", "#!/bin/sh\n");
	namer_add_module(namer, 7, MODULE_OTHER, "//anon", -1);
	namer_add_module(namer, 8, MODULE_OTHER, "/memfd:jit (deleted)", -1);

	name = name_at(namer, 1, offset_of((uintptr_t)a_function_here) + 1);
	CHECK_STR(name.text, "a_function_here");
	CHECK(name.kind == FRAME_USER && !name.is_start && !*name.module);
	name = name_at(namer, 1, offset_of(getauxval(AT_ENTRY)));
	CHECK_STR(name.text, "_start");
	CHECK(name.kind == FRAME_USER && name.is_start);
	CHECK_STR(name_at(namer, 1, 0x10).text, "[test program]+0x10");
	name = name_at(namer, 2, 0xffffffff81000fff);
	CHECK_STR(name.text, "vfs_read");
	CHECK(name.kind == FRAME_KERNEL && !*name.module);
	name = name_at(namer, 2, 0xffffffffc0000005);
	CHECK_STR(name.text, "ext4_sync");
	CHECK_STR(name.module, "[ext4]");
	name = name_at(namer, 2, 0x1000);
	CHECK_STR(name.text, "[kernel]");
	CHECK(name.kind == FRAME_UNNAMED);
	name = name_at(namer, 3, 0x100f);
	CHECK_STR(name.text, "LazyCompile:~a b");
	CHECK(name.kind == FRAME_JIT);
	CHECK_STR(name_at(namer, 3, 0x1010).text, "[unknown]");
	CHECK_STR(name_at(namer, 4, 0x1010).text, "[heap]");
	CHECK_STR(name_at(namer, 5, 0x1010).text, "[libgone.so.1]+0x1010");
	CHECK_STR(name_at(namer, 6, 0x1010).text, "[no\\x1belf]+0x1010");
	CHECK_STR(name_at(namer, 7, 0x1010).text, "[unknown]");
	CHECK_STR(name_at(namer, 8, 0x1010).text, "memfd:jit+0x1010");
	CHECK_STR(name_at(namer, 99, 0x1010).text, "[unknown]");
	CHECK(!namer_stats(namer).kernel_hidden);
	CHECK_EQ(namer_stats(namer).modules_failed, 0);
	namer_destroy(namer);
}

TEST(names_are_demangled_and_clean)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	uint64_t offset[3000];
	const struct name *name;

	add_text(namer, 0, MODULE_PERF_MAP, "",
		 "1000 10 _ZN3foo3barEv\n2000 10 x\033[2J\xe2\x80\xae\n");
	for (int i = 0; i < 3000; i++)
		offset[i] = i & 1 ? 0x2000 : 0x1000;
	name = namer_resolve(namer, 0, offset, 3000);
	for (int i = 0; i < 3000; i++)
		CHECK_STR(name[i].text, i & 1 ? "x\\x1b[2J\\u{202e}" : "foo::bar()");
	namer_resolve(namer, 0, offset, 0);
	namer_destroy(namer);
}

TEST(hidden_kernel_addresses_are_told)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);

	add_text(namer, 1, MODULE_KERNEL, "", "0000000000000000 T vfs_read\n");
	CHECK_STR(name_at(namer, 1, 0xffffffff81000fff).text, "[kernel]");
	CHECK(namer_stats(namer).kernel_hidden);
	namer_destroy(namer);
}

TEST(modules_come_and_go)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);

	add_text(namer, 3, MODULE_PERF_MAP, "", "1000 10 one\n");
	CHECK_STR(name_at(namer, 3, 0x1000).text, "one");
	add_text(namer, 3, MODULE_PERF_MAP, "", "1000 10 two\n");
	CHECK_STR(name_at(namer, 3, 0x1000).text, "two");
	namer_remove_module(namer, 3);
	CHECK_STR(name_at(namer, 3, 0x1000).text, "[unknown]");
	namer_remove_module(namer, 3);
	namer_remove_module(namer, 1000);
	for (int i = 0; i < 3000; i++) {
		add_text(namer, i % 7, MODULE_PERF_MAP, "", "1000 10 again\n");
		namer_remove_module(namer, i % 5);
	}
	add_text(namer, 3, MODULE_PERF_MAP, "", "1000 10 three\n");
	CHECK_STR(name_at(namer, 3, 0x1000).text, "three");
	CHECK_EQ(namer_stats(namer).modules_no_file, 0);
	namer_destroy(namer);
}

TEST(processes_are_confined)
{
	struct namer *namer;
	pid_t supervisor, pid[2];
	char path[100], line[200];
	int seen = 0;

	if (getuid() == 0)
		CHECK(!setgroups(1, (gid_t[]){1}));
	namer = namer_create(NAMER_LIMIT_MS);
	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	supervisor = only_child(getpid());
	pid[0] = supervisor;
	pid[1] = only_child(supervisor);
	for (int i = 0; i < 2; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/status", pid[i]);
		f = fopen(path, "r");
		CHECK(f);
		while (fgets(line, sizeof(line), f)) {
			seen += !strcmp(line, "NoNewPrivs:\t1\n");
			if (getuid() == 0) {
				seen += !strcmp(line, "Uid:\t65534\t65534\t65534\t65534\n");
				seen += !strcmp(line, "Gid:\t65534\t65534\t65534\t65534\n");
				seen += !strcmp(line, "CapEff:\t0000000000000000\n");
				seen += !strcmp(line, "Groups:\t \n");
			}
		}
		fclose(f);
	}
	CHECK_EQ(seen, getuid() == 0 ? 10 : 2);
	namer_destroy(namer);
}

TEST(a_worker_that_died_is_replaced)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	pid_t supervisor = only_child(getpid()), first;

	add_self(namer, 1);
	for (int i = 0; i < 5; i++) {
		CHECK_SELF(namer, 1);
		first = only_child(supervisor);
		CHECK(!kill(first, i & 1 ? SIGSEGV : SIGKILL));
		CHECK(is_gone(first));
		add_text(namer, 10 + i, MODULE_PERF_MAP, "", "1000 10 later\n");
		CHECK_STR(name_at(namer, 10 + i, 0x1000).text, "later");
		CHECK(only_child(supervisor) != first);
	}
	CHECK_EQ(namer_stats(namer).modules_failed, 0);
	namer_destroy(namer);
}

TEST(a_worker_that_dies_over_its_request_is_given_it_once_more)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	pid_t supervisor = only_child(getpid()), worker, helper;

	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	worker = only_child(supervisor);
	CHECK(!kill(worker, SIGSTOP));
	helper = fork();
	if (!helper) {
		sleep_ms(100);
		kill(worker, SIGSEGV);
		kill(worker, SIGCONT);
		_exit(0);
	}
	CHECK_SELF(namer, 1);
	CHECK_EQ(namer_stats(namer).modules_failed, 0);
	CHECK(waitpid(helper, NULL, 0) == helper);
	/* Its socket is closed a while before it is no process any more. */
	CHECK(is_gone(worker));
	CHECK(only_child(supervisor) != worker);
	namer_destroy(namer);
}

TEST(a_module_that_hangs_is_given_up)
{
	struct namer *namer = namer_create(2000);
	pid_t supervisor = only_child(getpid()), worker;

	add_self(namer, 1);
	add_text(namer, 2, MODULE_PERF_MAP, "", "1000 10 two\n");
	CHECK_SELF(namer, 1);
	worker = only_child(supervisor);
	CHECK(!kill(worker, SIGSTOP));
	CHECK_STR(name_at(namer, 1, 0x2345).text, "[test program]+0x2345");
	CHECK(is_gone(worker));
	CHECK_EQ(namer_stats(namer).modules_failed, 1);
	/* It is not asked for again. */
	CHECK(name_at(namer, 1, offset_of((uintptr_t)a_function_here)).kind == FRAME_UNNAMED);
	CHECK_STR(name_at(namer, 2, 0x1000).text, "two");
	add_self(namer, 3);
	CHECK_SELF(namer, 3);
	CHECK(!namer_stats(namer).is_dead);
	namer_destroy(namer);
}

/* Which takes the worker a second, however long that is on this machine. */
static int long_map(void)
{
	int fd = memfd_create("map", MFD_CLOEXEC);
	static char text[1 << 16];
	size_t n = 0;

	for (unsigned int i = 0; i < 2000000; i++) {
		n += (size_t)sprintf(text + n, "%x 10 function_%u\n", i * 16, i);
		if (n < sizeof(text) - 64 && i + 1 < 2000000)
			continue;
		CHECK(write(fd, text, n) == (ssize_t)n);
		n = 0;
	}
	return fd;
}

/* The helper, which does nothing else, finds the worker before it has read all of its file. */
TEST(a_module_that_kills_every_worker_is_given_up)
{
	struct namer *namer = namer_create(60000);
	pid_t supervisor = only_child(getpid()), helper;
	int fd = long_map();

	add_self(namer, 1);
	namer_add_module(namer, 2, MODULE_PERF_MAP, "/tmp/perf-1.map", fd);
	close(fd);
	helper = fork();
	if (!helper) {
		pid_t pid;

		for (;;)
			if (children(supervisor, &pid, 1))
				kill(pid, SIGKILL);
	}
	CHECK_STR(name_at(namer, 2, 0x1000).text, "[unknown]");
	kill(helper, SIGKILL);
	CHECK(waitpid(helper, NULL, 0) == helper);
	CHECK_EQ(namer_stats(namer).modules_failed, 1);
	CHECK_SELF(namer, 1);
	namer_destroy(namer);
}

TEST(without_the_supervisor_there_are_still_names)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	pid_t supervisor = only_child(getpid()), worker;

	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	worker = only_child(supervisor);
	kill(supervisor, SIGKILL);
	CHECK_STR(name_at(namer, 1, 0x2345).text, "[test program]+0x2345");
	CHECK(namer_stats(namer).is_dead);
	add_self(namer, 2);
	CHECK_STR(name_at(namer, 2, 0x2345).text, "[test program]+0x2345");
	namer_destroy(namer);
	CHECK(is_gone(worker));
}

TEST(ctrl_c_is_not_for_the_namer)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	pid_t supervisor = only_child(getpid());

	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	kill(-supervisor, SIGINT);
	kill(-supervisor, SIGTERM);
	kill(-supervisor, SIGHUP);
	CHECK_SELF(namer, 1);
	CHECK(getpgid(supervisor) == supervisor);
	namer_destroy(namer);
}

TEST(no_process_is_left_behind)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	pid_t supervisor = only_child(getpid()), worker, other;

	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	worker = only_child(supervisor);
	/* Whoever else holds our end of the socket does not keep them. */
	other = fork();
	if (!other) {
		sleep_ms(20000);
		_exit(0);
	}
	namer_destroy(namer);
	kill(other, SIGKILL);
	CHECK(waitpid(other, NULL, 0) == other);
	/* Nor a zombie. */
	CHECK(kill(supervisor, 0) && errno == ESRCH);
	CHECK(kill(worker, 0) && errno == ESRCH);
	namer_destroy(NULL);
}

TEST(no_process_outlives_a_killed_parent)
{
	pid_t parent, pid[2] = {0};
	int out[2];

	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	CHECK(!pipe2(out, O_CLOEXEC));
	parent = fork();
	if (!parent) {
		struct namer *namer = namer_create(NAMER_LIMIT_MS);

		/* Somebody else who holds our end of the socket open. */
		if (!fork()) {
			sleep_ms(20000);
			_exit(0);
		}
		add_self(namer, 1);
		name_at(namer, 1, 0x1000);
		children(getpid(), pid, 1);
		pid[0] = getpgid(pid[0]) == pid[0] ? pid[0] : 0;
		if (pid[0])
			children(pid[0], pid + 1, 1);
		/* It cannot see the end of its socket now. */
		if (pid[1])
			kill(pid[1], SIGSTOP);
		if (write(out[1], pid, sizeof(pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(read(out[0], pid, sizeof(pid)) == sizeof(pid));
	CHECK(pid[0] > 0 && pid[1] > 0);
	CHECK(!kill(parent, SIGKILL));
	CHECK(is_gone(pid[0]));
	CHECK(is_gone(pid[1]));
	close(out[0]);
	close(out[1]);
	for (size_t n; (n = children(getpid(), pid, 2));) {
		kill(pid[0], SIGKILL);
		waitpid(pid[0], NULL, 0);
	}
}

TEST(descriptors_of_main_do_not_stay_open)
{
	int fd[2];
	struct namer *namer;
	char c;

	CHECK(!pipe(fd));
	namer = namer_create(NAMER_LIMIT_MS);
	add_self(namer, 1);
	CHECK_SELF(namer, 1);
	close(fd[1]);
	CHECK_EQ(poll(&(struct pollfd){.fd = fd[0], .events = POLLIN}, 1, 5000), 1);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	close(fd[0]);
	namer_destroy(namer);
}

TEST_MAIN()
