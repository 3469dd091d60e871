/*
 * Records until the device of the current folder is full, and looks at what is there; then makes
 * room, goes on, and finishes.
 *
 *	store_fill BALLAST_BYTES	0 and a line, or 1 and what is wrong
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/writer.h"
#include "tests/synthetic.h"

#define PATH	"full.flame"
#define STACKS	20000
#define SAMPLES 500

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void look(size_t n)
{
	struct recording rec;
	const char *what;

	if (store_open(PATH, &rec))
		fail("it does not open");
	what = rec.n_snapshots == n ? synthetic_compare(9, STACKS, SAMPLES, &rec)
				    : "another number of snapshots";
	if (what)
		fail(what);
	recording_deinit(&rec);
}

int main(int argc, char **argv)
{
	struct recording_meta meta = synthetic_meta();
	struct store_writer *w;
	struct synthetic m;
	uint64_t n = 0;
	int err, fd = open("ballast", O_CREAT | O_WRONLY, 0600);

	if (argc < 2 || fd < 0 || posix_fallocate(fd, 0, atoll(argv[1])))
		fail("no room for the ballast");
	close(fd);
	synthetic_init(&m, 9, STACKS, SAMPLES);
	err = store_create(PATH, &meta, &w);
	if (err) {
		/* Too small even for an empty one: nothing is left. */
		if (err != -ENOSPC || !access(PATH, F_OK) || !access("." PATH ".part", F_OK))
			fail("creating it failed in another way");
		synthetic_deinit(&m);
		printf("no room for a recording\n");
		return 0;
	}
	for (;; n++) {
		synthetic_snapshot(&m, n);
		err = store_append(w, &m.dict, &m.s);
		if (err)
			break;
	}
	if (err != -ENOSPC)
		fail("it ended in another way");
	look(n);
	if (store_append(w, &m.dict, &m.s) != -ENOSPC)
		fail("there was room all of a sudden");
	unlink("ballast");
	if (store_append(w, &m.dict, &m.s))
		fail("it did not go on");
	look(n + 1);
	/* Moving the log over needs room that may be lacking; nothing is lost by it. */
	err = store_finish(w, &meta);
	if (err && err != -ENOSPC)
		fail("finishing failed in another way");
	look(n + 1);
	printf("%llu snapshots, finished: %s\n", (unsigned long long)n + 1, err ? "no" : "yes");
	synthetic_deinit(&m);
	return 0;
}
