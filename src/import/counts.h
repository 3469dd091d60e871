#ifndef IMPORT_COUNTS_H
#define IMPORT_COUNTS_H

#include "profile/recording.h"

/*
 * The counts of an imported recording, packed in memory at four or five bytes an entry, behind its
 * load() and close(). counts_attach() is called once on a recording that recording_init() made,
 * then counts_append() for each snapshot in order of time: it keeps the entries, which are sorted
 * (snapshot_sort), and appends the info to the recording.
 */
void counts_attach(struct recording *rec);
void counts_append(struct recording *rec, const struct snapshot *s);

#endif
