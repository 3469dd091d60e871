#include "symbols/startup.h"
#include "tests/test.h"

/* The rows of bytes given in hex, as "AT:CFA AT:CFA". */
static const char *rows(const char *hex)
{
	static char text[200];
	struct startup_row row[STARTUP_ROWS_MAX];
	uint8_t code[100];
	size_t n = 0, k;
	unsigned byte;

	for (int used; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
		code[n++] = byte;
	k = startup_rows(code, n, row);
	CHECK(k <= STARTUP_ROWS_MAX);
	*text = '\0';
	for (size_t i = 0; i < k; i++)
		sprintf(text + strlen(text), "%s%u:%u", i ? " " : "", row[i].at, row[i].cfa);
	return text;
}

TEST(those_of_glibc)
{
	/* _fini and _init, with and without marks for indirect branches; a static program's. */
	CHECK_STR(rows("f30f1efa 4883ec08 4883c408 c3"), "0:8 8:16 12:8 13:0");
	CHECK_STR(rows("4883ec08 4883c408 c3"), "0:8 4:16 8:8 9:0");
	CHECK_STR(rows("f30f1efa 4883ec08 488b05d92f0000 4885c0 7402 ffd0 4883c408 c3"),
		  "0:8 8:16 26:8 27:0");
	CHECK_STR(rows("4883ec08 488b05d92f0000 4885c0 7405 e811223344 4883c408 c3 90"),
		  "0:8 4:16 25:8 26:0");
	CHECK_STR(rows("c3"), "0:8 1:0");
}

TEST(what_proves_nothing)
{
	CHECK_STR(rows(""), "");
	CHECK_STR(rows("f30f1efa"), "");
	CHECK_STR(rows("4883ec08 c3"), "");
	CHECK_STR(rows("4883ec08 4883c410 c3"), "");
	CHECK_STR(rows("4883ec07 4883c407 c3"), "");
	CHECK_STR(rows("4883ec88 4883c488 c3"), "");
	CHECK_STR(rows("55 4889e5 5d c3"), "");
	/* A jump into the middle of the call. */
	CHECK_STR(rows("4883ec08 7401 ffd0 4883c408 c3"), "");
	CHECK_STR(rows("4883ec08 4883c4"), "");
	CHECK_STR(rows(
		      "4883ec08 4883c408 4883ec08 4883c408 4883ec08 4883c408 4883ec08 4883c408 c3"),
		  "");
}

TEST_MAIN()
