#include "capture/sampler.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "bpf/sampler.skel.h"

/* A record with a kernel and a user stack takes about 300 bytes (measured). */
#define RING_RECORD_BYTES 300
#define RING_SECONDS	  4
#define RING_MIN_BYTES	  (256u << 10)
#define RING_MAX_BYTES	  (64u << 20)

/* The number that /proc/self/ns/pid has in the initial PID namespace. */
#define INITIAL_PIDNS_INO 0xeffffffcu

struct sampler {
	struct sampler_bpf *skel;
	/* Of the object's, those that are loaded: one, or both of off-CPU time. */
	struct bpf_program *prog, *second;
	struct bpf_link *link, *second_link; /* not of perf events */
	char finish[64]; /* the function that `second` is to be attached to; "": a tracepoint */
	uint64_t n_ends; /* that were taken */
	struct ring_buffer *ring;
	const struct sampler_slot *slots;
	size_t slots_bytes, ring_bytes;
	int n_cpus;
	bool by_tables;
	struct unwind_rule *rules;
	struct unwind_module *modules;
	uint32_t *segment[UNWIND_SEGMENTS];
	struct sampler_takers takers;
	int cgroup_fd, cgroup_set_fd, mntns_set_fd;
};

/* libbpf's last word on what went wrong, kept for our one line. */
static char libbpf_words[256];

static int keep_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBBPF_WARN || *libbpf_words)
		return 0;
	vsnprintf(libbpf_words, sizeof(libbpf_words), fmt, ap);
	libbpf_words[strcspn(libbpf_words, "\n")] = '\0';
	return 0;
}

static int explain_load(int err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		log_error("this kernel has no type information (/sys/kernel/btf/vmlinux): "
			  "it needs one built with CONFIG_DEBUG_INFO_BTF");
		return CAPTURE_NOT_PERMITTED;
	}
	if (err == -EPERM) {
		log_error("not permitted to load a BPF program: run it as root, or with the "
			  "capabilities CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
		return CAPTURE_NOT_PERMITTED;
	}
	log_error("cannot load the BPF program: %s%s%s", strerror(-err), *libbpf_words ? "; " : "",
		  libbpf_words);
	return err == -ENOMEM || err == -EMFILE ? CAPTURE_FAILED : CAPTURE_NOT_PERMITTED;
}

static size_t ring_size(uint64_t rate_hz, size_t n_cpus)
{
	uint64_t want = RING_SECONDS * RING_RECORD_BYTES * rate_hz * n_cpus;
	size_t size = RING_MIN_BYTES;

	while (size < want && size < RING_MAX_BYTES)
		size *= 2;
	if (size < want)
		log_note("the ring of samples is capped at %u MB: it holds %.2g s at this rate",
			 RING_MAX_BYTES >> 20, (double)size * RING_SECONDS / want);
	return size;
}

/* A pinned hash in place of one of ours: its descriptor, or -1 after a word. */
static int reuse_pinned(struct bpf_map *map, const char *path, const char *option)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path), err = fd;

	if (fd < 0) {
		log_error("%s: cannot open the pinned map '%s': %s", option, path, strerror(-err));
		return -1;
	}
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.type != BPF_MAP_TYPE_HASH ||
	    info.key_size != sizeof(uint64_t)) {
		log_error("%s: '%s' is not a BPF hash with keys of 8 bytes", option, path);
	} else if (bpf_map__reuse_fd(map, fd)) {
		log_error("%s: cannot use the pinned map '%s'", option, path);
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

static int open_cgroup(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0) {
		log_error("--cgroup: cannot open '%s': %s", path, strerror(errno));
		return -1;
	}
	if (!fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	log_error("--cgroup: '%s' is not a folder of a cgroup v2 hierarchy", path);
	close(fd);
	return -1;
}

static unsigned int max_frames(void)
{
	FILE *f = fopen("/proc/sys/kernel/perf_event_max_stack", "re");
	unsigned int n = SAMPLER_MAX_FRAMES;

	if (f && fscanf(f, "%u", &n) != 1)
		n = SAMPLER_MAX_FRAMES;
	if (f)
		fclose(f);
	return n && n < SAMPLER_MAX_FRAMES ? n : SAMPLER_MAX_FRAMES;
}

/* Tables need bpf_loop() and the registers of the task: Linux 5.17, x86-64 so far. */
static bool can_use_tables(void)
{
#if defined(__x86_64__)
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_loop, NULL) == 1 &&
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_task_pt_regs, NULL) == 1;
#else
	return false;
