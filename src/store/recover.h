#ifndef STORE_RECOVER_H
#define STORE_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of a recording that is not finished: being written right now, or left by a recorder
 * that was killed. Such a file is whole only together with the log or the journal beside it:
 *
 *	x.flame-wal	  pages that are newer than those of the file: sqlite.org/fileformat2.html,
 *			  "The Write-Ahead Log"
 *	x.flame-journal	  pages as they were before a transaction that did not end: "The Rollback
 *			  Journal" there
 *
 * SQLite itself would write to both, and to a third file, and would hold up the recorder by its
 * locks; what is more, a journal from a stranger can make it delete any file of ours. So both are
 * read here, into memory, without a lock: the file, then the log, and again from the start where
 * either began anew meanwhile, or another recorder put its own there. No permission to write is
 *needed anywhere, and nothing is left.
 */

/* Something stands beside the file, so that it must not be read alone. */
bool recover_is_needed(const char *path);

#define RECOVER_MAX_BYTES (INT64_C(4) << 30) /* of each of the three */

/*
 * A database without log and journal, as of the last transaction that is whole; the caller frees
 * it. 0, -EBADMSG, -EAGAIN where a writer was faster than us at each of many trials, -EFBIG, or
 * what open() or read() said.
 */
int recover_read(const char *path, uint8_t **data_ret, size_t *size_ret);

/* The same from bytes in memory: *data (by malloc) may be replaced. Log and journal may be empty.
 */
int recover_apply(uint8_t **data, size_t *size_bytes, const uint8_t *log, size_t log_bytes,
		  const uint8_t *journal, size_t journal_bytes);

/* The file begins like a recording (store/format.h). */
bool recover_is_recording(int fd);

/* Another process holds SQLite's lock on it. */
bool recover_is_locked(int fd);

#endif
