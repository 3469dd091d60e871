#include "symbols/kallsyms.h"
#include "tests/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct kallsyms *from_text(const char *text, size_t len)
{
	int fd = memfd_create("kallsyms", MFD_CLOEXEC);
	struct kallsyms *ks;

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	ks = kallsyms_create(fd);
	close(fd);
	CHECK(ks);
	return ks;
}

static const char *name_at(const struct kallsyms *ks, uint64_t addr)
{
	static char buf[300];
	struct kallsyms_place place;

	if (!kallsyms_find(ks, addr, &place))
		return "none";
	snprintf(buf, sizeof(buf), "%.*s%s", (int)place.name_len, place.name, place.module);
	return buf;
}

TEST(synthetic)
{
	static const char text[] = "ffffffff81000000 T _text\n"
				   "ffffffff81000000 T startup_64\n"
				   "ffffffff81000100 t local\n"
				   "ffffffff81000100 T global\n"
				   "ffffffff81000200 D data\n"
				   "0000000000000000 A percpu\n"
				   "garbage\n"
				   "\n"
				   "zzzz T no\n"
				   "ffffffff81000300\n"
				   "ffffffffc0001000 t ext4_readdir\t[ext4]\n"
				   "ffffffffc0002000 b ext4_data\t[ext4]\n"
				   "ffffffffc0400000 t bpf_prog_6deef7357e7b4530_tick\t[bpf]\n"
				   "ffffffffc0300000 W weak\n"
				   "ffffffff81000280 T no_newline";
	struct kallsyms *ks = from_text(text, sizeof(text) - 1);

	CHECK(!kallsyms_is_hidden(ks));
	CHECK_STR(name_at(ks, 0xffffffff80ffffff), "none");
	CHECK_STR(name_at(ks, 0xffffffff81000000), "_text");
	CHECK_STR(name_at(ks, 0xffffffff810001ff), "global");
	CHECK_STR(name_at(ks, 0xffffffff81000200), "none");
	CHECK_STR(name_at(ks, 0xffffffff81000280), "none");
	CHECK_STR(name_at(ks, 0xffffffffc0001fff), "ext4_readdir[ext4]");
	CHECK_STR(name_at(ks, 0xffffffffc0002000), "none");
	CHECK_STR(name_at(ks, 0xffffffffc0400010), "bpf_prog_6deef7357e7b4530_tick[bpf]");
	CHECK_STR(name_at(ks, 0xffffffffc0400000 + KALLSYMS_MAX_BYTES), "none");
	CHECK_STR(name_at(ks, 0xffffffffc0300000), "weak");
	CHECK_STR(name_at(ks, 0), "none");
	CHECK_STR(name_at(ks, UINT64_MAX), "none");
	kallsyms_destroy(ks);
}

TEST(hidden_addresses_are_told)
{
	static const char text[] = "0000000000000000 T _text\n0000000000000000 t x\t[ext4]\n";
	struct kallsyms *ks = from_text(text, sizeof(text) - 1);

	CHECK(kallsyms_is_hidden(ks));
	CHECK_STR(name_at(ks, 0), "none");
	kallsyms_destroy(ks);
	ks = from_text("", 0);
	CHECK(!kallsyms_is_hidden(ks));
	kallsyms_destroy(ks);
}

TEST(a_line_without_end_ends_the_reading)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	struct kallsyms *ks;

	memset(text, 'a', size);
	memcpy(text, "ffffffff81000000 T first\n", 25);
	ks = from_text(text, size);
	CHECK_STR(name_at(ks, 0xffffffff81000000), "first");
	kallsyms_destroy(ks);
	free(text);
}

TEST(of_this_kernel)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	struct kallsyms *ks;
	char line[512], name[256], type;
	unsigned long addr;
	int n = 0, wrong = 0;

	CHECK(f);
	ks = kallsyms_create(fileno(f));
	CHECK(ks);
	while (fgets(line, sizeof(line), f)) {
		struct kallsyms_place place;

		if (sscanf(line, "%lx %c %255s", &addr, &type, name) != 3 ||
		    !strchr("tTwW", type) || !addr)
			continue;
		n++;
		/* Another symbol may have the same address. */
		wrong += !kallsyms_find(ks, addr, &place) || place.start != addr;
	}
	CHECK(n > 1000 || kallsyms_is_hidden(ks));
	CHECK_EQ(wrong, 0);
	kallsyms_destroy(ks);
	fclose(f);
}

TEST_MAIN()