#endif
}

static struct bpf_program *choose_program(const struct sampler_bpf *skel, enum event_kind kind,
					  bool by_tables)
{
	if (kind == EVENT_TRACEPOINT)
		return by_tables ? skel->progs.tracepoint_by_tables
				 : skel->progs.tracepoint_by_pointers;
	if (kind == EVENT_OFF_CPU)
		return by_tables ? skel->progs.switch_by_tables : skel->progs.switch_by_pointers;
	if (kind == EVENT_UPROBE)
		return by_tables ? skel->progs.probe_by_tables : skel->progs.probe_by_pointers;
	return by_tables ? skel->progs.sample_by_tables : skel->progs.sample_by_pointers;
}

/* The function that ends a switch of threads, whose name compilers add to; "": it is not there. */
static void find_finish(char *name, size_t size)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], found[64];

	*name = '\0';
	while (f && !*name && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*[tT] %63s", found) == 1 &&
		    (!strcmp(found, "finish_task_switch") ||
		     !strncmp(found, "finish_task_switch.isra.", 24)))
			snprintf(name, size, "%s", found);
	if (f)
		fclose(f);
}

static bool has_tracepoint(const char *typedef_name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = btf && btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF) > 0;

	btf__free(btf);
	return found;
}

/* Where a thread can be met that is on a CPU again; NULL: nowhere in this kernel. */
static struct bpf_program *choose_second(struct sampler *s)
{
	struct sampler_bpf *skel = s->skel;

	if (has_tracepoint("btf_trace_sched_exit_tp"))
		return s->by_tables ? skel->progs.return_by_tables : skel->progs.return_by_pointers;
	if (!access("/sys/bus/event_source/devices/kprobe", F_OK))
		find_finish(s->finish, sizeof(s->finish));
	if (!*s->finish)
		return NULL;
	return s->by_tables ? skel->progs.finish_by_tables : skel->progs.finish_by_pointers;
}

static void choose_way(struct sampler *s, const struct capture_options *opts)
{
	s->by_tables = !opts->frame_pointers && !opts->kernel_only && can_use_tables();
	if (!s->by_tables && !opts->frame_pointers && !opts->kernel_only)
		log_warn("this kernel cannot unwind without frame pointers (that takes Linux 5.17 "
			 "on x86-64): callers are missing where programs were built without them");
}

static void choose_unwinder(struct sampler *s, const struct capture_options *opts,
			    const struct sampler *first)
{
	struct sampler_bpf *skel = s->skel;
	struct bpf_program *prog;

	if (first)
		s->by_tables = first->by_tables;
	else
		choose_way(s, opts);
	s->prog = choose_program(skel, opts->event.kind, s->by_tables);
	if (opts->event.kind == EVENT_OFF_CPU)
		s->second = choose_second(s);
	bpf_object__for_each_program(prog, skel->obj)
	    bpf_program__set_autoload(prog, prog == s->prog || prog == s->second);
	if (s->by_tables)
		return;
	bpf_map__set_autocreate(skel->maps.segments, false);
	bpf_map__set_autocreate(skel->maps.rules, false);
	bpf_map__set_autocreate(skel->maps.modules, false);
	bpf_map__set_autocreate(skel->maps.processes, false);
	bpf_map__set_autocreate(skel->maps.copies, false);
	bpf_map__set_autocreate(skel->maps.copy_of_cpu, false);
}

