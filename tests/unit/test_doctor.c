#include "cli/doctor.h"

#include <linux/capability.h>

#include "tests/test.h"

TEST(releases)
{
	CHECK(doctor_release_is("6.18.0-rc1+", 5, 8));
	CHECK(doctor_release_is("5.8.0", 5, 8));
	CHECK(doctor_release_is("5.10.0-20-amd64", 5, 8));
	CHECK(!doctor_release_is("5.7.19", 5, 8));
	CHECK(!doctor_release_is("4.19.0", 5, 8));
	CHECK(!doctor_release_is("", 5, 8));
	CHECK(!doctor_release_is("Linux", 5, 8));
}

TEST(missing_capabilities)
{
	unsigned long long want = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
	char *names = doctor_missing_capabilities(0, want);

	CHECK_STR(names, "cap_bpf,cap_perfmon");
	free(names);
	names = doctor_missing_capabilities(1ULL << CAP_BPF, want);
	CHECK_STR(names, "cap_perfmon");
	free(names);
	names = doctor_missing_capabilities(want, want);
	CHECK_STR(names, "");
	free(names);
}

TEST(an_examination_says_all)
{
	struct doctor d;

	doctor_examine(&d);
	CHECK(d.n > 10 && d.n <= FINDINGS_MAX);
	for (size_t i = 0; i < d.n; i++) {
		CHECK(d.finding[i].found && *d.finding[i].found);
		CHECK_EQ(d.finding[i].ok, !d.finding[i].advice);
	}
	doctor_deinit(&d);
	CHECK_EQ(d.n, 0);
}

TEST_MAIN()
