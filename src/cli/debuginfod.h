#ifndef CLI_DEBUGINFOD_H
#define CLI_DEBUGINFOD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Debug files from the servers of DEBUGINFOD_URLS (elfutils), by build-id. The client library is
 * loaded when it is first needed, so that nothing depends on it; it keeps what it fetched in the
 * user's cache. Only the main process calls this: it is the user, and asks nothing but a build-id.
 *
 * All downloads of a run take at most DEBUGINFOD_TOTAL_MS; what would take longer is not fetched.
 */
#define DEBUGINFOD_LIBRARY  "libdebuginfod.so.1"
#define DEBUGINFOD_TOTAL_MS 120000

/* What stands in the way, in words; NULL: nothing. */
const char *debuginfod_missing(void);

/* The file, to be read, or -1. name: of the module, for the line of progress. */
int debuginfod_open(const uint8_t *build_id, size_t size, const char *name);

#endif