/* Puts the tables of the first one in place of ours. 0 or a negative errno. */
static int share_tables(struct sampler *s, const struct sampler *first)
{
	struct sampler_bpf *skel = s->skel, *from = first->skel;
	struct bpf_map *map[][2] = {{skel->maps.segments, from->maps.segments},
				    {skel->maps.rules, from->maps.rules},
				    {skel->maps.modules, from->maps.modules},
				    {skel->maps.processes, from->maps.processes}};
	int err = 0;

	for (size_t i = 0; s->by_tables && i < ARRAY_SIZE(map) && !err; i++)
		err = bpf_map__reuse_fd(map[i][0], bpf_map__fd(map[i][1]));
	return err;
}

/* As many as the kernel permits, within bounds: an entry takes about 80 bytes. */
#define MAX_THREADS (1u << 18)
static unsigned int max_threads(void)
{
	FILE *f = fopen("/proc/sys/kernel/threads-max", "re");
	unsigned int n = MAX_THREADS;

	if (f && fscanf(f, "%u", &n) != 1)
		n = MAX_THREADS;
	if (f)
		fclose(f);
	return n < MAX_THREADS ? n : MAX_THREADS;
}

static void set_off_cpu(struct sampler *s, const struct capture_options *opts)
{
	struct sampler_bpf *skel = s->skel;

	if (opts->event.kind != EVENT_OFF_CPU) {
		bpf_map__set_autocreate(skel->maps.threads, false);
		bpf_map__set_autocreate(skel->maps.ends, false);
		bpf_map__set_autocreate(skel->maps.outs, false);
		return;
	}
	skel->rodata->min_block_ns = opts->min_block_ns;
	skel->rodata->max_block_ns = opts->max_block_ns;
	skel->rodata->sees_return = s->second;
	bpf_map__set_max_entries(skel->maps.threads, max_threads());
	bpf_map__set_max_entries(skel->maps.ends, max_threads());
}

static void set_knobs(struct sampler *s, const struct capture_options *opts, size_t n_cpus)
{
	struct sampler_bpf *skel = s->skel;
	struct stat ns;

	skel->rodata->interval_ns = opts->interval_ns;
	skel->rodata->max_frames = max_frames();
	skel->rodata->max_user_frames = opts->max_stack;
	skel->rodata->copying = opts->copying;
	skel->rodata->every = event_is_probe(&opts->event) ? opts->period : 1;
	skel->rodata->only_cpu = opts->cpu;
	skel->rodata->include_idle = opts->include_idle;
	skel->rodata->user_only = opts->user_only;
	skel->rodata->kernel_only = opts->kernel_only;
	skel->rodata->by_tgid = opts->n_pids > 0;
	skel->rodata->by_tid = opts->n_tids > 0;
	skel->rodata->by_cgroup = opts->cgroup;
	skel->rodata->by_cgroup_set = opts->cgroupmap;
	skel->rodata->by_mntns_set = opts->mntnsmap;
	if (!stat("/proc/self/ns/pid", &ns) && ns.st_ino != INITIAL_PIDNS_INO) {
		skel->rodata->pidns_dev = ns.st_dev;
		skel->rodata->pidns_ino = ns.st_ino;
	}
	set_off_cpu(s, opts);
	s->n_cpus = libbpf_num_possible_cpus();
	s->ring_bytes = ring_size(events_rate_max(opts), n_cpus ? n_cpus : (size_t)s->n_cpus);
	s->slots_bytes = sizeof(struct sampler_slot) * SAMPLER_SLOTS * s->n_cpus;
	bpf_map__set_max_entries(skel->maps.ring, s->ring_bytes);
	bpf_map__set_max_entries(skel->maps.slots, SAMPLER_SLOTS * s->n_cpus);
	bpf_map__set_max_entries(skel->maps.copy_of_cpu, s->n_cpus);
	bpf_map__set_max_entries(skel->maps.tgids, opts->n_pids + 1);
	bpf_map__set_max_entries(skel->maps.tids, opts->n_tids + 1);
}

