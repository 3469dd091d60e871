#ifndef EXPORT_LOAD_H
#define EXPORT_LOAD_H

#include "profile/recording.h"

/*
 * recording_load() with words for what goes wrong, and with the promise of profile/snapshot.h
 * checked: the counts add up to the samples taken. 0, or a negative errno after one line.
 */
int load_snapshot(struct recording *rec, size_t index, struct snapshot *s);

#endif
