#include "bpf/kernel.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/sampler.h"
#include "bpf/unwind.bpf.h"

/* The helpers that walk stacks and fill rings are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Set before loading; the verifier drops what a run does not need. */
const volatile unsigned long long interval_ns = 1000000000;
const volatile unsigned int max_frames = SAMPLER_MAX_FRAMES;
const volatile unsigned int max_user_frames = SAMPLER_MAX_USER; /* by tables */
const volatile unsigned long long pidns_dev, pidns_ino;		/* 0: the initial PID namespace */
const volatile unsigned int every = 1;				/* of the hits of a probe */
const volatile int only_cpu = -1;				/* of a probe */
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

/* Stack copies. */
const volatile unsigned int copying = SAMPLER_COPY_NEEDED;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} copies SEC(".maps");

/* What may be done now and then only: a burst at first, then once in a while. */
struct budget {
	u64 left_ns; /* what has gathered since the last times */
	u64 last_ns;
};

#define COPY_PAGE 4096

struct copy {
	struct sampler_copy head;
	u8 byte[SAMPLER_COPY_BYTES + 2 * COPY_PAGE]; /* what is beyond is for the verifier */
	struct budget budget;			     /* of this CPU */
	u64 from, left;				     /* while a copy is made */
};

/* By CPU; an element is larger than those of a per-CPU map may be. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct copy);
} copy_of_cpu SEC(".maps");

/* A record under way. The second stack starts right behind the first, wherever that ends. */
struct scratch {
	struct sampler_block block;
	struct sampler_record r;
	u64 addr[SAMPLER_MAX_FRAMES + SAMPLER_MAX_USER + 2];
	struct unwind unwind;
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

/* By frame pointers, innermost first: how many addresses. */
static __always_inline u32 user_stack_by_pointers(void *ctx, u64 *addr, u16 *flags)
{
	long n = bpf_get_stack(ctx, addr, max_frames * sizeof(*addr), BPF_F_USER_STACK);

	if (n <= 0) {
		*flags |= SAMPLER_USER_FAILED;
		return 0;
	}
	if (n == max_frames * sizeof(*addr))
		*flags |= SAMPLER_USER_CUT;
	return n / sizeof(*addr);
}

/* Takes one frame, and goes to its caller. */
static long take_frame(u32 i, void *unused)
{
	u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct unwind *u;
	u64 at, address;
	u32 was_exact;

	if (!s)
		return 1;
	u = &s->unwind;
	address = u->depth && u->is_exact ? u->ip + 1 : u->ip;
	at = (u64)s->r.n_kernel + u->depth;
	barrier_var(at);
	if (u->depth >= u->max || at >= SAMPLER_MAX_FRAMES + SAMPLER_MAX_USER) {
		u->end = UNWIND_TOO_DEEP;
		return 1;
	}
	s->addr[at] = address;
	u->depth++;
	was_exact = u->is_exact;
	u->end = to_caller(u);
	/* What a handler returns to did not call it either: it begins there. */
	if (!u->end && u->is_exact && !was_exact)
		s->addr[at] = address + 1;
	return u->end != 0;
}

static __always_inline _Bool spend(struct budget *b, u64 t_ns, u64 every_ns, u64 burst)
{
	b->left_ns += b->last_ns ? t_ns - b->last_ns : burst * every_ns;
	b->last_ns = t_ns;
	if (b->left_ns > burst * every_ns)
		b->left_ns = burst * every_ns;
	if (b->left_ns < every_ns)
		return 0;
	b->left_ns -= every_ns;
	return 1;
}

/* Whether this CPU may take a copy now. */
static __always_inline _Bool may_copy(struct copy *c, u64 t_ns)
{
	return copying == SAMPLER_COPY_ALL ||
	       spend(&c->budget, t_ns, SAMPLER_COPY_EVERY, SAMPLER_COPIES_BURST);
}

/* Copies on to the end of the page. What it needs to know lies in memory: of numbers in registers
 * the verifier would keep track through all rounds. */
static long copy_page(u32 i, void *unused)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct copy *c = bpf_map_lookup_elem(&copy_of_cpu, &cpu);
	u64 at, from, size;

	if (!c)
		return 1;
	at = c->head.n_bytes;
	from = c->from + at;
	size = COPY_PAGE - (from & (COPY_PAGE - 1));
	if (at > SAMPLER_COPY_BYTES - COPY_PAGE || at >= c->left)
		return 1;
	if (size > c->left - at)
		size = c->left - at;
	/* Bounds that are plain to see, whatever the compiler made of those above. */
	barrier_var(at);
	barrier_var(size);
	at &= SAMPLER_COPY_BYTES - 1;
	size &= 2 * COPY_PAGE - 1;
	if (bpf_probe_read_user(c->byte + at, size, (void *)from))
		return 1;
	c->head.n_bytes += size;
	return 0;
}

