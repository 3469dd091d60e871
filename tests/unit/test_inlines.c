#include "symbols/inlines.h"
#include "symbols/namer.h"
#include "tests/test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Programs with chains of inlined functions, and what addr2line says of each address. */

static const char c_source[] =
    "static volatile long n;\n"
    "#define INLINE static inline __attribute__((always_inline))\n"
    "INLINE void inner(long x)\n"
    "{\n"
    "	for (long i = 0; i < x; i++)\n"
    "		n += i * i;\n"
    "}\n"
    "INLINE void middle(long x)\n"
    "{\n"
    "	inner(x);\n"
    "	n++;\n"
    "	if (x > 3) {\n"
    "		long y = x * n;\n"
    "		inner(y + 1);\n"
    "	}\n"
    "}\n"
    "__attribute__((noinline)) void outer(long x)\n"
    "{\n"
    "	middle(x);\n"
    "	n ^= 3;\n"
    "	{ long k = n; middle(k); }\n"
    "}\n"
    "static __attribute__((noinline)) int plain(int a) { return a * (int)n; }\n"
    "int main(void)\n"
    "{\n"
    "	inner(4);\n"
    "	outer(1000);\n"
    "	return plain(2);\n"
    "}\n";

static const char cc_source[] =
    "#include <algorithm>\n#include <vector>\n#include <string>\n"
    "namespace one { namespace {\n"
    "template <class T> struct Box {\n"
    "	std::vector<T> v;\n"
    "	inline __attribute__((always_inline)) void add(T t) { v.push_back(t); }\n"
    "	__attribute__((noinline)) long sum() const\n"
    "	{ long s = 0; for (auto &x : v) s += long(x); return s; }\n"
    "};\n"
    "} }\n"
    "int main(int argc, char **)\n"
    "{\n"
    "	one::Box<int> b;\n"
    "	for (int i = 0; i < argc * 9; i++)\n"
    "		b.add(i ^ 3);\n"
    "	std::sort(b.v.begin(), b.v.end(), [](int x, int y) { return x % 7 < y % 7; });\n"
    "	std::string s(argc, 'x');\n"
    "	return int(b.sum()) + int(s.size());\n"
    "}\n";

static char folder[64];

