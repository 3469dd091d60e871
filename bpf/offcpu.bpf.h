#ifndef BPF_OFFCPU_BPF_H
#define BPF_OFFCPU_BPF_H

/*
 * Off-CPU time, for bpf/sampler.bpf.c: two programs, and no other is loaded beside them, so that
 * rings, counters and scratch are theirs alone. Both run while a CPU switches threads, which it
 * does not do inside itself.
 *
 * The first sees a thread leave its CPU and is still on that thread. The second one runs when a
 * thread is back on a CPU, again on that thread, so that its stack can be read at either end:
 *
 *	at the beginning   unless the thread's last block was too short to count, and even then for
 *	                   as many as the budget of the CPU allows: so it shows while it lasts
 *	at the end         else, and only if the block is not filtered for its length: where threads
 *	                   take turns all the time, most blocks are short, and cost two look-ups
 *
 * Where the kernel has no place for the second program, all stacks are taken at the beginning.
 */
const volatile unsigned long long min_block_ns, max_block_ns; /* max 0: none */
/* There is a second program. */
const volatile _Bool sees_return;

/* Blocks that are not known of, since their threads were too many. */
unsigned long long unseen;
/* How many ends were ever put into `ends`. */
unsigned long long n_ends;

#define THREAD_FILTERED 1
#define THREAD_SENT	2 /* the block's beginning is in the ring */
#define THREAD_KEPT	4 /* the end of an earlier one waits in `ends` */

struct thread {
	u64 since_ns; /* 0: it runs */
	u64 last_ns;  /* length of the last block */
	u16 state, flags;
};

/* By id in the initial PID namespace. Preallocated: memory cannot be asked for here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sampler_end);
} ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct budget);
} outs SEC(".maps");

static __always_inline u32 state_of(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ(old, state);
}

/* A state that is gone, since somebody wakes the thread already, was a sleep. */
static __always_inline u16 block_state(_Bool preempted, u32 state)
{
	if (preempted || !state)
		return BLOCK_RUNNABLE;
	if (state & (TASK_STOPPED | TASK_TRACED))
		return BLOCK_STOPPED;
	if (state & TASK_UNINTERRUPTIBLE && !(state & TASK_NOLOAD))
		return BLOCK_UNINTERRUPTIBLE;
	return BLOCK_SLEEPING;
}

/* Whether the stack is to be taken as the block begins. */
static __always_inline _Bool takes_at_start(struct thread *t, u32 thread, u64 t_ns)
{
	u32 zero = 0;
	struct budget *b;

	/* Not before the end of the one before is known, or it would pass for this one's. */
	if (t->flags & THREAD_KEPT) {
		if (bpf_map_lookup_elem(&ends, &thread))
			return 0;
		t->flags &= ~THREAD_KEPT;
	}
	if (!sees_return)
		return 1;
	if (max_block_ns)
		return 0;
	if (!t->last_ns || t->last_ns >= min_block_ns)
		return 1;
	b = bpf_map_lookup_elem(&outs, &zero);
	return b && spend(b, t_ns, SAMPLER_OUT_EVERY, SAMPLER_OUT_BURST);
}

static __always_inline struct thread *find_thread(u32 thread)
{
	struct thread none = {}, *t = bpf_map_lookup_elem(&threads, &thread);

	if (t)
		return t;
	if (bpf_map_update_elem(&threads, &thread, &none, BPF_NOEXIST))
		__sync_fetch_and_add(&unseen, 1);
	return bpf_map_lookup_elem(&threads, &thread);
}

/* The current task leaves its CPU. */
static __always_inline void begin_block(void *ctx, struct task_struct *task, _Bool preempted,
					u64 t_ns, const _Bool by_tables)
{
	u32 thread = BPF_CORE_READ(task, pid), state = state_of(task), zero = 0, tgid, tid;
	struct sampler_slot *slot;
	struct scratch *s;
	struct thread *t;
	_Bool ours;
	u64 size;

	if (!thread)
		return;
	if (!preempted && state & TASK_DEAD) {
		bpf_map_delete_elem(&threads, &thread);
		return;
	}
	t = find_thread(thread);
	slot = slot_of(t_ns);
	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!t || !slot || !s)
		return;
	ours = ids(&tgid, &tid);
	t->since_ns = t_ns;
	t->state = block_state(preempted, state);
	t->flags &= THREAD_KEPT;
	if (!ours || filtered(tgid, tid, task)) {
		t->flags |= THREAD_FILTERED;
		return;
	}
	if (!takes_at_start(t, thread, t_ns))
		return;
	s->block = (struct sampler_block){.out_ns = t_ns,
					  .thread = thread,
					  .state = t->state,
					  .has_stack = 1};
	size = fill_record(ctx, s, task, tgid, tid, t_ns, by_tables);
	if (submit(slot, s, sizeof(s->block) + size, 0))
		t->flags |= THREAD_SENT;
}

