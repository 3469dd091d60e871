#ifndef PROFILE_RECORDING_H
#define PROFILE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "profile/dict.h"
#include "profile/snapshot.h"

/*
 * A recording, wherever it came from: what collecting leaves behind and all that rendering sees.
 * The names, stacks and accounts are in memory; the counts of a snapshot are read when asked for,
 * since a day's recording does not fit.
 *
 * Whoever opens one (store/reader.h, import/folded.h) fills it; the others only read.
 */

/*
 * What was counted. A recording has one series, or these two of the same intervals: then the meta
 * and the accounts are those of the series that is seen, the first one to begin with, and
 * recording_see() changes it. Both share the dict.
 */
enum series { SERIES_ON_CPU, SERIES_OFF_CPU, SERIES_MAX };

/* In words, and as --series names them: "on-cpu", "off-cpu". */
extern const char *const series_names[SERIES_MAX];

/* What is known of how and where the samples were taken. A string that is not known is "". */
struct recording_meta {
	char *host, *kernel, *arch, *version; /* version: of the flamelapse that recorded */
	char *command;			      /* argv[0] of the followed command */
	int command_status;		      /* as wait() gave it; -1: none, or not known */
	char *event;			      /* "cpu-clock", "cycles"; "" for imported text */
	char *filter;			      /* in words, "" for none: "PID 12, 13", "CPU 2" */
	char *unwinder;	      /* how user stacks were read, in words: "frame pointers" */
	uint32_t online_cpus; /* 0: not known */
	uint32_t freq_hz;     /* 0: a period was set, or not known */
	uint64_t period_ns;   /* CPU time that a sample stands for; 0: not known */
	uint64_t off_cpu_ns;  /* of two series: period_ns of SERIES_OFF_CPU; 0: there is one */
	uint64_t interval_ns; /* length of a snapshot */
	int32_t utc_offset_s; /* of the host, when it recorded */
	bool follows_command, includes_idle;
	int64_t undelivered; /* samples the kernel never delivered; -1: not known */
	bool finished;	     /* false: the recorder was killed, or is still at work */
};

/* Something that happened at a moment, as someone told it: "deploy v2". */
struct mark {
	uint64_t t_ns; /* unix */
	char *text;    /* clean UTF-8 */
};

struct recording {
	struct recording_meta meta;
	struct dict dict;
	struct snapshot_info *snapshot; /* in order of time, none overlapping */
	size_t n_snapshots, cap_snapshots;
	struct account total; /* the sum of all snapshots' accounts */
	struct mark *mark;    /* in order of time */
	size_t n_marks, cap_marks;
	size_t skipped; /* snapshots before the first one, which were trimmed away */
	/* Of two series, the one that is not seen. */
	struct recording_other {
		char *event; /* NULL: SERIES_OFF_CPU, which was not seen yet */
		uint32_t freq_hz;
		uint64_t period_ns;
		int64_t undelivered;
		struct account *account; /* by snapshot */
		size_t n_accounts, cap_accounts;
		struct account total;
	} other;
	/* Reads the counts of the index-th one of all, trimmed or not; `s` is the caller's. Of two
	 * series, those of number i are 2 * i and 2 * i + 1. */
	int (*load)(struct recording *rec, size_t index, struct snapshot *s);
	void (*close)(struct recording *rec); /* frees `impl` */
	void *impl;
};

void recording_init(struct recording *rec);
/* Calls close(), and frees all. Accepts a recording that was only initialised, or NULL. */
void recording_deinit(struct recording *rec);
void recording_meta_deinit(struct recording_meta *meta);

/* Appends the info and adds its account to the total. */
void recording_add_info(struct recording *rec, const struct snapshot_info *info);

/* Adds a mark in its place; of two of one time, the one that came later stands later. */
void recording_add_mark(struct recording *rec, uint64_t t_ns, const char *text);
/* The account of the last snapshot in SERIES_OFF_CPU, while the other one is seen. */
void recording_add_off_cpu(struct recording *rec, const struct account *a);

/* Keeps only the snapshots that overlap [from_ns, to_ns), unix time. */
void recording_trim(struct recording *rec, uint64_t from_ns, uint64_t to_ns);

/* Loads snapshot `index` into s, with its info. 0, or a negative errno: -EBADMSG where damaged. */
int recording_load(struct recording *rec, size_t index, struct snapshot *s);
/* The same of one series, whichever is seen; which the recording has. */
int recording_load_series(struct recording *rec, size_t index, enum series series,
			  struct snapshot *s);

/*
 * The event of a recording of time off the CPU: a count is period_ns in which one thread was
 * blocked, and not of CPU time. Its loads are threads.
 */
#define RECORDING_OFF_CPU "off-cpu"

static inline bool recording_is_off_cpu(const struct recording_meta *m)
{
	return m->event && !strcmp(m->event, RECORDING_OFF_CPU);
}

static inline size_t recording_n_series(const struct recording_meta *m)
{
	return m->off_cpu_ns ? SERIES_MAX : 1;
}

/* The one that is seen. Whatever else than time off the CPU was sampled is SERIES_ON_CPU. */
static inline enum series recording_series(const struct recording_meta *m)
{
	return recording_is_off_cpu(m) ? SERIES_OFF_CPU : SERIES_ON_CPU;
}

/* Makes it the series that is seen; false where the recording does not have it. */
bool recording_see(struct recording *rec, enum series series);

/* The meta of its SERIES_OFF_CPU, as far as it differs: the strings but for the event are m's. */
struct recording_meta recording_meta_off_cpu(const struct recording_meta *m);

/* A count as text: "1234"; of off-CPU time in seconds, "12.345678 s". Returns buf. */
#define RECORDING_COUNT_MAX 32
char *recording_format_count(const struct recording_meta *m, uint64_t count,
			     char buf[RECORDING_COUNT_MAX]);

/* The process's share of CPU time per sample is known, so that widths can be told in CPUs. */
static inline bool recording_knows_cpus(const struct recording *rec)
{
	return rec->meta.period_ns != 0;
}

#endif
