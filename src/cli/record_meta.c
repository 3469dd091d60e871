#include "cli/record_meta.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "capture/options.h"

static char *clean_copy(const char *s)
{
	struct strbuf sb = {0};

	utf8_add_clean(&sb, s, strlen(s));
	return strbuf_detach(&sb);
}

/* Takes the value. */
static void set(char **at, char *value)
{
	free(*at);
	*at = value;
}

/* "PID 12, 13 · CPU 2": what the picture says of the choice. */
static char *filter_in_words(const struct record_options *r)
{
	struct strbuf sb = {0};

	for (size_t i = 0; i < r->n_pids; i++)
		strbuf_addf(&sb, "%s%u", i ? ", " : "PID ", r->pids[i]);
	for (size_t i = 0; i < r->n_tids; i++)
		strbuf_addf(&sb, "%s%u", i ? ", " : sb.len ? " · TID " : "TID ", r->tids[i]);
	if (r->cpu >= 0)
		strbuf_addf(&sb, "%sCPU %d", sb.len ? " · " : "", r->cpu);
	if (r->cgroup)
		strbuf_addf(&sb, "%scgroup %s", sb.len ? " · " : "", r->cgroup);
	if (r->cgroupmap)
		strbuf_addf(&sb, "%scgroups of %s", sb.len ? " · " : "", r->cgroupmap);
	if (r->mntnsmap)
		strbuf_addf(&sb, "%smount namespaces of %s", sb.len ? " · " : "", r->mntnsmap);
	if (r->user_only || r->kernel_only)
		strbuf_addf(&sb, "%s%s stacks only", sb.len ? " · " : "",
			    r->user_only ? "user" : "kernel");
	return strbuf_detach(&sb);
}

void record_meta_fill(struct recording_meta *m, const struct record_options *r,
		      const struct wire_started *w)
{
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;
	char *filter;

	uname(&u);
	set(&m->host, clean_copy(u.nodename));
	set(&m->kernel, clean_copy(u.release));
	set(&m->arch, clean_copy(u.machine));
	set(&m->version, xstrdup(VERSION));
	set(&m->command, clean_copy(r->argv ? r->argv[0] : ""));
	set(&m->event, clean_copy(w->fell_back		     ? "cpu-clock"
				  : r->off_cpu && !r->on_cpu ? RECORDING_OFF_CPU
							     : r->event));
	m->off_cpu_ns = r->off_cpu && r->on_cpu ? CAPTURE_BLOCK_UNIT_NS : 0;
	filter = filter_in_words(r);
	set(&m->filter, clean_copy(filter));
	free(filter);
	set(&m->unwinder, xstrdup(w->by_tables ? "unwind tables" : "frame pointers"));
	m->command_status = -1;
	m->online_cpus = w->online_cpus;
	m->freq_hz = w->freq_hz;
	m->period_ns = w->period_ns;
	m->interval_ns = r->interval_ns;
	m->follows_command = r->argv && !r->all_cpus && r->cpu < 0;
	m->includes_idle = r->include_idle;
	m->undelivered = -1;
	if (localtime_r(&now, &tm))
		m->utc_offset_s = (int32_t)tm.tm_gmtoff;
}
