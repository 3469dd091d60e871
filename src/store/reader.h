#ifndef STORE_READER_H
#define STORE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "profile/recording.h"

/*
 * Opens a recording (store/format.h) that may come from anyone:
 *
 *	err = store_open("x.flame", &rec);
 *	... recording_load(&rec, i, &s) for any i, in any order ...
 *	recording_deinit(&rec);			whatever store_open() returned
 *
 * It need not be finished: one that is being written, or whose recorder was killed, is read up to
 * its last snapshot, as it is at this moment. Nothing is written, to no file and no folder, and no
 * lock is taken, so that reading can neither fail for want of permission nor hold up a recorder. A
 * finished one is read from the file as it is asked for; an unfinished one is held in memory
 * (store/recover.h). Names, accounts and stacks are in memory in either case.
 *
 * Everything is checked before it is believed: the schema is ours to the letter (no triggers, no
 * views), numbers are dense and in range, parents come before children, snapshots are in order,
 * accounts balance, checksums agree; names are cleaned once more (base/utf8.h). So a damaged file
 * gives an error, or what was recorded, and nothing else. The counts of a snapshot are checked
 * when it is loaded.
 *
 * 0 or a negative errno, after one line that names the file and the way out; in brackets what the
 * program then exits with:
 *
 *	-ENODATA	the file is empty				(3)
 *	-EMEDIUMTYPE	it is something else than a recording		(3)
 *	-EBADMSG	it is damaged or cut short			(3)
 *	-EPROTONOSUPPORT  it was written by a newer flamelapse, whose files we do not know (1)
 *	-EAGAIN		a recorder writes faster than we can read	(1)
 *
 * or what open() or read() said: -ENOENT, -EACCES, -EISDIR … (1). A recording without a snapshot is
 * opened well. Loading says -EBADMSG, and prints as well.
 */
int store_open(const char *path, struct recording *rec);

/* The same from the bytes of a finished file, which must stay until recording_deinit(). */
int store_open_memory(const char *name, const void *data, size_t size_bytes, struct recording *rec);

#endif
