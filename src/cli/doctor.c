#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "capture/ksyms.h"
#include "cli/debuginfod.h"
#if RENDER && __has_include("render/sink_mp4.h")
#include "render/sink_mp4.h"
#define KNOWS_MP4 1
#else
#define KNOWS_MP4 0
#endif

#define BIT(n) (1ULL << (n))

static const struct {
	unsigned bit;
	const char *name;
} capabilities[] = {
    {CAP_BPF, "cap_bpf"},
    {CAP_PERFMON, "cap_perfmon"},
    {CAP_SYS_PTRACE, "cap_sys_ptrace"},
    {CAP_DAC_READ_SEARCH, "cap_dac_read_search"},
    {CAP_CHECKPOINT_RESTORE, "cap_checkpoint_restore"},
    {CAP_SYSLOG, "cap_syslog"},
};

#define FOR_SAMPLING (BIT(CAP_BPF) | BIT(CAP_PERFMON))
#define FOR_NAMES                                                                                  \
	(BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_CHECKPOINT_RESTORE) |            \
	 BIT(CAP_SYSLOG))

/* Adds a finding; its words follow by found() and advise(). */
static struct finding *add(struct doctor *d, const char *name, bool ok)
{
	struct finding *f = &d->finding[d->n++];

	*f = (struct finding){.name = name, .ok = ok};
	return f;
}

static void say(char **text, const char *fmt, va_list ap)
{
	free(*text);
	if (vasprintf(text, fmt, ap) < 0)
		*text = NULL;
}

__attribute__((format(printf, 2, 3))) static void found(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&f->found, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 3))) static void advise(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&f->advice, fmt, ap);
	va_end(ap);
}

/* The first bytes of a small file, without the line's end. False, and "": it cannot be read. */
static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return n > 0;
}

static bool read_sysctl(const char *name, long *value_ret)
{
	char path[128], buf[32];

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	if (!read_text(path, buf, sizeof(buf)))
		return false;
	*value_ret = strtol(buf, NULL, 10);
	return true;
}

static unsigned long long effective_capabilities(void)
{
	unsigned long long set = 0;
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &set) == 1)
			break;
	if (f)
		fclose(f);
	/* CAP_SYS_ADMIN stands for the two that were split from it. */
	if (set & BIT(CAP_SYS_ADMIN))
		set |= FOR_SAMPLING | BIT(CAP_CHECKPOINT_RESTORE);
	return set;
}

char *doctor_missing_capabilities(unsigned long long set, unsigned long long wanted)
{
	struct strbuf names = {0};

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (wanted & ~set & BIT(capabilities[i].bit))
			strbuf_addf(&names, "%s%s", names.len ? "," : "", capabilities[i].name);
	strbuf_adds(&names, "");
	return strbuf_detach(&names);
}

static void check_privileges(struct doctor *d)
{
	unsigned long long set = effective_capabilities();
	char *all = doctor_missing_capabilities(0, FOR_SAMPLING | FOR_NAMES);
	char *missing = doctor_missing_capabilities(set, FOR_SAMPLING);
	struct finding *f = add(d, "privileges", !*missing);

	f->needed = true;
	if (f->ok)
		found(f, "may sample the whole machine");
	else
		found(f, "without %s", missing);
	if (!f->ok)
		advise(f, "run it with sudo, or once: sudo setcap %s=ep FLAMELAPSE", all);
	free(missing);

	missing = doctor_missing_capabilities(set, FOR_NAMES);
	f = add(d, "foreign names", !*missing);
	if (f->ok)
		found(f, "may read other users' programs, and kernel addresses");
	else
		found(f, "without %s", missing);
	if (!f->ok)
		advise(f, "functions of other users' programs or of the kernel stay unnamed; use "
			  "sudo");
	free(missing);
	free(all);
}

bool doctor_release_is(const char *release, unsigned major, unsigned minor)
{
	unsigned a = 0, b = 0;

	sscanf(release, "%u.%u", &a, &b);
	return a > major || (a == major && b >= minor);
}

