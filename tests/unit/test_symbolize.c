#include "cli/symbolize.h"
#include "store/reader.h"
#include "store/writer.h"
#include "symbols/debugfiles.h"
#include "tests/test.h"

#include <fcntl.h>
#include <link.h>
#include <unistd.h>

static __attribute__((noinline)) int a_static_function(int x)
{
	static volatile int n = 3;

	for (int i = 0; i < x; i++)
		n = n * n;
	return n;
}

static __attribute__((noinline)) int another_function(int x)
{
	return a_static_function(x) + 1;
}

static int find_self(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t *at = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && at[0] - info->dlpi_addr - ph->p_vaddr < ph->p_filesz) {
			at[0] -= info->dlpi_addr;
			at[1] = at[0] - ph->p_vaddr + ph->p_offset;
			return 1;
		}
	}
	return 0;
}

struct where {
	uint64_t vaddr, offset;
};

static struct where where_is(const void *p)
{
	uintptr_t at[2] = {(uintptr_t)p, 0};

	CHECK(dl_iterate_phdr(find_self, at) == 1);
	return (struct where){at[0], at[1]};
}

static char folder[64];

static void shell(const char *script)
{
	char command[1200];

	CHECK(snprintf(command, sizeof(command), "set -e; cd %s; %s", folder, script) <
	      (int)sizeof(command));
	CHECK_EQ(system(command), 0);
}

static void make_folder(void)
{
	char copy[100];

	strcpy(folder, "/tmp/flamelapse-names-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(copy, sizeof(copy), "cp /proc/%d/exe whole; strip -o bare whole", getpid());
	shell(copy);
}

static void remove_folder(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK_EQ(system(command), 0);
}

static const char *path_in(const char *name)
{
	static char path[4][300];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

static struct identity identity_of(const char *path)
{
	struct identity id;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	identity_read(fd, &id);
	close(fd);
	CHECK(id.build_id_size == 20);
	return id;
}

static uint32_t string(struct dict *d, const char *s)
{
	return dict_string(d, s, strlen(s));
}

/* Two stacks that differ in unnamed functions alone, and one that has a name already. */
static void write_recording(const char *path, const char *module_path, const struct identity *id,
			    const char *first, const char *second)
{
	struct recording rec;
	struct snapshot s = {.info = {.t0_ns = 1000000000, .t1_ns = 2000000000}};
	struct store_writer *w;
	uint32_t module, top, node[3];

	recording_init(&rec);
	module =
	    dict_module(&rec.dict, string(&rec.dict, module_path), id->build_id, id->build_id_size);
	top = dict_node(&rec.dict, 0,
			dict_frame(&rec.dict, string(&rec.dict, "main"), module, FRAME_USER));
	node[0] = dict_node(&rec.dict, top,
			    dict_frame(&rec.dict, string(&rec.dict, first), module, FRAME_UNNAMED));
	node[1] =
	    dict_node(&rec.dict, top,
		      dict_frame(&rec.dict, string(&rec.dict, second), module, FRAME_UNNAMED));
	node[2] = dict_node(&rec.dict, top,
			    dict_frame(&rec.dict, string(&rec.dict, "a_static_function"), module,
				       FRAME_USER));
	dict_process(&rec.dict, &(struct process){.pid = 7,
						  .comm = string(&rec.dict, "p"),
						  .cgroup = string(&rec.dict, "/slice"),
						  .tid = 8,
						  .thread = string(&rec.dict, "t")});
	CHECK_EQ(store_create(path, &rec.meta, &w), 0);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 3; k++)
			snapshot_add(&s, 1, node[k], 10 + k);
		s.info.account = (struct account){.expected = 33, .taken = 33, .complete = 33};
		snapshot_sort(&s);
		CHECK_EQ(store_append(w, &rec.dict, &s), 0);
		s.n_entries = 0;
		s.info.t0_ns += 1000000000;
		s.info.t1_ns += 1000000000;
	}
	CHECK_EQ(store_finish(w, &rec.meta), 0);
	snapshot_deinit(&s);
	recording_deinit(&rec);
}

static struct symbolize_counts run(const char *debug_folder)
{
	struct symbolize_from from = {.debug_folder = debug_folder};
	struct symbolize_counts counts;
	struct namer *namer = namer_create(NAMER_LIMIT_MS);
	struct recording rec;

	CHECK_EQ(store_open(path_in("x.flame"), &rec), 0);
	CHECK_EQ(symbolize(&rec, path_in("y.flame"), namer, &from, &counts), 0);
	recording_deinit(&rec);
	namer_destroy(namer);
	return counts;
}

/* Counts of the last snapshot of what run() wrote, by the name of the innermost function. */
static uint64_t count_of(const char *name)
{
	struct recording rec;
	struct snapshot s = {0};
	uint64_t n = 0;

	CHECK_EQ(store_open(path_in("y.flame"), &rec), 0);
	CHECK_EQ(rec.n_snapshots, 2);
	CHECK_EQ(recording_load(&rec, 1, &s), 0);
	CHECK_EQ(s.info.t0_ns, 2000000000);
	CHECK_EQ(s.info.account.taken, 33);
	CHECK_EQ(rec.dict.process[1].pid, 7);
	CHECK_EQ(rec.dict.process[1].tid, 8);
	CHECK_STR(dict_text(&rec.dict, rec.dict.process[1].cgroup), "/slice");
	CHECK_STR(dict_text(&rec.dict, rec.dict.process[1].thread), "t");
	for (size_t i = 0; i < s.n_entries; i++)
		if (!strcmp(dict_frame_name(&rec.dict, rec.dict.node[s.entry[i].node].frame), name))
			n += s.entry[i].count;
	snapshot_deinit(&s);
	recording_deinit(&rec);
	return n;
}