/* The bytes from the stack pointer on: to the end of its page, then whole pages, while they can be
 * read; of a main thread up to where its stack began. */
static __always_inline u64 copy_bytes(struct copy *c, u64 sp, u64 top)
{
	c->from = sp;
	c->left = top > sp ? top - sp : SAMPLER_COPY_BYTES;
	c->head.n_bytes = 0;
	bpf_loop(SAMPLER_COPY_BYTES / COPY_PAGE, copy_page, 0, 0);
	return c->head.n_bytes;
}

static __always_inline _Bool needs_copy(u32 end)
{
	return copying == SAMPLER_COPY_ALL || end == UNWIND_NO_PROCESS ||
	       end == UNWIND_NO_MAPPING || end == UNWIND_NO_TABLE || end == UNWIND_HARD_RULE;
}

static __always_inline void copy_stack(const struct unwind *u, struct task_struct *task, u64 t_ns,
				       u16 *flags)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct copy *c = bpf_map_lookup_elem(&copy_of_cpu, &cpu);
	u64 n;

	if (!c || !may_copy(c, t_ns))
		return;
	__builtin_memcpy(c->head.reg, u->reg0, sizeof(c->head.reg));
	n = copy_bytes(c, u->reg0[UNWIND_RSP], BPF_CORE_READ(task, mm, start_stack));
	barrier_var(n);
	if (!n || n > SAMPLER_COPY_BYTES)
		return;
	c->head.t_ns = t_ns;
	c->head.cpu = cpu;
	if (!bpf_ringbuf_output(&copies, c, sizeof(c->head) + n, BPF_RB_NO_WAKEUP))
		*flags |= SAMPLER_COPIED;
}

static __always_inline void start_registers(struct unwind *u, const struct pt_regs *regs)
{
	u->ip = regs->ip;
	u->sp = regs->sp;
	u->reg[0] = regs->ax;
	u->reg[1] = regs->dx;
	u->reg[2] = regs->cx;
	u->reg[3] = regs->bx;
	u->reg[4] = regs->si;
	u->reg[5] = regs->di;
	u->reg[6] = regs->bp;
	u->reg[8] = regs->r8;
	u->reg[9] = regs->r9;
	u->reg[10] = regs->r10;
	u->reg[11] = regs->r11;
	u->reg[12] = regs->r12;
	u->reg[13] = regs->r13;
	u->reg[14] = regs->r14;
	u->reg[15] = regs->r15;
	u->reg[UNWIND_RSP] = regs->sp;
	__builtin_memcpy(u->reg0, u->reg, sizeof(u->reg));
	u->reg0[16] = regs->ip;
	__builtin_memset(u->at, 0, sizeof(u->at));
}

/* Half-way through execve() there is no user stack: the old one went, and nothing ran on the new.
 */
static __always_inline _Bool is_replaced(struct task_struct *task)
{
	return bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD(task, in_execve);
}

/* By tables. 32-bit code has none. */
static __always_inline u32 user_stack_by_tables(void *ctx, struct scratch *s, u32 n_kernel,
						u32 tgid, u64 t_ns, u16 *flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	/* Where an interrupt or a system call left user code, they were put there. */
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	const struct unwind_process *p;
	struct unwind *u = &s->unwind;
	_Bool wanted;

	if (regs->cs != USER_CS)
		return user_stack_by_pointers(ctx, s->addr + n_kernel, flags);
	start_registers(u, regs);
	u->depth = 0;
	u->max = max_user_frames;
	u->is_exact = 1;
	u->mapping.n_pages = 0;
	p = bpf_map_lookup_elem(&processes, &tgid);
	wanted = !p || p->n;
	if (p && wanted) {
		u->process = *p;
		bpf_loop(SAMPLER_MAX_USER + 1, take_frame, 0, 0);
	} else {
		u->end = UNWIND_NO_PROCESS;
		s->addr[n_kernel] = u->ip;
		u->depth = 1;
	}
	if (u->end != UNWIND_COMPLETE && is_replaced(task)) {
		*flags |= SAMPLER_NO_USER;
		return 0;
	}
	*flags |= u->end << SAMPLER_END_SHIFT;
	if (copying && wanted && needs_copy(u->end))
		copy_stack(u, task, t_ns, flags);
	return u->depth;
}

