#ifndef EXPORT_STACKS_H
#define EXPORT_STACKS_H

#include "export/folded.h"

/*
 * The stacks of a recording in the form in which profile(8) of bcc prints them, fewest samples
 * first:
 *
 *	    innermost kernel frame
 *	    …
 *	    --				with style.delimited, where a stack has both parts
 *	    innermost user frame
 *	    …
 *	    -                command (pid)
 *	        count
 *
 * and an empty line after each. per_snapshot does not matter. Returns as export_folded().
 */
int export_stacks(struct recording *rec, const struct folded_style *style, const char *path);

#endif