static void check_kernel(struct doctor *d)
{
	struct utsname name;
	struct finding *f;

	if (uname(&name))
		name.release[0] = name.machine[0] = '\0';
	f = add(d, "kernel", doctor_release_is(name.release, 5, 8));
	f->needed = true;
	found(f, "%s on %s", name.release, name.machine);
	if (!f->ok)
		advise(f, "the BPF ring buffer needs Linux 5.8");

	f = add(d, "BTF", !access("/sys/kernel/btf/vmlinux", R_OK));
	f->needed = true;
	found(f, "%s", f->ok ? "/sys/kernel/btf/vmlinux" : strerror(errno));
	if (!f->ok)
		advise(f, "use a kernel with CONFIG_DEBUG_INFO_BTF, as distributions build it");

	f = add(d, "user stacks",
		doctor_release_is(name.release, 5, 17) && !strcmp(name.machine, "x86_64"));
	found(f, "%s", f->ok ? "by unwinding tables" : "by frame pointers");
	if (!f->ok)
		advise(f, "build programs with -fno-omit-frame-pointer; tables need Linux 5.17 on "
			  "x86-64");
}

static int open_perf(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {
	    .type = type,
	    .size = sizeof(attr),
	    .config = config,
	    .freq = 1,
	    .sample_freq = 49,
	    .disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

static void check_perf(struct doctor *d)
{
	int fd = open_perf(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK), err = errno;
	struct finding *f = add(d, "perf events", fd >= 0);
	long paranoid = 0, rate = 0;
	bool known = read_sysctl("perf_event_paranoid", &paranoid);

	f->needed = true;
	found(f, "%s (perf_event_paranoid %ld)", f->ok ? "cpu-clock can be sampled" : strerror(err),
	      known ? paranoid : 0);
	if (!f->ok && !known)
		advise(f, "use a kernel with CONFIG_PERF_EVENTS");
	else if (!f->ok)
		advise(f,
		       "use sudo; in a container, --privileged, or a seccomp profile that permits "
		       "perf_event_open");
	if (fd >= 0)
		close(fd);

	fd = open_perf(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
	f = add(d, "PMU", fd >= 0);
	found(f, "%s", f->ok ? "cycles can be sampled" : "no hardware counters");
	if (!f->ok)
		advise(f, "-e cycles falls back to cpu-clock");
	if (fd >= 0)
		close(fd);

	known = read_sysctl("perf_event_max_sample_rate", &rate);
	f = add(d, "perf_event_max_sample_rate", known && rate >= 99);
	found(f, "%ld", rate);
	if (!f->ok)
		advise(f, "-F above it is refused: sudo sysctl kernel.perf_event_max_sample_rate="
			  "100000");
}

/* Loads the shortest program of our kind, and drops it. */
static int try_bpf(void)
{
	static const struct bpf_insn program[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
	    .prog_type = BPF_PROG_TYPE_PERF_EVENT,
	    .insns = (uintptr_t)program,
	    .insn_cnt = ARRAY_SIZE(program),
	    .license = (uintptr_t) "GPL",
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void check_bpf(struct doctor *d)
{
	char lockdown[128];
	int err = try_bpf();
	struct finding *f = add(d, "BPF", !err);
	long unprivileged = -1;
	bool locked;

	read_sysctl("unprivileged_bpf_disabled", &unprivileged);
	f->needed = true;
	if (unprivileged < 0)
		found(f, "%s", err ? strerror(err) : "programs can be loaded");
	else
		found(f, "%s (unprivileged_bpf_disabled %ld)",
		      err ? strerror(err) : "programs can be loaded", unprivileged);
	if (err == ENOSYS)
		advise(f,
		       "use a kernel with CONFIG_BPF_SYSCALL, or permit bpf(2) to the container");
	else if (err)
		advise(f, "use sudo; in a container, --privileged, or --cap-add of what privileges "
			  "names");

	if (!read_text("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown)))
		return;
	locked = strstr(lockdown, "[confidentiality]");
	f = add(d, "lockdown", !locked);
	f->needed = true;
	found(f, "%s", lockdown);
	if (locked)
		advise(f, "the kernel hides itself: boot with lockdown=integrity or none");
}

/* Addresses are zeros to who may not see them. */
static void check_kernel_names(struct doctor *d)
{
	bool are_hidden = ksyms_are_hidden();
	struct ksyms *ks = are_hidden ? ksyms_create(NULL) : NULL;
	struct finding *f = add(d, "kernel names", !are_hidden || ks);
	long restrict_ = 0;

	read_sysctl("kptr_restrict", &restrict_);
	found(f, "kptr_restrict %ld%s", restrict_, ks ? "; a BPF program can tell them" : "");
	ksyms_destroy(ks);
	if (!f->ok)
		advise(f, "kernel functions stay unnamed; use sudo, or: sudo sysctl "
			  "kernel.kptr_restrict=0");
}

static size_t count_files(const char *const *patterns)
{
	glob_t g = {0};
	size_t n;

	for (int i = 0; patterns[i]; i++)
		if (glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &g) == GLOB_NOSPACE)
			break;
	n = g.gl_pathc;
	globfree(&g);
	return n;
}

static void check_tracepoints(struct doctor *d)
{
	bool ok = !access("/sys/kernel/tracing/events/sched", R_OK) ||
		  !access("/sys/kernel/debug/tracing/events/sched", R_OK);
	struct finding *f = add(d, "tracepoints", ok);

	found(f, "%s", ok ? "tracefs" : "not to be seen");
	if (!ok)
		advise(f, "for -e tracepoint:…, as root: mount -t tracefs tracefs "
			  "/sys/kernel/tracing");
}

static void check_extras(struct doctor *d)
{
	static const char *const maps[] = {"/tmp/perf-*.map", NULL};
	bool cgroups = !access("/sys/fs/cgroup/cgroup.controllers", F_OK) ||
		       !access("/sys/fs/cgroup/unified/cgroup.controllers", F_OK);
	size_t n = count_files(maps);
	struct finding *f = add(d, "cgroups", cgroups);

	found(f, "%s", cgroups ? "version 2" : "no version 2 at /sys/fs/cgroup");
	if (!cgroups)
		advise(f, "--cgroup needs it: boot with systemd.unified_cgroup_hierarchy=1");

	f = add(d, "perf maps", true);
	found(f, "%zu in /tmp%s", n,
	      n ? "" : " (node --perf-basic-prof, java with perf-map-agent write them)");
}

#if RENDER
static void check_pictures(struct doctor *d)
{
	static const char *const fonts[] = {"/usr/share/fonts/*/*.[ot]t[cf]",
					    "/usr/share/fonts/*/*/*.[ot]t[cf]",
					    "/usr/local/share/fonts/*.[ot]t[cf]", NULL};
	size_t n = count_files(fonts);
	struct finding *f;

#if KNOWS_MP4
	f = add(d, "libx264", sink_mp4_available());
	found(f, "%s", f->ok ? "MP4 can be written" : "not in this libavcodec");
	if (!f->ok)
		advise(f,
		       "MP4 needs it: install libavcodec with x264 (Debian: libavcodec-extra), or "
		       "write .y4m");
#endif
	f = add(d, "fonts", n);
	found(f, "%zu besides the built-in one", n);
	if (!f->ok)
		advise(f, "other scripts in names are drawn as boxes; install fonts-dejavu-core or "
			  "fonts-noto-core");
}
#endif

static bool is_in_path(const char *tool)
{
	const char *path = getenv("PATH");
	char file[4096];

	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (len < sizeof(file) / 2) {
			snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, tool);
			if (!access(file, X_OK))
				return true;
		}
		path += len + (path[len] == ':');
	}
	return false;
}

static void check_debuginfod(struct doctor *d)
{
	const char *missing = debuginfod_missing();
	struct finding *f = add(d, "debuginfod", !missing);

	found(f, "%s", missing ? missing : "fetches symbols when --debuginfod asks for it");
	if (missing)
		advise(f, "not needed, but --debuginfod does nothing without it");
}

static void check_tools(struct doctor *d)
{
	static const struct {
		const char *name, *use;
	} tools[] = {
	    {"sqlite3", "queries a recording"},
	    {"ffmpeg", "turns .y4m into other formats"},
	    {"bpftool", "makes the maps of --cgroupmap and --mntnsmap"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		struct finding *f = add(d, tools[i].name, is_in_path(tools[i].name));

		found(f, "%s", f->ok ? "installed" : "not installed");
		if (!f->ok)
			advise(f, "not needed, but it %s", tools[i].use);
	}
}

void doctor_examine(struct doctor *d)
{
	*d = (struct doctor){0};
	check_privileges(d);
	check_kernel(d);
	check_perf(d);
	check_bpf(d);
	check_kernel_names(d);
	check_tracepoints(d);
	check_extras(d);
#if RENDER
	check_pictures(d);
#endif
	check_debuginfod(d);
	check_tools(d);
}

void doctor_deinit(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->finding[i].found);
		free(d->finding[i].advice);
	}
	d->n = 0;
}

bool doctor_permits_recording(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->finding[i].needed && !d->finding[i].ok)
			return false;
	return true;
}
