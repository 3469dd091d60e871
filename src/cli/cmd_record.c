#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "capture/wire.h"
#include "cli/commands.h"
#include "cli/debuginfod.h"
#include "cli/outputs.h"
#include "cli/record_meta.h"
#include "cli/sampling.h"
#include "cli/symbolize.h"
#include "profile/kind.h"
#include "store/reader.h"
#include "store/writer.h"

#define PROGRESS_NS (NS_PER_S / 5)
#define FILM_NICE   10

/* One recording, from the start of its processes to the files it leaves. */
struct session {
	const struct options *opt;
	struct options out; /* what is to be made in the end: opt's outputs, or the default ones */
	struct output default_output[2];
	char *name[2];
	const char *path; /* of the recording */
	bool is_temporary;

	struct sampling sampling;
	struct recording_meta meta;
	struct store_writer *store;
	struct snapshot snapshot[SERIES_MAX]; /* by number of the series in the recording */

	uint64_t start_mono_ns, last_progress_ns;
	struct account total[SERIES_MAX];
	size_t n_series, n_snapshots;
	bool started, ended;
	int status; /* of the whole, so far */
	struct wire_ended end;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Without any -o: a recording and a film, named after host and time. */
static void choose_outputs(struct session *s)
{
	char clock[32] = "", host[65] = "host";
	time_t now = time(NULL);
	struct tm tm;

	s->out = *s->opt;
	if (!s->out.n_outputs) {
		gethostname(host, sizeof(host) - 1);
		if (gmtime_r(&now, &tm))
			strftime(clock, sizeof(clock), "%Y%m%dT%H%M%SZ", &tm);
		s->name[0] = xasprintf("flamelapse-%s-%s.flame", host, clock);
		s->name[1] = xasprintf("flamelapse-%s-%s.mp4", host, clock);
		s->default_output[0] = (struct output){OUTPUT_RECORDING, s->name[0]};
		s->default_output[1] = (struct output){OUTPUT_MP4, s->name[1]};
		s->out.outputs = s->default_output;
		s->out.n_outputs = RENDER ? 2 : 1;
	}
	for (size_t i = 0; i < s->out.n_outputs; i++)
		if (s->out.outputs[i].kind == OUTPUT_RECORDING)
			s->path = s->out.outputs[i].path;
	if (!s->path) {
		const char *folder = getenv("TMPDIR");

		s->name[0] =
		    xasprintf("%s/flamelapse-%d.flame", folder ? folder : "/tmp", getpid());
		s->path = s->name[0];
		s->is_temporary = true;
	}
}

static int take_started(struct session *s, const struct chan_msg *msg)
{
	struct wire_started w;
	int err;

	if (!wire_get(msg->data, msg->size, &w, sizeof(w)))
		return -EPROTO;
	record_meta_fill(&s->meta, &s->opt->record, &w);
	s->n_series = recording_n_series(&s->meta);
	/* Again, since we are the user by now. */
	s->status = outputs_check(&s->out);
	if (s->status)
		return -EACCES;
	err = store_create(s->path, &s->meta, &s->store);
	if (err) {
		s->status = exit_status(err);
		return err;
	}
	s->started = true;
	s->start_mono_ns = now_ns();
	return 0;
}

/* The meta of the series of that number. */
static struct recording_meta meta_of(const struct session *s, size_t series)
{
	return series ? recording_meta_off_cpu(&s->meta) : s->meta;
}

/* Those of all series are stored together. */
static int store_snapshot(struct session *s)
{
	int err = store_append(s->store, &s->sampling.dict, s->snapshot);

	if (err) {
		s->status = exit_status(err);
		return err;
	}
	for (size_t i = 0; i < s->n_series; i++)
		account_add(&s->total[i], &s->snapshot[i].info.account);
	s->n_snapshots++;
	return 0;
}

/* What only makes a snapshot if it is a SNAPSHOT. */
static int take_part(struct session *s, const struct chan_msg *msg)
{
	struct wire_snapshot head = {0};
	int err;

	if (msg->type == WIRE_SNAPSHOT &&
	    (!wire_get(msg->data, msg->size, &head, sizeof(head)) || head.series >= s->n_series))
		return -EPROTO;
	err = assemble_message(s->sampling.assemble, msg, &s->snapshot[head.series]);
	return err > 0 && head.series + 1u == s->n_series ? store_snapshot(s) : err < 0 ? err : 0;
}

static int take_message(struct session *s, const struct chan_msg *msg)
{
	struct wire_failed failed = {.status = EXIT_FAILED};

	switch (msg->type) {
	case WIRE_STARTED:
		return take_started(s, msg);
	case WIRE_FAILED:
		wire_get(msg->data, msg->size, &failed, sizeof(failed));
		s->status = failed.status ? failed.status : EXIT_FAILED;
		s->ended = true;
		return 0;
	case WIRE_ENDED:
		s->ended = wire_get(msg->data, msg->size, &s->end, sizeof(s->end));
		return s->ended ? 0 : -EPROTO;
	}
	return take_part(s, msg);
}

static int take_messages(struct session *s)
{
	struct chan_msg msg;
	int more = chan_fill(s->sampling.chan), err = 0;

	while (!err && (err = chan_next(s->sampling.chan, &msg)) > 0)
		err = take_message(s, &msg);
	if (err)
		return err;
	return more < 0 && !s->ended ? more : 0;
}

/* The first signal ends the recording, and everything is made; the second leaves at once. */
static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->sampling.signals, &info, sizeof(info)) == sizeof(info)) {
		if (s->sampling.stopping && info.ssi_signo != SIGHUP) {
			log_progress_end();
			log_error("stopped at once; '%s' can be read up to its last snapshot",
				  s->path);
			_exit(EXIT_FAILED);
		}
		sampling_stop(&s->sampling);
	}
}

