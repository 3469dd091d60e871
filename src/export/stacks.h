#ifndef EXPORT_STACKS_H
#define EXPORT_STACKS_H

#include "export/folded.h"

/*
 * A recording as the text that profile(8) prints without -f, for reading from the bottom of a
 * terminal: a paragraph for each stack of each process, the least frequent first.
 *
 *	    vfs_read            innermost frame first, so kernel code comes before user code
 *	    ksys_read
 *	    --                  only if style->delimited: between the two
 *	    read
 *	    main
 *	    -                dd (25036)
 *	        4
 *	                        an empty line
 *
 * Stacks of equal count stand by process and frames, in byte order. style->annotate adds suffixes
 * to names, which are written as in folded text; style->per_snapshot changes nothing here. Returns
 * what export_folded() does.
 */
int export_stacks(struct recording *rec, const struct folded_style *style, const char *path);

#endif
