#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What this machine permits. Each check looks at one thing, by trying it where that does no harm,
 * and says what it found and what to do about it.
 *
 *	doctor_examine(&doctor);
 *	... doctor.finding[0 … n - 1], doctor_permits_recording(&doctor) ...
 *	doctor_deinit(&doctor);
 */
struct finding {
	const char *name;
	bool ok, needed; /* needed: without it nothing can be recorded */
	char *found;
	char *advice; /* what is missing by it, and the way out; NULL where all is well */
};

#define FINDINGS_MAX 24

struct doctor {
	struct finding finding[FINDINGS_MAX];
	size_t n;
};

void doctor_examine(struct doctor *d);
void doctor_deinit(struct doctor *d);
bool doctor_permits_recording(const struct doctor *d);

/* "5.17.0-rc1" is at least 5.17. */
bool doctor_release_is(const char *release, unsigned major, unsigned minor);
/* The names of those of `wanted` (bits of <linux/capability.h>) that are not in the set, with
 * commas between them, lower case; freed by the caller. */
char *doctor_missing_capabilities(unsigned long long set, unsigned long long wanted);

#endif
