/* What the unwinding tables of large files cost: CPU time to make them, kernel memory to hold them.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "profile/unwind_table.h"
#include "symbols/cfi.h"

static const char *const files[] = {
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/bin/python3.*[0-9]",
    "/usr/lib/gcc/x86_64-linux-gnu/*/cc1",
    "/usr/lib/x86_64-linux-gnu/libLLVM-*.so.1",
};

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void one(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct strbuf sb = {0};
	struct unwind_table head;
	double best = 1e9, t;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	for (int i = 0; i < 3 && fd >= 0 && !err; i++) {
		strbuf_clear(&sb);
		t = cpu_s();
		err = cfi_table(fd, &sb);
		t = cpu_s() - t;
		best = t < best ? t : best;
	}
	if (fd >= 0 && !err) {
		memcpy(&head, sb.data, sizeof(head));
		printf("table of %s: to make\t%.3f\tus a row, %u rows\t<= 0.8\n", slash + 1,
		       best * 1e6 / head.n_rows, head.n_rows);
		/* Rules are shared by all modules. */
		printf("table of %s: kernel memory\t%.2f\tbytes a row\t<= 5\n", slash + 1,
		       (head.n_rows * sizeof(uint32_t) +
			head.n_pages * sizeof(struct unwind_page)) /
			   (double)head.n_rows);
	}
	strbuf_deinit(&sb);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		glob_t g;

		if (!glob(files[i], 0, NULL, &g))
			one(g.gl_pathv[0]);
		globfree(&g);
	}
	return 0;
}