static int open_filters(struct sampler *s, const struct capture_options *opts)
{
	if (opts->cgroup && (s->cgroup_fd = open_cgroup(opts->cgroup)) < 0)
		return -1;
	if (opts->cgroupmap &&
	    (s->cgroup_set_fd =
		 reuse_pinned(s->skel->maps.cgroup_set, opts->cgroupmap, "--cgroupmap")) < 0)
		return -1;
	if (opts->mntnsmap && (s->mntns_set_fd = reuse_pinned(s->skel->maps.mntns_set,
							      opts->mntnsmap, "--mntnsmap")) < 0)
		return -1;
	return 0;
}

static int fill_set(const struct bpf_map *map, const uint32_t *key, size_t n)
{
	uint8_t one = 1;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = bpf_map_update_elem(bpf_map__fd(map), &key[i], &one, BPF_ANY);
	return err;
}

static int fill_filters(struct sampler *s, const struct capture_options *opts)
{
	uint32_t zero = 0;
	int err = fill_set(s->skel->maps.tgids, opts->pid, opts->n_pids);

	if (!err)
		err = fill_set(s->skel->maps.tids, opts->tid, opts->n_tids);
	if (!err && opts->cgroup)
		err = bpf_map_update_elem(bpf_map__fd(s->skel->maps.cgroup), &zero, &s->cgroup_fd,
					  BPF_ANY);
	return err;
}

static bool is_whole(const struct sampler_record *r, size_t size)
{
	return size >= sizeof(*r) && size >= sizeof(*r) + 8u * (r->n_kernel + r->n_user);
}

static int take_record(void *arg, void *data, size_t size)
{
	const struct sampler *s = arg;

	if (is_whole(data, size))
		s->takers.record(s->takers.arg, data);
	return 0;
}

static int take_block(void *arg, void *data, size_t size)
{
	const struct sampler *s = arg;
	const struct sampler_block *b = data;

	if (size >= sizeof(*b) &&
	    (!b->has_stack || is_whole(sampler_block_record(b), size - sizeof(*b))))
		s->takers.block(s->takers.arg, b);
	return 0;
}

/* Those that the ring had no room for. */
static void take_ends(struct sampler *s)
{
	int fd = bpf_map__fd(s->skel->maps.ends);
	uint64_t n = __atomic_load_n(&s->skel->bss->n_ends, __ATOMIC_ACQUIRE);
	uint32_t thread, next;
	struct sampler_end end;

	if (n == s->n_ends)
		return;
	s->n_ends = n;
	for (int more = !bpf_map_get_next_key(fd, NULL, &thread); more; thread = next) {
		more = !bpf_map_get_next_key(fd, &thread, &next);
		if (bpf_map_lookup_elem(fd, &thread, &end))
			continue;
		s->takers.block(s->takers.arg, &(struct sampler_block){.out_ns = end.out_ns,
								       .in_ns = end.in_ns,
								       .thread = thread});
		bpf_map_delete_elem(fd, &thread);
	}
}

static int take_copy(void *arg, void *data, size_t size)
{
	const struct sampler *s = arg;
	const struct sampler_copy *c = data;

	if (size >= sizeof(*c) && size >= sizeof(*c) + c->n_bytes)
		s->takers.copy(s->takers.arg, c);
	return 0;
}