TEST(by_the_recorded_path)
{
	struct where a, b;
	struct symbolize_counts counts;
	struct identity id;
	char first[64], second[64];

	another_function(1);
	make_folder();
	a = where_is((void *)a_static_function);
	b = where_is((void *)another_function);
	id = identity_of(path_in("whole"));
	snprintf(first, sizeof(first), "whole@0x%llx", (unsigned long long)a.vaddr);
	snprintf(second, sizeof(second), "[whole]+0x%llx", (unsigned long long)b.offset + 1);
	write_recording(path_in("x.flame"), path_in("whole"), &id, first, second);
	counts = run(NULL);
	CHECK_EQ(counts.unnamed, 2);
	CHECK_EQ(counts.named, 2);
	CHECK_EQ(counts.found, 1);
	/* What has the same name now is one. */
	CHECK_EQ(count_of("a_static_function"), 22);
	CHECK_EQ(count_of("another_function"), 11);
	CHECK_EQ(count_of(first), 0);

	/* A file of another build stands there now. */
	shell("printf 'xxxx' | dd of=whole bs=1 conv=notrunc 2> dd seek=$((0x$(readelf -SW whole |"
	      " sed -n 's/.*build-id *NOTE *[0-9a-f]* *\\([0-9a-f]*\\).*/\\1/p') + 20))");
	counts = run(NULL);
	CHECK_EQ(counts.named, 0);
	CHECK_EQ(counts.found, 0);
	CHECK_EQ(count_of("a_static_function"), 12);
	CHECK_EQ(count_of(first), 10);
	remove_folder();
}

TEST(by_build_id_elsewhere)
{
	struct where a, b;
	struct symbolize_counts counts;
	struct identity id;
	char first[64], second[64];

	make_folder();
	a = where_is((void *)a_static_function);
	b = where_is((void *)another_function);
	id = identity_of(path_in("whole"));
	shell("id=$(readelf -n whole | sed -n 's/.*Build ID: //p'); rest=${id#??};"
	      "dir=system/.build-id/${id%$rest}; mkdir -p $dir;"
	      "objcopy --only-keep-debug whole $dir/$rest.debug");
	snprintf(first, sizeof(first), "gone@0x%llx", (unsigned long long)a.vaddr);
	snprintf(second, sizeof(second), "gone+0x%llx", (unsigned long long)b.vaddr + 1);
	write_recording(path_in("x.flame"), "/no such/gone", &id, first, second);
	counts = run(NULL);
	CHECK_EQ(counts.found, 0);
	CHECK_EQ(count_of(second), 11);
	counts = run(path_in("system"));
	CHECK_EQ(counts.named, 2);
	CHECK_EQ(count_of("a_static_function"), 22);
	CHECK_EQ(count_of("another_function"), 11);

	/* A debug file has no code: offsets in the file mean nothing in it. */
	snprintf(second, sizeof(second), "[gone]+0x%llx", (unsigned long long)b.offset + 1);
	write_recording(path_in("x.flame"), "/no such/gone", &id, first, second);
	counts = run(path_in("system"));
	CHECK_EQ(counts.named, 1);
	CHECK_EQ(count_of(second), 11);
	remove_folder();
}

TEST(a_stripped_file_and_its_debug_file)
{
	struct where a;
	struct symbolize_counts counts;
	struct identity id;
	char first[64];

	make_folder();
	a = where_is((void *)a_static_function);
	id = identity_of(path_in("bare"));
	snprintf(first, sizeof(first), "bare@0x%llx", (unsigned long long)a.vaddr);
	write_recording(path_in("x.flame"), path_in("bare"), &id, first, "bare@0x3");
	counts = run(NULL);
	CHECK_EQ(counts.found, 1);
	CHECK_EQ(counts.named, 0);
	shell("id=$(readelf -n whole | sed -n 's/.*Build ID: //p'); rest=${id#??};"
	      "dir=system/.build-id/${id%$rest}; mkdir -p $dir;"
	      "objcopy --only-keep-debug whole $dir/$rest.debug");
	counts = run(path_in("system"));
	CHECK_EQ(counts.named, 1);
	CHECK_EQ(count_of("a_static_function"), 22);
	CHECK_EQ(count_of("bare@0x3"), 11);
	remove_folder();
}

TEST(names_of_other_forms_stay)
{
	struct identity id, none = {0};
	struct symbolize_counts counts;

	make_folder();
	id = identity_of(path_in("whole"));
	write_recording(path_in("x.flame"), path_in("whole"), &id, "[unknown]", "whole@0x12g");
	counts = run(NULL);
	CHECK_EQ(counts.unnamed, 0);
	CHECK_EQ(count_of("whole@0x12g"), 11);
	write_recording(path_in("x.flame"), path_in("whole"), &none, "whole@0x1234", "+0x1");
	counts = run(NULL);
	CHECK_EQ(counts.unnamed, 1);
	CHECK_EQ(counts.no_build_id, 1);
	CHECK_EQ(counts.found, 0);
	remove_folder();
}

TEST_MAIN()
