#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/*
 * Words for the person at the terminal. All of them go to stderr, each as one line that begins
 * with "flamelapse: ", whatever the message holds: control characters are shown as \xNN, so that
 * a name taken from a profiled process cannot steer the terminal or forge a line.
 *
 * An error names the thing and the way out: "cannot open 'x.flame': not a flamelapse recording".
 * It is printed once, where the context is known; the callers only pass the error number on.
 */

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A word that can be silenced with log_set_quiet(). */
void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Progress: overwrites its own line, and is shown only where stderr is a terminal. The next
 * message, or log_progress_end(), leaves the last state standing.
 */
void log_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_progress_end(void);

void log_set_quiet(bool quiet);

#endif
