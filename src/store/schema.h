#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

/*
 * A recording is one SQLite 3 file (sqlite.org/fileformat2.html):
 *
 *	meta      key, value: settings of the recording, one a row; see writer.c for the keys
 *	host      where it was made: one row
 *	module    files whose code ran
 *	frame     functions: name, module, kind (enum frame_kind)
 *	node      stacks: the callers' node and the innermost frame; node 0 is the empty stack
 *	process   who ran
 *	snapshot  [t0, t1) in unix ns, CLOCK_MONOTONIC and CLOCK_BOOTTIME at t0, and the account:
 *	          expected = taken + idle + filtered + each loss,
 *	          taken = complete + truncated + kernel_only
 *	chunk     the counts of a snapshot, packed (store/chunk.h)
 *	top       the functions with the most samples in a snapshot, for plain SQL
 *	mark      what happened when
 *
 * Numbers of modules, frames, nodes and processes count up from 0 without gaps, and a node's parent
 * is smaller than itself.
 */
#define STORE_APPLICATION_ID 0x464c414d /* "FLAM" */
/* Of this format; and the oldest reader that understands it. */
#define STORE_VERSION	 1
#define STORE_MIN_READER 1

#define STORE_SCHEMA                                                                               \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",                            \
	    "CREATE TABLE host(id INTEGER PRIMARY KEY, name TEXT, kernel TEXT, arch TEXT, "        \
	    "online_cpus INT, utc_offset_s INT)",                                                  \
	    "CREATE TABLE module(id INTEGER PRIMARY KEY, path TEXT, build_id BLOB)",               \
	    "CREATE TABLE frame(id INTEGER PRIMARY KEY, name TEXT, module INT, kind INT)",         \
	    "CREATE TABLE node(id INTEGER PRIMARY KEY, parent INT, frame INT)",                    \
	    "CREATE TABLE process(id INTEGER PRIMARY KEY, pid INT, comm TEXT, is_kernel INT, "     \
	    "start_ns INT)",                                                                       \
	    "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, t0_ns INT, t1_ns INT, mono_ns INT, "    \
	    "boot_ns INT, expected INT, taken INT, idle INT, filtered INT, ring_full INT, "        \
	    "ring_busy INT, hash_storage INT, stack_storage INT, missing INT, backlog INT, "       \
	    "complete INT, "                                                                       \
	    "truncated INT, kernel_only INT)",                                                     \
	    "CREATE TABLE chunk(snapshot INTEGER PRIMARY KEY, crc32 INT, data BLOB)",              \
	    "CREATE TABLE top(snapshot INT, frame INT, self INT, total INT, "                      \
	    "PRIMARY KEY(snapshot, frame)) WITHOUT ROWID",                                         \
	    "CREATE TABLE mark(t_ns INT, text TEXT)"

#endif