/* The user stack, innermost first: how many addresses. The one place that knows how to unwind. */
static __always_inline u32 user_stack(void *ctx, struct scratch *s, u32 n_kernel, u32 tgid,
				      u64 t_ns, u16 *flags, const _Bool by_tables)
{
	if (kernel_only) {
		*flags |= SAMPLER_USER_LEFT_OUT;
		return 0;
	}
	if (*flags & SAMPLER_NO_USER)
		return 0;
	if (by_tables)
		return user_stack_by_tables(ctx, s, n_kernel, tgid, t_ns, flags);
	return user_stack_by_pointers(ctx, s->addr + n_kernel, flags);
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

/* `worth`: what is lost, in the unit of the slot, where there is no room. */
static __always_inline _Bool submit(struct sampler_slot *slot, void *data, u64 size, u64 worth)
{
	if (!bpf_ringbuf_output(&ring, data, size, BPF_RB_NO_WAKEUP)) {
		slot->submitted++;
		return 1;
	}
	/* A record takes 8 bytes more than it holds, and the ring is never filled to the last. */
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + size + 16 >
	    bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE))
		slot->ring_full += worth;
	else
		slot->ring_busy += worth;
	return 0;
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

static __always_inline _Bool is_recording(u64 t_ns)
{
	return start_ns && t_ns >= start_ns && (!stop_ns || t_ns < stop_ns);
}

/* The record of the current task, with both stacks: how many bytes. */
static __always_inline u64 fill_record(void *ctx, struct scratch *s, struct task_struct *task,
				       u32 tgid, u32 tid, u64 t_ns, const _Bool by_tables)
{
	u32 task_flags = BPF_CORE_READ(task, flags), n_kernel, n_user;
	u16 flags = 0;

	if (task_flags & PF_KTHREAD)
		flags = SAMPLER_KTHREAD | SAMPLER_NO_USER;
	else if (!BPF_CORE_READ(task, mm) || task_flags & PF_IO_WORKER)
		flags = SAMPLER_NO_USER;
	n_kernel = kernel_stack(ctx, s->addr, &flags);
	n_kernel &= SAMPLER_MAX_FRAMES;
	barrier_var(n_kernel);
	s->r.n_kernel = n_kernel;
	n_user = user_stack(ctx, s, n_kernel, tgid, t_ns, &flags, by_tables);
	n_user &= SAMPLER_MAX_USER;
	barrier_var(n_user);
	s->r.t_ns = t_ns;
	s->r.tgid = tgid;
	s->r.tid = tid;
	s->r.cpu = bpf_get_smp_processor_id();
	s->r.flags = flags;
	s->r.n_user = n_user;
	s->r.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(s->r.comm, sizeof(s->r.comm));
	return sizeof(s->r) + (u64)(n_kernel + n_user) * sizeof(*s->addr);
}

static __always_inline int take_sample(void *ctx, const _Bool by_tables)
{
	u64 t_ns = bpf_ktime_get_ns(), size;
	struct sampler_slot *slot;
	struct task_struct *task;
	struct scratch *s;
	u32 zero = 0, tgid, tid;
	_Bool ours;

	if (!is_recording(t_ns))
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
	size = fill_record(ctx, s, task, tgid, tid, t_ns, by_tables);
	submit(slot, &s->r, size, 1);
	return 0;
}

/* Hits of a probe, by CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} hits SEC(".maps");

static __always_inline int take_hit(void *ctx, const _Bool by_tables)
{
	u32 zero = 0;
	u64 *n;

	if (only_cpu >= 0 && bpf_get_smp_processor_id() != (u32)only_cpu)
		return 0;
	if (every > 1) {
		n = bpf_map_lookup_elem(&hits, &zero);
		if (!n || ++*n % every)
			return 0;
	}
	return take_sample(ctx, by_tables);
}

/* One of all these is loaded. */
SEC("tracepoint")
int tracepoint_by_tables(void *ctx)
{
	return take_hit(ctx, 1);
}

SEC("tracepoint")
int tracepoint_by_pointers(void *ctx)
{
	return take_hit(ctx, 0);
}

SEC("kprobe")
int probe_by_tables(void *ctx)
{
	return take_hit(ctx, 1);
}

SEC("kprobe")
int probe_by_pointers(void *ctx)
{
	return take_hit(ctx, 0);
}

SEC("perf_event")
int sample_by_tables(struct bpf_perf_event_data *ctx)
{
	return take_sample(ctx, 1);
}

SEC("perf_event")
int sample_by_pointers(struct bpf_perf_event_data *ctx)
{
	return take_sample(ctx, 0);
}

#include "bpf/offcpu.bpf.h"