/* The memory of a map of ours, or NULL with errno. */
static void *map_memory(const struct bpf_map *map, size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

#define RULES_BYTES   (UNWIND_RULES_MAX * sizeof(struct unwind_rule))
#define MODULES_BYTES (UNWIND_MODULES_MAX * sizeof(struct unwind_module))
#define SEGMENT_BYTES ((UNWIND_SEGMENT_WORDS + UNWIND_GUARD_WORDS) * sizeof(uint32_t))

static int map_tables(struct sampler *s)
{
	s->rules = map_memory(s->skel->maps.rules, RULES_BYTES, PROT_READ | PROT_WRITE);
	s->modules = map_memory(s->skel->maps.modules, MODULES_BYTES, PROT_READ | PROT_WRITE);
	return s->rules && s->modules ? 0 : -errno;
}

static int load(struct sampler *s, const struct capture_options *opts, const struct sampler *first)
{
	int err = first ? share_tables(s, first) : 0;

	if (!err)
		err = sampler_bpf__load(s->skel);
	if (!err)
		err = fill_filters(s, opts);
	if (!err && s->by_tables && !first)
		err = map_tables(s);
	if (err)
		return err;
	s->slots = map_memory(s->skel->maps.slots, s->slots_bytes, PROT_READ);
	if (!s->slots)
		return -errno;
	s->ring =
	    ring_buffer__new(bpf_map__fd(s->skel->maps.ring),
			     opts->event.kind == EVENT_OFF_CPU ? take_block : take_record, s, NULL);
	if (!s->ring)
		return -errno;
	if (!s->by_tables)
		return 0;
	return ring_buffer__add(s->ring, bpf_map__fd(s->skel->maps.copies), take_copy, s);
}

struct sampler *sampler_create(const struct capture_options *opts, size_t n_cpus,
			       const struct sampler_takers *takers, const struct sampler *first,
			       int *status_ret)
{
	struct sampler *s = xcalloc(1, sizeof(*s));
	int err;

	s->takers = *takers;
	s->cgroup_fd = s->cgroup_set_fd = s->mntns_set_fd = -1;
	*status_ret = CAPTURE_FAILED;
	libbpf_set_print(keep_words);
	s->skel = sampler_bpf__open();
	if (!s->skel) {
		*status_ret = explain_load(-errno);
		goto fail;
	}
	choose_unwinder(s, opts, first);
	set_knobs(s, opts, n_cpus);
	if (open_filters(s, opts))
		goto fail;
	err = load(s, opts, first);
	if (err) {
		*status_ret = explain_load(err);
		goto fail;
	}
	*status_ret = CAPTURE_OK;
	return s;
fail:
	sampler_destroy(s);
	return NULL;
}

void sampler_destroy(struct sampler *s)
{
	if (!s)
		return;
	bpf_link__destroy(s->link);
	bpf_link__destroy(s->second_link);
	ring_buffer__free(s->ring);
	if (s->slots)
		munmap((void *)s->slots, s->slots_bytes);
	if (s->rules)
		munmap(s->rules, RULES_BYTES);
	if (s->modules)
		munmap(s->modules, MODULES_BYTES);
	for (int i = 0; i < UNWIND_SEGMENTS; i++)
		if (s->segment[i])
			munmap(s->segment[i], SEGMENT_BYTES);
	sampler_bpf__destroy(s->skel);
	if (s->cgroup_fd >= 0)
		close(s->cgroup_fd);
	if (s->cgroup_set_fd >= 0)
		close(s->cgroup_set_fd);
	if (s->mntns_set_fd >= 0)
		close(s->mntns_set_fd);
	free(s);
}

/* The function that -e uprobe names; libbpf finds it in the file. */
static int attach_uprobe(struct sampler *s, const struct event_spec *e)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = *e->symbol ? e->symbol : NULL);

	*libbpf_words = '\0';
	s->link = bpf_program__attach_uprobe_opts(s->prog, -1, e->path, e->offset, &opts);
	return s->link ? 0 : -errno;
}

/* The second one first: what has begun can end then. */
static int attach_switches(struct sampler *s)
{
	*libbpf_words = '\0';
	if (s->second) {
		s->second_link = *s->finish
				     ? bpf_program__attach_kprobe(s->second, false, s->finish)
				     : bpf_program__attach(s->second);
		if (!s->second_link)
			return -errno;
	}
	s->link = bpf_program__attach(s->prog);
	return s->link ? 0 : -errno;
}

