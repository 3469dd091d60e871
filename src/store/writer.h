#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "profile/recording.h"

/*
 * Writes a recording while it is made. Each snapshot is one transaction, with all names and stacks
 * that are new since the last one, so that whatever ends the program, the file holds every snapshot
 * that was appended, and no half of another. While it is open, "FILE-wal" stands beside it (which
 * is written back every ten seconds); where the file system cannot have that, each snapshot goes
 * straight into the file.
 *
 *	err = store_create("x.flame", &meta, &store);
 *	err = store_append(store, &dict, &snapshot);	as often as there are snapshots
 *	err = store_set_meta(store, &meta);		what is known only in the end
 *	err = store_finish(store);			one ordinary file is left
 *	store_destroy(store);
 *
 * An older recording under that name, and an empty file, are replaced; anything else is refused.
 * All return 0 or a negative errno after one line that names the file: -ENOSPC where the disk is
 * full, -EEXIST for a foreign file. After an error the file can be read up to its last snapshot.
 */
struct store;

int store_create(const char *path, const struct recording_meta *meta, struct store **ret);
int store_append(struct store *st, const struct dict *dict, const struct snapshot *s);
int store_set_meta(struct store *st, const struct recording_meta *meta);
int store_finish(struct store *st);
/* Closes; what was appended is there, whether it was finished or not. Accepts NULL. */
void store_destroy(struct store *st);

#endif
