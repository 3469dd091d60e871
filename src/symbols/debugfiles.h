#ifndef SYMBOLS_DEBUGFILES_H
#define SYMBOLS_DEBUGFILES_H

#include "symbols/identity.h"
#include "symbols/namer.h"

/*
 * Separate files with the symbols of stripped ones, as distributions ship them (libc6-dbg) and
 * `objcopy --only-keep-debug` makes them. This runs in the main process: it opens what has the
 * right name, and the namer says whether it is of the same build. FOLDER is /usr/lib/debug, and
 * another one where the user names it:
 *
 *	FOLDER/.build-id/xx/yyyy.debug	    by the build-id xxyyyy
 *	DIR/LINK  DIR/.debug/LINK  FOLDER/DIR/LINK
 *					    by the name in .gnu_debuglink, of a file in DIR
 */
#define DEBUGFILES_FOLDER "/usr/lib/debug"

/* A regular file to read, or -1. `path` may be anything that a profiled process says. */
int debugfiles_open(const char *path);

/* The file FOLDER/.build-id/xx/yyyyENDING, or -1. "" is the ending of the program itself. */
int debugfiles_open_build_id(const char *folder, const uint8_t *build_id, size_t size,
			     const char *ending);

/* Calls fn for each path where the debug file of a module may stand, the best first, until it
 * returns true; whether it did. path: of the module. folder: besides DEBUGFILES_FOLDER, or NULL. */
typedef bool debugfiles_fn(void *arg, const char *path);
bool debugfiles_each(const char *path, const struct identity *id, const char *folder,
		     debugfiles_fn *fn, void *arg);

/* Gives the debug file of a module to the namer; false where none is found. */
bool debugfiles_attach(struct namer *namer, uint32_t module, const char *path,
		       const struct identity *id, const char *folder);

#endif
