#ifndef TESTS_TEST_H
#define TESTS_TEST_H

/*
 * A unit test is a program that speaks TAP: TEST(name) { … } defines a case, CHECK… a claim, and
 * TEST_MAIN() at the end runs them all in order. A failed claim ends its case with file, line and
 * both values.
 */

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct test_case *test_first, **test_last = &test_first;
static jmp_buf test_out;

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	static struct test_case test_case_##id = {.name = #id, .run = test_##id};                  \
	__attribute__((constructor)) static void test_add_##id(void)                               \
	{                                                                                          \
		*test_last = &test_case_##id;                                                      \
		test_last = &test_case_##id.next;                                                  \
	}                                                                                          \
	static void test_##id(void)

#define TEST_FAIL(...)                                                                             \
	do {                                                                                       \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		longjmp(test_out, 1);                                                              \
	} while (0)

#define CHECK(claim)                                                                               \
	do {                                                                                       \
		if (!(claim))                                                                      \
			TEST_FAIL("%s", #claim);                                                   \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
		if (a_ != b_)                                                                      \
			TEST_FAIL("%s is %lld, not %s = %lld", #a, a_, #b, b_);                    \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
		if (!a_ || strcmp(a_, b_))                                                         \
			TEST_FAIL("%s is \"%s\", not \"%s\"", #a, a_ ? a_ : "(null)", b_);         \
	} while (0)

/* Static, since longjmp() leaves the locals of main() undefined. */
#define TEST_MAIN()                                                                                \
	int main(void)                                                                             \
	{                                                                                          \
		static int failed, n;                                                              \
		static struct test_case *t;                                                        \
		for (t = test_first; t; t = t->next) {                                             \
			int bad = setjmp(test_out);                                                \
			if (!bad)                                                                  \
				t->run();                                                          \
			printf("%sok %d - %s\n", bad ? "not " : "", ++n, t->name);                 \
			fflush(stdout);                                                            \
			failed += bad;                                                             \
		}                                                                                  \
		printf("1..%d\n", n);                                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                       \
	}

#endif
