#include "bpf/kernel.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/sampler.h"

/* The helpers that walk stacks and fill rings are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Set before loading; the verifier drops what a run does not need. */
const volatile unsigned long long interval_ns = 1000000000;
const volatile unsigned int max_frames = SAMPLER_MAX_FRAMES;
const volatile unsigned long long pidns_dev, pidns_ino; /* 0: the initial PID namespace */
const volatile _Bool include_idle, user_only, kernel_only;
const volatile _Bool by_tgid, by_tid, by_cgroup, by_cgroup_set, by_mntns_set;

/* Set while running. Samples before start_ns and from stop_ns on are not ours. */
unsigned long long start_ns, stop_ns;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

/* Index: cpu * SAMPLER_SLOTS + interval % SAMPLER_SLOTS. Mapped, since reading it by system calls
 * would keep the program from running for as long. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SAMPLER_SLOTS);
	__type(key, u32);
	__type(value, struct sampler_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u8);
} tgids SEC(".maps"), tids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} cgroup SEC(".maps");

/* Stand-ins for the pinned maps of --cgroupmap and --mntnsmap. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u64);
} cgroup_set SEC(".maps"), mntns_set SEC(".maps");

/* A record under way. The second stack starts right behind the first, wherever that ends. */
struct scratch {
	struct sampler_record r;
	u64 addr[2 * SAMPLER_MAX_FRAMES + 2];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* No atomics: a slot belongs to one CPU, and the kernel does not run the program inside itself. */
static __always_inline struct sampler_slot *slot_of(u64 t_ns)
{
	u64 interval = (t_ns - start_ns) / interval_ns;
	u32 at = bpf_get_smp_processor_id() * SAMPLER_SLOTS + interval % SAMPLER_SLOTS;
	struct sampler_slot *s = bpf_map_lookup_elem(&slots, &at);

	if (s && s->interval != interval)
		*s = (struct sampler_slot){.interval = interval};
	return s;
}

static __always_inline u64 mntns_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

static __always_inline _Bool filtered(u32 tgid, u32 tid, struct task_struct *task)
{
	u64 id;

	if (by_tgid && !bpf_map_lookup_elem(&tgids, &tgid))
		return 1;
	if (by_tid && !bpf_map_lookup_elem(&tids, &tid))
		return 1;
	if (by_cgroup && bpf_current_task_under_cgroup(&cgroup, 0) != 1)
		return 1;
	if (by_cgroup_set) {
		id = bpf_get_current_cgroup_id();
		if (!bpf_map_lookup_elem(&cgroup_set, &id))
			return 1;
	}
	if (by_mntns_set) {
		id = mntns_of(task);
		if (!bpf_map_lookup_elem(&mntns_set, &id))
			return 1;
	}
	return 0;
}

/* The user stack, innermost first: how many addresses. The one place that knows how to unwind. */
static __always_inline u32 user_stack(void *ctx, u64 *addr, u16 *flags)
{
	long n;

	if (kernel_only) {
		*flags |= SAMPLER_USER_LEFT_OUT;
		return 0;
	}
	if (*flags & SAMPLER_NO_USER)
		return 0;
	n = bpf_get_stack(ctx, addr, max_frames * sizeof(*addr), BPF_F_USER_STACK);
	if (n <= 0) {
		*flags |= SAMPLER_USER_FAILED;
		return 0;
	}
	if (n == max_frames * sizeof(*addr))
		*flags |= SAMPLER_USER_CUT;
	return n / sizeof(*addr);
}

static __always_inline u32 kernel_stack(void *ctx, u64 *addr, u16 *flags)
{
	long n;

	if (user_only)
		return 0;
	n = bpf_get_stack(ctx, addr, max_frames * sizeof(*addr), 0);
	if (n <= 0)
		return 0;
	if (n == max_frames * sizeof(*addr))
		*flags |= SAMPLER_KERNEL_CUT;
	return n / sizeof(*addr);
}

static __always_inline void submit(struct sampler_slot *slot, struct scratch *s, u64 size)
{
	if (!bpf_ringbuf_output(&ring, s, size, BPF_RB_NO_WAKEUP)) {
		slot->submitted++;
		return;
	}
	/* A record takes 8 bytes more than it holds, and the ring is never filled to the last. */
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + size + 16 >
	    bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE))
		slot->ring_full++;
	else
		slot->ring_busy++;
}

/* false: the process is not in our PID namespace */
static __always_inline _Bool ids(u32 *tgid_ret, u32 *tid_ret)
{
	u64 id = bpf_get_current_pid_tgid();
	struct bpf_pidns_info ns;

	*tgid_ret = id >> 32;
	*tid_ret = id;
	if (!pidns_ino || !id)
		return 1;
	if (bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)))
		return 0;
	*tgid_ret = ns.tgid;
	*tid_ret = ns.pid;
	return 1;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	u64 t_ns = bpf_ktime_get_ns();
	struct sampler_slot *slot;
	struct task_struct *task;
	struct scratch *s;
	u32 zero = 0, tgid, tid, task_flags, n_kernel, n_user;
	u16 flags = 0;
	_Bool ours;

	if (!start_ns || t_ns < start_ns || (stop_ns && t_ns >= stop_ns))
		return 0;
	slot = slot_of(t_ns);
	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!slot || !s)
		return 0;
	slot->expected++;
	ours = ids(&tgid, &tid);
	if (!include_idle && !tid && ours) {
		slot->idle++;
		return 0;
	}
	task = (void *)bpf_get_current_task();
	if (!ours || filtered(tgid, tid, task)) {
		slot->filtered++;
		return 0;
	}
	task_flags = BPF_CORE_READ(task, flags);
	if (task_flags & PF_KTHREAD)
		flags = SAMPLER_KTHREAD | SAMPLER_NO_USER;
	else if (!BPF_CORE_READ(task, mm) || task_flags & PF_IO_WORKER)
		flags = SAMPLER_NO_USER;

	n_kernel = kernel_stack(ctx, s->addr, &flags);
	n_kernel &= SAMPLER_MAX_FRAMES;
	barrier_var(n_kernel);
	n_user = user_stack(ctx, s->addr + n_kernel, &flags);
	n_user &= SAMPLER_MAX_FRAMES;
	barrier_var(n_user);
	s->r.t_ns = t_ns;
	s->r.tgid = tgid;
	s->r.tid = tid;
	s->r.cpu = bpf_get_smp_processor_id();
	s->r.flags = flags;
	s->r.n_kernel = n_kernel;
	s->r.n_user = n_user;
	bpf_get_current_comm(s->r.comm, sizeof(s->r.comm));
	submit(slot, s, sizeof(s->r) + (u64)(n_kernel + n_user) * sizeof(*s->addr));
	return 0;
}