static void add_progress(const struct session *s, size_t series, struct strbuf *sb)
{
	struct recording_meta m = meta_of(s, series);
	const struct account *a = &s->total[series];
	char taken[RECORDING_COUNT_MAX], lost[RECORDING_COUNT_MAX];

	strbuf_addf(sb, ", %s %s, %s lost", recording_format_count(&m, a->taken, taken),
		    recording_is_off_cpu(&m) ? "blocked" : "samples",
		    recording_format_count(&m, account_lost(a), lost));
}

static void show_progress(struct session *s)
{
	uint64_t now = now_ns(), since = now - s->start_mono_ns;
	struct strbuf sb = {0};

	if (!s->started || now - s->last_progress_ns < PROGRESS_NS)
		return;
	s->last_progress_ns = now;
	for (size_t i = 0; i < s->n_series; i++)
		add_progress(s, i, &sb);
	log_progress("recording: %llu s%s", (unsigned long long)(since / NS_PER_S),
		     strbuf_str(&sb));
	strbuf_deinit(&sb);
}

static int run(struct session *s)
{
	int err = 0;

	while (!s->ended && !err) {
		struct pollfd p[2] = {{.fd = chan_fd(s->sampling.chan),
				       .events = chan_poll_events(s->sampling.chan)},
				      {.fd = s->sampling.signals, .events = POLLIN}};

		if (poll(p, 2, PROGRESS_NS / NS_PER_MS) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			take_signal(s);
		if (p[0].revents & POLLOUT)
			chan_flush(s->sampling.chan);
		if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
			err = take_messages(s);
		show_progress(s);
	}
	log_progress_end();
	return err;
}

/* "on-cpu: " where there are two. */
static const char *prefix(const struct session *s, size_t series)
{
	static const char *const words[SERIES_MAX] = {"on-cpu: ", "off-cpu: "};

	return s->n_series > 1 ? words[series] : "";
}

static void tell_stacks(const struct session *s, size_t series)
{
	struct recording_meta m = meta_of(s, series);
	const struct account *a = &s->total[series];
	char complete[RECORDING_COUNT_MAX], truncated[RECORDING_COUNT_MAX],
	    kernel[RECORDING_COUNT_MAX];
	struct strbuf sb = {0};
	const char *why;

	for (int i = 0; i < UNWIND_ENDS; i++) {
		uint64_t n =
		    assemble_truncated(s->sampling.assemble, recording_is_off_cpu(&m), i, &why);
		size_t len;

		if (!n)
			continue;
		why = kind_truncated_why(why, &len);
		strbuf_addf(&sb, "%s%.*s %s", sb.len ? ", " : " (", (int)len, why,
			    recording_format_count(&m, n, truncated));
	}
	if (sb.len)
		strbuf_addc(&sb, ')');
	if (a->taken)
		log_note("%sstacks: %s complete, %s truncated%s, %s of the kernel alone",
			 prefix(s, series), recording_format_count(&m, a->complete, complete),
			 recording_format_count(&m, a->truncated, truncated), strbuf_str(&sb),
			 recording_format_count(&m, a->kernel_only, kernel));
	strbuf_deinit(&sb);
}

/* The account, whole: whoever reads it can add it up. */
static void add_lost(const struct recording_meta *m, const struct account *a, struct strbuf *sb)
{
	char n[RECORDING_COUNT_MAX];
	const char *between = " (";

	strbuf_addf(sb, "%s lost", recording_format_count(m, account_lost(a), n));
	for (int i = 0; i < LOSSES; i++) {
		if (!a->lost[i])
			continue;
		strbuf_addf(sb, "%s%s %s", between, loss_names[i],
			    recording_format_count(m, a->lost[i], n));
		between = ", ";
	}
	if (*between == ',')
		strbuf_addc(sb, ')');
}

static void tell_sum(const struct session *s, size_t series)
{
	struct recording_meta m = meta_of(s, series);
	const struct account *a = &s->total[series];
	uint64_t part[] = {a->expected, a->taken, a->idle, a->filtered};
	static const char *const words[] = {" expected = ", " taken + ", " idle + ",
					    " filtered + "};
	bool adds_up = !s->ended || a->expected == s->end.expected[series];
	char n[RECORDING_COUNT_MAX];
	struct strbuf sb = {0};

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		if (i != 2 || !recording_is_off_cpu(&m))
			strbuf_addf(&sb, "%s%s", recording_format_count(&m, part[i], n), words[i]);
	add_lost(&m, a, &sb);
	log_note("%s%zu snapshot%s: %s%s", prefix(s, series), s->n_snapshots,
		 s->n_snapshots == 1 ? "" : "s", strbuf_str(&sb),
		 adds_up ? "" : ": DOES NOT ADD UP with the kernel's count");
	strbuf_deinit(&sb);
}

static void tell_account(const struct session *s)
{
	struct namer_stats names = namer_stats(s->sampling.namer);

	for (size_t i = 0; i < s->n_series; i++) {
		tell_sum(s, i);
		tell_stacks(s, i);
	}
	if (s->end.moved_ns / NS_PER_MS)
		log_note(
		    "%llu ms of blocked time were told of when their snapshot was closed: they "
		    "stand in a later one",
		    (unsigned long long)(s->end.moved_ns / NS_PER_MS));
	if (s->end.unseen)
		log_warn(
		    "%llu times that threads were blocked are in no snapshot, or not whole: there "
		    "were too many threads, or their return was not seen",
		    (unsigned long long)s->end.unseen);
	if (s->end.beyond_bounds)
		log_warn("%llu processes, mappings or modules were more than are kept: their code "
			 "has no names",
			 (unsigned long long)s->end.beyond_bounds);
	if (names.kernel_hidden && !assemble_names_kernel(s->sampling.assemble))
		log_warn(
		    "the kernel hides its addresses (kernel.kptr_restrict), and before Linux 5.14 "
		    "tells no names without them: kernel frames have none");
	if (names.modules_failed)
		log_warn("%zu files could not be read for names: their code is told by address",
			 names.modules_failed);
	if (names.modules_other)
		log_warn("%zu files were replaced after they had been mapped: their code is told "
			 "by address",
			 names.modules_other);
	if (names.modules_cut)
		log_warn("%zu files have more debug information than is read: some of their "
			 "inlined functions and lines are missing",
			 names.modules_cut);
	if (s->end.sideband_lost)
		log_warn("%llu records of process life were lost: some names may be missing",
			 (unsigned long long)s->end.sideband_lost);
}

static int finish_recording(struct session *s, int err)
{
	int e;

	if (!s->store)
		return err;
	s->meta.command_status = s->end.command_status;
	s->meta.undelivered = s->ended ? s->end.undelivered : -1;
	e = store_finish(s->store, &s->meta);
	s->store = NULL;
	return err ? err : e;
}

/* Writes it anew beside itself, and puts that in its place. */
static int name_anew(struct session *s, struct symbolize_counts *counts)
{
	struct symbolize_from from = {.debug_folder = s->opt->record.debug_files,
				      .debuginfod = true};
	char *path = xasprintf("%s.part", s->path);
	struct recording rec;
	int err = store_open(s->path, &rec);

	namer_set_detail(s->sampling.namer, false, false);
	if (!err)
		err = symbolize(&rec, path, s->sampling.namer, &from, counts);
	recording_deinit(&rec);
	if (!err && rename(path, s->path)) {
		err = -errno;
		log_error("cannot rename '%s': %s", path, strerror(errno));
	}
	free(path);
	return err;
}

/* What is fetched after the end holds nothing up while it is recorded. */
static void ask_debuginfod(struct session *s)
{
	struct symbolize_counts counts;

	if (!s->opt->record.debuginfod)
		return;
	if (debuginfod_missing()) {
		log_warn("--debuginfod does nothing: %s", debuginfod_missing());
		return;
	}
	if (!name_anew(s, &counts) && counts.unnamed)
		log_note("%zu of %zu unnamed functions have a name now", counts.named,
			 counts.unnamed);
}

/*
 * A machine in trouble needs its CPUs for other things than a film, but somebody waits for it. With
 * two busy CPUs a film of 3 s by itself took over 100 s at nice 19 or SCHED_IDLE, 4 to 10 s at 10.
 */
static void yield_to_others(const struct session *s)
{
	if (!outputs_have_pictures(&s->out))
		return;
	if (getpriority(PRIO_PROCESS, 0) < FILM_NICE)
		setpriority(PRIO_PROCESS, 0, FILM_NICE);
	if (!s->is_temporary)
		log_note("making the film at low priority; Ctrl-C skips it, and `flamelapse render "
			 "%s -o FILE.mp4` makes it later",
			 s->path);
}

static void tell_nothing(const struct session *s, const char *filter)
{
	if (s->opt->record.off_cpu && !s->opt->record.on_cpu)
		log_error("nothing that was asked for was blocked, and then ran again: give a "
			  "longer duration, or other bounds with --min-block and --max-block");
	else if (*filter)
		log_error("nothing was sampled with this filter: is what you asked for running?");
	else if (s->total[0].expected)
		log_error("nothing was sampled: all CPUs were idle, which -I samples too");
	else
		log_error("nothing was sampled: it was too short; give a longer duration, or a "
			  "higher rate with -F");
}

/* More was lost of a series than --max-loss allows. */
static bool is_loss_above(const struct session *s, size_t series)
{
	struct recording_meta m = meta_of(s, series);
	const struct account *a = &s->total[series];
	double lost = a->expected ? 100.0 * account_lost(a) / a->expected : 0;

	if (s->opt->record.max_loss_percent < 0 || lost <= s->opt->record.max_loss_percent)
		return false;
	log_error("%.2f %% of %s were lost, more than --max-loss allows", lost,
		  recording_is_off_cpu(&m) ? "all blocked time" : "the samples");
	return true;
}

/* What nothing is made of can be made later. */
static int write_series(struct session *s, struct recording *rec)
{
	enum series shown = recording_series(&rec->meta);

	if (s->opt->series != SERIES_MAX)
		recording_see(rec, shown = s->opt->series);
	if (s->n_series > 1 && s->out.n_outputs > 1 && !s->is_temporary)
		log_note(
		    "what is made shows %s; `flamelapse render %s --series %s` shows the other",
		    series_names[shown], s->path, series_names[!shown]);
	if (rec->total.taken)
		return outputs_write(&s->out, rec);
	log_error("nothing was taken %s the CPU; --series %s shows the other",
		  shown == SERIES_OFF_CPU ? "off" : "on", series_names[!shown]);
	return EXIT_NOTHING;
}

static int make_outputs(struct session *s)
{
	struct recording rec;
	int err, status;

	err = store_open(s->path, &rec);
	if (err) {
		recording_deinit(&rec);
		return exit_status(err);
	}
	if (!s->total[0].taken && !s->total[1].taken) {
		tell_nothing(s, rec.meta.filter);
		status = EXIT_NOTHING;
		/* Under a name that nobody chose, an empty recording is only in the way. */
		if (s->out.outputs == s->default_output)
			unlink(s->path);
	} else {
		yield_to_others(s);
		status = write_series(s, &rec);
	}
	recording_deinit(&rec);
	for (size_t i = 0; i < s->n_series && status == EXIT_OK; i++)
		if (is_loss_above(s, i))
			status = EXIT_LOSS;
	return status;
}

static void end(struct session *s)
{
	if (s->is_temporary && s->started && s->status != EXIT_OK && s->status != EXIT_NOTHING &&
	    s->n_snapshots)
		log_note("the recording was kept: %s", s->path);
	else if (s->is_temporary && s->started)
		unlink(s->path);
	sampling_end(&s->sampling);
	snapshot_deinit(&s->snapshot[0]);
	snapshot_deinit(&s->snapshot[1]);
	recording_meta_deinit(&s->meta);
	free(s->name[0]);
	free(s->name[1]);
}

int cmd_record(const struct options *opt)
{
	struct session s = {.opt = opt, .end = {.undelivered = -1, .command_status = -1}};
	int err;

	choose_outputs(&s);
	/* Before a COMMAND runs in vain. Who may not sample shall be told of that first. */
	s.status = geteuid() ? EXIT_OK : outputs_check(&s.out);
	if (s.status == EXIT_OK)
		s.status = sampling_start(&s.sampling, &opt->record, false);
	if (s.status == EXIT_OK) {
		err = run(&s);
		if (err && s.status == EXIT_OK) {
			log_error("the process that samples ended unexpectedly: %s",
				  strerror(-err));
			s.status = EXIT_FAILED;
		}
		err = finish_recording(&s, err);
		if (err && s.status == EXIT_OK)
			s.status = exit_status(err);
	}
	sampling_release_signals();
	if (s.started) {
		sampling_tell_command(&opt->record, s.end.command_status);
		tell_account(&s);
	}
	if (s.status == EXIT_OK && s.started)
		ask_debuginfod(&s);
	if (s.status == EXIT_OK && s.started)
		s.status = make_outputs(&s);
	end(&s);
	return s.status;
}
