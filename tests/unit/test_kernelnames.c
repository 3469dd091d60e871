#include "symbols/kernelnames.h"
#include "tests/test.h"

static struct kernelnames kn;

static void add(uint64_t address, const char *text)
{
	kernelnames_add(&kn, address, text, strlen(text));
}

/* "NAME" or "NAME MODULE"; "" where there is none. */
static const char *at(uint64_t address)
{
	static char text[300];
	struct kallsyms_place p;

	if (!kernelnames_find(&kn, address, &p))
		return "";
	CHECK_EQ(p.start, address);
	CHECK_EQ(p.name_len, strlen(p.name));
	snprintf(text, sizeof(text), "%s%s%s", p.name, *p.module ? " " : "", p.module);
	return text;
}

TEST(names_by_their_very_address)
{
	add(100, "vfs_read");
	add(101, "ext4_map_blocks [ext4]");
	CHECK_STR(at(100), "vfs_read");
	CHECK_STR(at(101), "ext4_map_blocks [ext4]");
	CHECK_STR(at(102), "");
	add(100, "another");
	CHECK_STR(at(100), "vfs_read");
	kernelnames_deinit(&kn);
	CHECK_STR(at(100), "");
}

TEST(programs_stand_in_bpf_as_in_kallsyms)
{
	add(1, "bpf_prog_6deef7357e7b4530_sd_fw_ingress");
	add(2, "bpf_prog_6deef7357e7b4530");
	add(3, "bpf_prog_run");
	add(4, "bpf_prog_6deef7357e7b45300_x");
	CHECK_STR(at(1), "bpf_prog_6deef7357e7b4530_sd_fw_ingress [bpf]");
	CHECK_STR(at(2), "bpf_prog_6deef7357e7b4530 [bpf]");
	CHECK_STR(at(3), "bpf_prog_run");
	CHECK_STR(at(4), "bpf_prog_6deef7357e7b45300_x");
	kernelnames_deinit(&kn);
}

TEST(no_name_is_none)
{
	add(1, "0xffffffff81234567");
	add(2, "");
	add(3, " [x]");
	add(4, "]");
	kernelnames_add(&kn, 5, "a\0b [c]", 7);
	kernelnames_add(&kn, 6, "abcdef", 3);
	CHECK_STR(at(1), "");
	CHECK_STR(at(2), "");
	CHECK_STR(at(3), " [x]");
	CHECK_STR(at(4), "]");
	CHECK_STR(at(5), "a");
	CHECK_STR(at(6), "abc");
	kernelnames_deinit(&kn);
}

TEST_MAIN()