/* What the ring has no room for stays where it can be found: else the block would never end. */
static __always_inline void send_end(struct sampler_slot *slot, struct thread *t,
				     struct sampler_block *block)
{
	struct sampler_end end = {.out_ns = block->out_ns, .in_ns = block->in_ns};
	u32 thread = block->thread;

	if (submit(slot, block, sizeof(*block), 0))
		return;
	t->flags |= THREAD_KEPT;
	bpf_map_update_elem(&ends, &thread, &end, BPF_ANY);
	slot->ends++;
	__sync_fetch_and_add(&n_ends, 1);
}

/* A thread is on a CPU again: the current one, if its stack can be taken. */
static __always_inline void end_block(void *ctx, u32 thread, struct task_struct *current, u64 t_ns,
				      const _Bool by_tables)
{
	struct thread *t = bpf_map_lookup_elem(&threads, &thread);
	u32 zero = 0, tgid, tid;
	struct sampler_slot *slot;
	struct scratch *s;
	u64 ns, size;

	if (!t || !t->since_ns)
		return;
	slot = slot_of(t_ns);
	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!slot || !s)
		return;
	ns = t_ns - t->since_ns;
	s->block = (struct sampler_block){.out_ns = t->since_ns,
					  .in_ns = t_ns,
					  .thread = thread,
					  .state = t->state};
	t->since_ns = 0;
	t->last_ns = ns ? ns : 1;
	slot->expected += ns;
	if (t->flags & THREAD_SENT) {
		send_end(slot, t, &s->block);
	} else if (t->flags & THREAD_FILTERED || ns < min_block_ns ||
		   (max_block_ns && ns > max_block_ns)) {
		slot->filtered += ns;
	} else if (!current || !ids(&tgid, &tid)) {
		slot->ring_full += ns;
	} else {
		s->block.has_stack = 1;
		size = fill_record(ctx, s, current, tgid, tid, t_ns, by_tables);
		submit(slot, s, sizeof(s->block) + size, ns);
	}
}

/* The arguments of the tracepoint: preempt, prev, next. */
static __always_inline int switch_threads(u64 *ctx, const _Bool by_tables)
{
	u64 t_ns = bpf_ktime_get_ns();
	struct task_struct *next = (void *)ctx[2];

	if (!is_recording(t_ns))
		return 0;
	begin_block(ctx, (void *)ctx[1], ctx[0], t_ns, by_tables);
	if (!sees_return)
		end_block(ctx, BPF_CORE_READ(next, pid), 0, t_ns, by_tables);
	return 0;
}

static __always_inline int come_back(void *ctx, const _Bool by_tables)
{
	u64 t_ns = bpf_ktime_get_ns();
	struct task_struct *task = (void *)bpf_get_current_task();

	if (is_recording(t_ns))
		end_block(ctx, BPF_CORE_READ(task, pid), task, t_ns, by_tables);
	return 0;
}

SEC("tp_btf/sched_switch")
int switch_by_tables(u64 *ctx)
{
	return switch_threads(ctx, 1);
}

SEC("tp_btf/sched_switch")
int switch_by_pointers(u64 *ctx)
{
	return switch_threads(ctx, 0);
}

/* The end of the scheduler, on the thread that it chose: Linux 6.16. */
SEC("tp_btf/sched_exit_tp")
int return_by_tables(u64 *ctx)
{
	return come_back(ctx, 1);
}

SEC("tp_btf/sched_exit_tp")
int return_by_pointers(u64 *ctx)
{
	return come_back(ctx, 0);
}

/* finish_task_switch(), which all threads go through. */
SEC("kprobe")
int finish_by_tables(void *ctx)
{
	return come_back(ctx, 1);
}

SEC("kprobe")
int finish_by_pointers(void *ctx)
{
	return come_back(ctx, 0);
}

#endif
