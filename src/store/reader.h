#ifndef STORE_READER_H
#define STORE_READER_H

#include "profile/recording.h"

/*
 * Opens a recording (store/schema.h) that may come from a stranger, may still be growing, or may be
 * what a killed recorder left: read-only, with nothing of SQLite's that a file could turn against
 * us, and with every number checked before it is used. Names and accounts are read at once, the
 * counts of a snapshot when recording_load() asks.
 *
 * A write-ahead log beside the file is read too, and needs no permission to write: where SQLite
 * cannot take part in it, file and log are copied to a private folder first.
 *
 * 0, or a negative errno after one line: -ENOENT, -EACCES … from open(); -EBADMSG for what is
 * empty, no recording, too new, or damaged. `rec` need not be initialised, and is to be given to
 * recording_deinit() in either case.
 */
int store_open(const char *path, struct recording *rec);

#endif
