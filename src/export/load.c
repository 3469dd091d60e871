#include "export/load.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

int load_snapshot(struct recording *rec, size_t index, struct snapshot *s)
{
	uint64_t sum = 0;
	int err = recording_load(rec, index, s);

	if (err) {
		log_error("cannot read snapshot %zu of the recording: %s", index,
			  err == -EBADMSG ? "it is damaged" : strerror(-err));
		return err;
	}
	for (size_t i = 0; i < s->n_entries; i++)
		sum += s->entry[i].count;
	if (sum == s->info.account.taken)
		return 0;
	log_error("snapshot %zu of the recording is damaged: its counts do not add up to the "
		  "samples taken",
		  index);
	return -EBADMSG;
}