static void shell(const char *fmt, const char *arg)
{
	char script[600], command[800];

	snprintf(script, sizeof(script), fmt, arg);
	CHECK(snprintf(command, sizeof(command), "set -e; cd %s; %s", folder, script) <
	      (int)sizeof(command));
	CHECK_EQ(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

static bool make_program(const char *compile)
{
	char command[300];

	strcpy(folder, "/tmp/flamelapse-inlines-XXXXXX");
	CHECK(mkdtemp(folder));
	write_file("a.c", c_source);
	write_file("a.cc", cc_source);
	snprintf(command, sizeof(command), "cd %s; %s -o a > log 2>&1", folder, compile);
	return system(command) == 0;
}

static void remove_folder(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK_EQ(system(command), 0);
}

static struct inlines *open_program(const char *name)
{
	char path[200];
	struct inlines *in;
	static int fd = -1;

	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	in = inlines_create(fd, -1);
	return in;
}

/* addr2line says no more than "sum" of what is one::Box<int>::sum, and has no linkage. */
static const char *last_part(const char *name)
{
	const char *last = name;
	int depth = 0;

	for (const char *p = name; *p; p++) {
		depth += (*p == '<' || *p == '(') - (*p == '>' || *p == ')');
		if (!depth && p[0] == ':' && p[1] == ':')
			last = p + 2;
	}
	return last;
}

/* "inner a.c:5 middle a.c:10 …", innermost first, as the script makes it of addr2line's words. */
static void describe(struct inlines *in, uint64_t vaddr, char *text, size_t size)
{
	struct inlined chain[INLINES_MAX];
	size_t n, at = 0;

	inlines_begin(in);
	n = inlines_find(in, vaddr, chain);
	*text = '\0';
	while (n-- && at < size)
		at += snprintf(text + at, size - at, "%s%s %s:%u", at ? " " : "",
			       chain[n].name ? last_part(chain[n].name) : "??",
			       chain[n].file ? chain[n].file : "??", chain[n].line);
}

/* Every instruction of the program's own functions. Returns at how many there are chains. */
static size_t compare(struct inlines *in, const char *addr2line)
{
	char path[200], line[16384], ours[16384];
	size_t n = 0, chains = 0;
	FILE *f;

	/* Not padding, which belongs to no function; names without what the symbols have more. */
	shell("objdump -d --no-show-raw-insn -j .text a | grep -v 'nop\\|xchg *%%ax,%%ax' | sed -n "
	      "'s/^ *\\([0-9a-f]*\\):.*/0x\\1/p' > at;"
	      "%s -afi -e a < at | awk '/^0x/ { if (t) print t; t = $1; f = \"\"; next }"
	      " f == \"\" { f = $0; next } { sub(/ .*/, \"\"); sub(/.*\\//, \"\");"
	      " t = t \" \" f \" \" $0; f = \"\" } END { print t }' |"
	      " grep -v '[?:][?]\\|:0 \\|:0$\\|_GLOBAL__N\\|UliiE' |"
	      " sed 's/\\.\\(cold\\|constprop\\.0\\)//g' > expected",
	      addr2line);
	snprintf(path, sizeof(path), "%s/expected", folder);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		char *words;
		uint64_t vaddr = strtoull(line, &words, 16);

		line[strcspn(line, "\n")] = '\0';
		describe(in, vaddr, ours, sizeof(ours));
		if (strcmp(ours, words + 1))
			printf("# at %llx\n", (unsigned long long)vaddr);
		CHECK_STR(ours, words + 1);
		n++;
		chains += strchr(strchr(ours, ' ') + 1, ' ') != NULL;
	}
	fclose(f);
	CHECK(n > 50);
	return chains;
}

static void check_program(const char *compile, const char *addr2line)
{
	struct inlines *in;

	if (!make_program(compile)) {
		printf("# not here: %s\n", compile);
		remove_folder();
		return;
	}
	in = open_program("a");
	CHECK(in);
	CHECK(compare(in, addr2line) > 20);
	CHECK(!inlines_are_cut(in));
	CHECK(inlines_bytes(in) > 100);
	inlines_destroy(in);
	remove_folder();
}

TEST(gcc)
{
	check_program("gcc -O2 -g a.c", "addr2line");
	check_program("gcc -O3 -g -gdwarf-4 a.c", "addr2line");
	check_program("gcc -O2 -g -gz a.c", "addr2line");
}

TEST(clang)
{
	/* addr2line of binutils 2.40 misreads its ranges. */
	check_program("clang -O2 -g a.c", "llvm-addr2line");
	check_program("clang -O2 -g -gdwarf-4 a.c", "addr2line");
}

TEST(cplusplus)
{
	check_program("g++ -O2 -g a.cc", "llvm-addr2line");
	check_program("clang++ -O1 -g a.cc", "llvm-addr2line");
}

/* Lambdas and what is in anonymous namespaces have no linkage name. */
TEST(names_without_linkage_have_their_scopes)
{
	struct inlined chain[INLINES_MAX];
	struct inlines *in;
	size_t anonymous = 0, lambdas = 0;

	if (!make_program("g++ -O2 -g -no-pie a.cc")) {
		remove_folder();
		return;
	}
	in = open_program("a");
	CHECK(in);
	for (uint64_t vaddr = 0x401000; vaddr < 0x404000; vaddr++) {
		size_t n = inlines_find(in, vaddr, chain);

		inlines_begin(in);
		for (size_t i = 0; i < n; i++) {
			const char *name = chain[i].name ? chain[i].name : "";

			anonymous += !strcmp(name, "one::(anonymous namespace)::Box<int>::add");
			lambdas += !strncmp(name, "main::", 6) && strstr(name, "operator()");
		}
	}
	CHECK(anonymous > 0);
	CHECK(lambdas > 0);
	inlines_destroy(in);
	remove_folder();
}

/* The whole way: through the namer's worker, with a debug file, demangled. */
TEST(names_of_the_namer)
{
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	char path[200], text[2000] = "";
	const struct name *name;
	uint64_t offset;
	FILE *f;
	int fd;

	CHECK(make_program("gcc -O2 -g -no-pie a.c"));
	/* The one place where n is counted up, in middle(). */
	shell(
	    "addr2line -f -e a $(objdump -d -j .text a | sed -n 's/^ *\\([0-9a-f]*\\):.*/0x\\1/p')"
	    " > all; objdump -d -j .text --disassemble=outer a | "
	    "sed -n 's/^ *\\([0-9a-f]*\\):.*/0x\\1/p' | while read at; do"
	    " case $(addr2line -fi -e a $at | tr '\\n' ' ') in %s) echo $at; break; esac; done"
	    " > at; objcopy --only-keep-debug a a.debug; strip a",
	    "'inner '*'middle '*'outer '*");
	snprintf(path, sizeof(path), "%s/at", folder);
	f = fopen(path, "r");
	CHECK(f && fgets(text, sizeof(text), f));
	fclose(f);
	offset = strtoull(text, NULL, 16) - 0x400000;
	snprintf(path, sizeof(path), "%s/a", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	namer_add_module(namer, 1, MODULE_ELF, path, fd);
	close(fd);
	strcat(path, ".debug");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(namer_add_debug(namer, 1, fd));
	close(fd);

	name = namer_resolve(namer, 1, &offset, 1);
	CHECK_STR(name->text, "outer");
	CHECK_EQ(name->n_inlined, 0);
	namer_set_detail(namer, true, false);
	name = namer_resolve(namer, 1, &offset, 1);
	CHECK_STR(name->text, "outer");
	CHECK_EQ(name->n_inlined, 2);
	CHECK_STR(name->inlined[0].text, "middle");
	CHECK_STR(name->inlined[1].text, "inner");
	CHECK(name->inlined[1].kind == FRAME_INLINED);
	namer_set_detail(namer, false, true);
	name = namer_resolve(namer, 1, &offset, 1);
	CHECK(!strncmp(name->text, "outer (a.c:", 11));
	CHECK_EQ(name->n_inlined, 0);
	namer_set_detail(namer, true, true);
	name = namer_resolve(namer, 1, &offset, 1);
	CHECK(!strncmp(name->text, "outer (a.c:", 11));
	CHECK(!strncmp(name->inlined[0].text, "middle (a.c:", 12));
	CHECK(!strncmp(name->inlined[1].text, "inner (a.c:", 11));
	CHECK_EQ(namer_stats(namer).modules_cut, 0);
	namer_destroy(namer);
	remove_folder();
}

TEST(without_dwarf)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	CHECK(write(fd, "no ELF", 6) == 6);
	CHECK(!inlines_create(fd, -1));
	CHECK(!inlines_create(-1, -1));
	close(fd);
	CHECK(make_program("gcc -O2 a.c"));
	CHECK(!open_program("a"));
	remove_folder();
}

/* Bytes of DWARF, each set to a few values. */
TEST(damaged)
{
	static uint8_t image[262144];
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct inlined chain[INLINES_MAX];
	char path[200];
	ssize_t size;
	int fd, copy = memfd_create("copy", MFD_CLOEXEC);

	CHECK(make_program("gcc -O2 -g -shared -fPIC -nostdlib a.c"));
	snprintf(path, sizeof(path), "%s/a", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = read(fd, image, sizeof(image));
	close(fd);
	CHECK(size > 1000 && write(copy, image, size) == size);
	for (ssize_t at = 0x40; at < size; at += 7) {
		uint8_t value = values[at % sizeof(values)];
		struct inlines *in;

		CHECK(pwrite(copy, &value, 1, at) == 1);
		in = inlines_create(copy, -1);
		for (uint64_t vaddr = 0; in && vaddr < 0x2000; vaddr += 0x55)
			inlines_find(in, vaddr, chain);
		inlines_destroy(in);
		CHECK(pwrite(copy, image + at, 1, at) == 1);
	}
	close(copy);
	remove_folder();
}

TEST_MAIN()
