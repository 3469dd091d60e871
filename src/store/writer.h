#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "profile/dict.h"
#include "profile/recording.h"
#include "profile/snapshot.h"

/*
 * Writes a recording (store/format.h), so that a finished snapshot is never lost:
 *
 *	err = store_create("x.flame", &meta, &w);
 *	err = store_append(w, &dict, &snapshot);	for each, in order of time
 *	err = store_set_meta(w, &meta);			when something became known
 *	err = store_finish(w, &meta);			one ordinary file is left; frees w
 *
 * From store_create() on the file is a whole recording under its name, which anyone may read with
 * store/reader.h while it grows. Each store_append() is one transaction: after it returned 0, the
 * snapshot survives kill -9 of this process. A power cut loses at most the snapshots of the last
 * STORE_SYNC_NS: syncing each would take milliseconds, and seconds on a machine in trouble. Until
 * store_finish() the newest snapshots stand in "x.flame-wal", which belongs to the file; they move
 * over every STORE_CHECKPOINT_NS, so that a copy of the one file is never far behind. SQLite's
 * exclusive lock is held meanwhile: no other program can stop or change the recording, stock
 * sqlite3 has to wait for the end. Where there is no write-ahead log, "x.flame-journal" serves.
 *
 * Of two series (profile/recording.h), which the meta tells of when the file is created, a snapshot
 * is an array of two, of the same times; both are in the one transaction.
 *
 * The dict is the same at each call, and only grew in between; what is new in it is written with
 * the snapshot. A row is written once: later changes to it are lost. Entries are sorted, accounts
 * balance (profile/snapshot.h), and snapshots do not overlap.
 *
 * A recording that stands under the name already, or an empty file, is replaced in one step once
 * the new one is sound; one that was not finished is removed just before that, and then what is
 * beside it, for neither may be read with the other's log. Anything else is refused, and so is a
 *recording that is being written: what a user would miss is not overwritten by a mistyped name.
 *
 * All return 0 or a negative errno, after one line that names the file and the way out (of equal
 * failures in a row, the first):
 *
 *	-EEXIST   the name belongs to something that is no recording
 *	-EBUSY    another recorder is writing this very file
 *	-ENOSPC, -EDQUOT   no room. The recording is readable up to the last snapshot that was
 *		  appended; this snapshot is not in it, and a later one may be appended when there
 *		  is room again
 *	-EINVAL   the snapshot or the dict breaks what is said above
 *	-E2BIG    more (process, stack) pairs than a chunk holds (store/chunk.h)
 *
 * or what open() or write() said. One process must not read, by whatever means, a recording that it
 * is itself writing: closing a file drops all its POSIX locks.
 */
#define STORE_SYNC_NS	    UINT64_C(2000000000)
#define STORE_CHECKPOINT_NS UINT64_C(10000000000)

struct store_writer;

/* Borrows meta; its `finished` is not looked at, here and below. */
int store_create(const char *path, const struct recording_meta *meta, struct store_writer **w_ret);
int store_append(struct store_writer *w, const struct dict *dict, const struct snapshot *s);
int store_set_meta(struct store_writer *w, const struct recording_meta *meta);
/*
 * Frees w whatever happens. Where it fails, nothing is lost, but x.flame-wal may stay beside the
 * file and belongs to it.
 */
int store_finish(struct store_writer *w, const struct recording_meta *meta);
/* Instead of store_finish(): removes the file, for when nothing could be sampled. */
void store_discard(struct store_writer *w);

#endif
