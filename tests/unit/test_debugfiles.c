#include "symbols/debugfiles.h"
#include "tests/test.h"

#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

static __attribute__((noinline)) int a_static_function(int x)
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

/* A folder with this program, stripped, and its debug files, made by a script in it. */
static char folder[64];

static void shell(const char *script)
{
	char command[1200];

	CHECK(snprintf(command, sizeof(command), "set -e; cd %s; %s", folder, script) <
	      (int)sizeof(command));
	CHECK_EQ(system(command), 0);
}

static void make_folder(const char *script)
{
	char copy[100];

	strcpy(folder, "/tmp/flamelapse-debug-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(copy, sizeof(copy), "cp /proc/%d/exe whole", getpid());
	shell(copy);
	shell("objcopy --only-keep-debug whole whole.debug; strip -o bare whole;"
	      "mkdir .debug system");
	shell(script);
}

static void remove_folder(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK_EQ(system(command), 0);
}

static const char *path_in(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* What the function of this program is called in a copy of it, with the help of debug files. */
static const char *name_in(const char *name, const char *debug_folder)
{
	static char text[200];
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	uintptr_t at = (uintptr_t)a_static_function;
	uint64_t offset;
	char debug[300];
	struct identity id;
	int fd = open(path_in(name), O_RDONLY | O_CLOEXEC);

	CHECK(namer && fd >= 0 && dl_iterate_phdr(find_self, &at));
	offset = at + 1;
	snprintf(debug, sizeof(debug), "%s", path_in(debug_folder));
	namer_add_module(namer, 1, MODULE_ELF, path_in(name), fd);
	close(fd);
	namer_identify(namer, 1, &id);
	debugfiles_attach(namer, 1, path_in(name), &id, debug);
	snprintf(text, sizeof(text), "%s", namer_resolve(namer, 1, &offset, 1)->text);
	namer_destroy(namer);
	return *text && strchr(text, '@') ? "unnamed" : text;
}

TEST(by_build_id)
{
	a_static_function(1);
	make_folder("id=$(readelf -n bare | sed -n 's/.*Build ID: //p');"
		    "rest=${id#??}; dir=system/.build-id/${id%$rest}; mkdir -p $dir;"
		    "cp whole.debug $dir/$rest.debug");
	CHECK_STR(name_in("bare", "none"), "unnamed");
	CHECK_STR(name_in("bare", "system"), "a_static_function");
	/* One of another build, under that name: the note has the id in its last bytes. */
	shell(
	    "at=$(readelf -SW whole.debug | sed -n 's/.*build-id *NOTE *[0-9a-f]* *\\([0-9a-f]*\\)"
	    ".*/\\1/p'); printf xxxx | dd of=$(echo system/.build-id/*/*) bs=1 conv=notrunc "
	    "seek=$((0x$at + 20)) 2> dd");
	CHECK_STR(name_in("bare", "system"), "unnamed");
	remove_folder();
}

TEST(by_debuglink)
{
	make_folder("objcopy --remove-section .note.gnu.build-id bare;"
		    "objcopy --add-gnu-debuglink=whole.debug bare");
	CHECK_STR(name_in("bare", "none"), "a_static_function");
	shell("mv whole.debug .debug");
	CHECK_STR(name_in("bare", "none"), "a_static_function");
	shell("mkdir -p system$PWD; mv .debug/whole.debug system$PWD");
	CHECK_STR(name_in("bare", "none"), "unnamed");
	CHECK_STR(name_in("bare", "system"), "a_static_function");
	/* Another file of that name: its checksum is wrong. */
	shell("echo >> system$PWD/whole.debug");
	CHECK_STR(name_in("bare", "system"), "unnamed");
	remove_folder();
}

TEST(a_link_to_a_file_of_another_build)
{
	make_folder("objcopy --add-gnu-debuglink=whole.debug bare;"
		    "objcopy --remove-section .note.gnu.build-id whole.debug");
	CHECK_STR(name_in("bare", "none"), "unnamed");
	remove_folder();
}

TEST(a_link_leads_to_no_other_folder)
{
	struct identity id;
	int fd;

	make_folder("mkdir sub; mv bare sub; cp whole.debug up.debug;"
		    "(printf '../up.debug\\0\\0'; printf 'crc!') > link;"
		    "objcopy --add-section .gnu_debuglink=link sub/bare");
	fd = open(path_in("sub/bare"), O_RDONLY | O_CLOEXEC);
	identity_read(fd, &id);
	close(fd);
	CHECK(id.build_id_size == 20);
	CHECK_STR(id.link, "");
	remove_folder();
}

TEST(only_regular_files_are_opened)
{
	int fd;

	make_folder("mkfifo fifo; ln -s whole good; ln -s /dev/null null");
	CHECK_EQ(debugfiles_open(path_in("fifo")), -1);
	CHECK_EQ(debugfiles_open(path_in("null")), -1);
	CHECK_EQ(debugfiles_open(path_in("system")), -1);
	CHECK_EQ(debugfiles_open(path_in("none")), -1);
	fd = debugfiles_open(path_in("good"));
	CHECK(fd >= 0);
	close(fd);
	remove_folder();
}

/* The workers to come have it too. */
TEST(a_debug_file_outlives_its_worker)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	uintptr_t at = (uintptr_t)a_static_function;
	uint64_t offset;
	struct identity id;
	char kill_worker[200];
	int fd;

	make_folder("objcopy --remove-section .note.gnu.build-id bare;"
		    "objcopy --add-gnu-debuglink=whole.debug bare");
	CHECK(dl_iterate_phdr(find_self, &at));
	offset = at + 1;
	fd = open(path_in("bare"), O_RDONLY | O_CLOEXEC);
	namer_add_module(namer, 1, MODULE_ELF, path_in("bare"), fd);
	close(fd);
	namer_identify(namer, 1, &id);
	CHECK(debugfiles_attach(namer, 1, path_in("bare"), &id, NULL));
	snprintf(kill_worker, sizeof(kill_worker), "kill -9 $(pgrep -P $(pgrep -nP %d -x %s))",
		 getpid(), "test_debugfiles");
	CHECK_EQ(system(kill_worker), 0);
	CHECK_STR(namer_resolve(namer, 1, &offset, 1)->text, "a_static_function");
	namer_destroy(namer);
	remove_folder();
}

/* libc6-dbg, where it is installed. */
TEST(the_c_library)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	const char *path = "/lib/x86_64-linux-gnu/libc.so.6";
	int fd = open(path, O_RDONLY | O_CLOEXEC), found = 0;
	struct identity id;

	if (fd < 0)
		return;
	namer_add_module(namer, 1, MODULE_ELF, path, fd);
	close(fd);
	namer_identify(namer, 1, &id);
	fd = debugfiles_open_build_id(DEBUGFILES_FOLDER, id.build_id, id.build_id_size, ".debug");
	close(fd);
	for (uint64_t offset = 0x20000; fd >= 0 && offset < 0x40000 && !found; offset += 16) {
		if (offset == 0x20000)
			CHECK(debugfiles_attach(namer, 1, path, &id, NULL));
		found =
		    !strcmp(namer_resolve(namer, 1, &offset, 1)->text, "__libc_start_call_main");
	}
	CHECK(found || fd < 0);
	namer_destroy(namer);
}

TEST_MAIN()
