#include "export/sums.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/outfile.h"

/* As many entries as may wait before they are added up. */
#define WAITING_MAX 4000000

void sums_deinit(struct sums *s)
{
	snapshot_deinit(&s->all);
	snapshot_deinit(&s->one);
}

int sums_add(struct sums *s, struct recording *rec, size_t first, size_t end)
{
	s->all.n_entries = 0;
	for (size_t i = first; i < end; i++) {
		int err = recording_load(rec, i, &s->one);

		if (err)
			return err;
		for (size_t e = 0; e < s->one.n_entries; e++)
			snapshot_add(&s->all, s->one.entry[e].process, s->one.entry[e].node,
				     s->one.entry[e].count);
		if (s->all.n_entries > WAITING_MAX)
			snapshot_sort(&s->all);
	}
	snapshot_sort(&s->all);
	return 0;
}

int sums_write(const char *path, const struct strbuf *text)
{
	int err;

	if (strcmp(path, "-")) {
		err = outfile_write(path, strbuf_str(text), text->len);
	} else {
		errno = EIO;
		err = fwrite(strbuf_str(text), 1, text->len, stdout) == text->len && !fflush(stdout)
			  ? 0
			  : -errno;
	}
	if (err && err != -EPIPE)
		log_error("cannot write '%s': %s", path, strerror(-err));
	return err;
}
