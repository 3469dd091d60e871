#include "capture/wire.h"
#include "cli/assemble.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include "base/strbuf.h"

static volatile long sum;

static inline __attribute__((always_inline)) void inlined_here(long x)
{
	for (long i = 0; i < x; i++)
		sum = sum + i * x;
}

static __attribute__((noinline)) void a_static_function(long x)
{
	inlined_here(x);
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

static struct dict dict;
static struct namer *namer;
static struct assemble *a;
static struct snapshot snapshot;

static void start(bool inlines)
{
	static const struct startpoints none;

	dict_init(&dict);
	namer = namer_create(NAMER_LIMIT_MS);
	CHECK(namer);
	namer_set_detail(namer, inlines, false);
	a = assemble_create(&dict, namer, &none, -1, NULL);
}

static void stop(void)
{
	assemble_destroy(a);
	namer_destroy(namer);
	dict_deinit(&dict);
	snapshot_deinit(&snapshot);
	snapshot = (struct snapshot){0};
}

static int tell(uint32_t type, const void *head, size_t size, const void *tail, size_t tail_size,
		int fd)
{
	struct strbuf sb = {0};
	struct chan_msg msg = {.type = type, .fd = fd};
	int err;

	strbuf_add(&sb, head, size);
	strbuf_add(&sb, tail, tail_size);
	msg.data = sb.data;
	msg.size = sb.len;
	err = assemble_message(a, &msg, &snapshot);
	strbuf_deinit(&sb);
	return err;
}

static void tell_process(void)
{
	struct wire_process p = {.id = 1, .pid = 7, .comm = "p"};

	CHECK_EQ(tell(WIRE_PROCESS, &p, sizeof(p), "", 0, -1), 0);
}

/* This program as module 1; with build_id: as the kernel tells it. */
static void tell_module(const uint8_t *build_id, size_t size)
{
	struct wire_module m = {.id = 1, .kind = WIRE_MODULE_FILE, .build_id_size = (uint8_t)size};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	if (size)
		memcpy(m.build_id, build_id, size);
	CHECK_EQ(tell(WIRE_MODULE, &m, sizeof(m), "/opt/program", 12, fd), 0);
}

/* The frames of the only stack, outermost first, with spaces between them. */
static const char *stack_at(uint64_t offset)
{
	static char text[500];
	struct wire_stack s = {.process = 1, .n_user = 1, .count = 5, .end = UNWIND_COMPLETE};
	struct wire_frame f = {.module = 1, .offset = offset};
	struct wire_snapshot w = {.info.account = {.expected = 5, .taken = 5}, .n_stacks = 1};

	CHECK_EQ(tell(WIRE_STACKS, &s, sizeof(s), &f, sizeof(f), -1), 0);
	CHECK_EQ(tell(WIRE_SNAPSHOT, &w, sizeof(w), "", 0, -1), 1);
	CHECK_EQ(snapshot.n_entries, 1);
	CHECK_EQ(snapshot.entry[0].count, 5);
	*text = '\0';
	for (uint32_t node = snapshot.entry[0].node; node; node = dict.node[node].parent) {
		char below[500];

		strcpy(below, text);
		snprintf(text, sizeof(text), "%s%s%s",
			 dict_frame_name(&dict, dict.node[node].frame), *below ? " " : "", below);
	}
	return text;
}

/* A place in the function whose stack, with inlined frames, is the text; 0: there is none. */
static uint64_t find_stack(const char *text)
{
	uintptr_t at = (uintptr_t)a_static_function;

	CHECK(dl_iterate_phdr(find_self, &at) == 1);
	for (uint64_t i = 0; i < 512; i++)
		if (!strcmp(stack_at(at + i), text))
			return at + i;
	return 0;
}

TEST(a_place_may_be_several_frames)
{
	uint32_t frame;
	uint64_t at;

	a_static_function(3);
	start(true);
	tell_process();
	tell_module(NULL, 0);
	at = find_stack("a_static_function inlined_here");
	CHECK(at);
	stack_at(at);
	frame = dict.node[snapshot.entry[0].node].frame;
	CHECK_EQ(dict.frame[frame].kind, FRAME_INLINED);
	/* The recording learns the build-id from the file, where the kernel did not tell. */
	CHECK_EQ(dict.module[dict.frame[frame].module].build_id_size, 20);
	stop();
	start(false);
	tell_process();
	tell_module(NULL, 0);
	CHECK_STR(stack_at(at), "a_static_function");
	stop();
}

TEST(a_file_of_another_build_has_no_say)
{
	uint8_t other[BUILD_ID_MAX] = {1, 2, 3}, own[BUILD_ID_MAX];
	uint64_t at;

	start(false);
	tell_process();
	tell_module(NULL, 0);
	at = find_stack("a_static_function");
	CHECK(at);
	memcpy(own, dict.module[1].build_id, sizeof(own));
	stop();
	start(false);
	tell_process();
	tell_module(own, sizeof(own));
	CHECK_STR(stack_at(at), "a_static_function");
	stop();
	start(false);
	tell_process();
	tell_module(other, sizeof(other));
	CHECK(!strncmp(stack_at(at), "[program]+0x", 12));
	CHECK(!memcmp(dict.module[1].build_id, other, sizeof(other)));
	stop();
}

static void tell_kernel_name(struct strbuf *sb, uint64_t address, const char *name)
{
	struct wire_kernel_name w = {.address = address, .size = strlen(name)};

	strbuf_add(sb, &w, sizeof(w));
	strbuf_adds(sb, name);
}

TEST(the_kernel_may_name_its_own_code)
{
	struct wire_stack s = {.process = 1, .n_kernel = 4, .count = 5, .flags = 1};
	uint64_t address[] = {0x1000, 0x2001, 0x3001, 0x4000};
	struct wire_snapshot w = {.info.account = {.expected = 5, .taken = 5}, .n_stacks = 1};
	static const char *const want[] = {"inner", "in\\x0a a_module", "[kernel]", "[kernel]"};
	struct strbuf sb = {0};
	uint32_t node;

	start(false);
	tell_process();
	CHECK(!assemble_names_kernel(a));
	tell_kernel_name(&sb, 0x1000, "inner");
	tell_kernel_name(&sb, 0x2000, "in\n [a_module]");
	tell_kernel_name(&sb, 0x3000, "0x3000");
	/* Where it returned to is another function. */
	tell_kernel_name(&sb, 0x4000, "behind");
	CHECK_EQ(tell(WIRE_KERNEL_NAMES, sb.data, sb.len, "", 0, -1), 0);
	CHECK_EQ(tell(WIRE_KERNEL_NAMES, sb.data, sb.len - 1, "", 0, -1), -EPROTO);
	strbuf_deinit(&sb);
	CHECK(assemble_names_kernel(a));
	CHECK_EQ(tell(WIRE_STACKS, &s, sizeof(s), address, sizeof(address), -1), 0);
	CHECK_EQ(tell(WIRE_SNAPSHOT, &w, sizeof(w), "", 0, -1), 1);
	CHECK_EQ(snapshot.n_entries, 1);
	node = snapshot.entry[0].node;
	for (size_t i = 0; i < 4; i++, node = dict.node[node].parent) {
		const struct frame *f = &dict.frame[dict.node[node].frame];

		CHECK_EQ(f->kind, i < 2 ? FRAME_KERNEL : FRAME_UNNAMED);
		if (i != 1)
			CHECK_STR(dict_text(&dict, f->name), want[i]);
		else
			CHECK_STR(dict_text(&dict, dict.module[f->module].path), "[a_module]");
	}
	stop();
}

TEST_MAIN()