/* By ioctl and not by a link, since libbpf's way enables the event at once. */
static int attach_events(struct sampler *s, const struct events *ev)
{
	int prog = bpf_program__fd(s->prog);

	for (size_t i = 0; i < ev->n; i++)
		if (ioctl(ev->fd[i], PERF_EVENT_IOC_SET_BPF, prog))
			return -errno;
	return 0;
}

int sampler_attach(struct sampler *s, const struct events *ev)
{
	const struct event_spec *e = &ev->event;
	int err = e->kind == EVENT_UPROBE    ? attach_uprobe(s, e)
		  : e->kind == EVENT_OFF_CPU ? attach_switches(s)
					     : attach_events(s, ev);

	if (!err)
		return CAPTURE_OK;
	if (e->kind == EVENT_UPROBE && err != -EPERM) {
		log_error("cannot probe '%s' at %s+0x%llx: %s", e->path, e->symbol,
			  (unsigned long long)e->offset,
			  err == -ENOENT ? "no such file or function" : strerror(-err));
		return CAPTURE_FAILED;
	}
	log_error("cannot attach the BPF program to the event: %s", strerror(-err));
	return CAPTURE_NOT_PERMITTED;
}

void sampler_begin(struct sampler *s, uint64_t start_ns)
{
	__atomic_store_n(&s->skel->bss->start_ns, start_ns, __ATOMIC_RELEASE);
}

void sampler_end(struct sampler *s, uint64_t stop_ns)
{
	__atomic_store_n(&s->skel->bss->stop_ns, stop_ns, __ATOMIC_RELEASE);
}

int sampler_drain(struct sampler *s)
{
	int n = ring_buffer__consume(s->ring);

	take_ends(s);
	return n;
}

void sampler_counters(const struct sampler *s, uint64_t interval, struct sampler_counters *ret)
{
	*ret = (struct sampler_counters){0};
	for (int cpu = 0; cpu < s->n_cpus; cpu++) {
		const volatile struct sampler_slot *slot =
		    &s->slots[cpu * SAMPLER_SLOTS + interval % SAMPLER_SLOTS];

		if (slot->interval != interval)
			continue;
		ret->expected += slot->expected;
		ret->idle += slot->idle;
		ret->filtered += slot->filtered;
		ret->submitted += slot->submitted + slot->ends;
		ret->ring_full += slot->ring_full;
		ret->ring_busy += slot->ring_busy;
	}
}

size_t sampler_ring_bytes(const struct sampler *s)
{
	return s->ring_bytes;
}

uint64_t sampler_unseen(const struct sampler *s)
{
	return s->skel->bss->unseen;
}

static uint64_t run_time_ns(const struct bpf_program *prog, uint64_t *runs)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (!prog || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
		return 0;
	*runs = info.run_cnt;
	return info.run_time_ns;
}

uint64_t sampler_run_time_ns(const struct sampler *s, uint64_t *runs_ret)
{
	uint64_t unused = 0;

	*runs_ret = 0;
	return run_time_ns(s->prog, runs_ret) + run_time_ns(s->second, &unused);
}

/* --- tables --- */

bool sampler_by_tables(const struct sampler *s)
{
	return s->by_tables;
}

struct unwind_rule *sampler_rules(const struct sampler *s)
{
	return s->rules;
}

struct unwind_module *sampler_modules(const struct sampler *s)
{
	return s->modules;
}

uint32_t *sampler_segment(void *arg, uint32_t index)
{
	struct sampler *s = arg;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_segment", sizeof(uint32_t),
				SEGMENT_BYTES, 1, &opts);
	void *p = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!bpf_map_update_elem(bpf_map__fd(s->skel->maps.segments), &index, &fd, BPF_ANY))
		p = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	return s->segment[index] = p;
}

int sampler_set_process(struct sampler *s, uint32_t pid, const struct unwind_process *p)
{
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.processes), &pid, p, BPF_ANY);
}

void sampler_drop_process(struct sampler *s, uint32_t pid)
{
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.processes), &pid);
}
