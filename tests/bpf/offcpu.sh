#!/bin/sh
# Off-CPU time, against programs that know their own (blocker.c).
. tests/bpf/lib
may_record 'off-CPU time'
blocker=$O/tests/bpf/blocker
# Records the program: its own microseconds are in $own, the stacks in `stacks`.
run() { # OPTION… -- WORD…
	rm -f out stacks x.flame
	timeout -k 5 60 "$FLAMELAPSE" record --off-cpu -o x.flame -o stacks.folded "$@" > out 2> err
	status=$?
	mv stacks.folded stacks 2> /dev/null || : > stacks
	own=$(grep -E '^[0-9]+$' out)
}
# Microseconds of stacks that a pattern matches.
us() { awk -v p="$1" '{ c = $NF; $NF = "" } $0 ~ p { s += c } END { printf "%d", s }' stacks; }
near() { # A B PERCENT
	awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { d = a - b; exit !(d * d <= b * b * p * p / 10000) }'
}
is() { [ "$("$FLAMELAPSE" info --json x.flame | jq -r "$1")" = "$2" ]; }
says() { "$FLAMELAPSE" info x.flame | grep -q "$1"; }

run -- "$blocker" sleep 20 50000
got=$(us 'nanosleep;.*\[sleeping\]')
check "20 sleeps of 50 ms: $got us, itself $own" near "$got" "$own" 2
check 'the stack down to main' [ "$(us 'main;sleeper')" -gt 900000 ]
check 'nothing of the scheduler, nor of us' [ "$(us '(__schedule|bpf_|;schedule;)')" = 0 ]
check 'the account' balanced
check 'nothing lost' [ "$(sum 'lost_ring_full + lost_missing')" = 0 ]
check 'JSON: the event' is .event off-cpu
check 'JSON: the unit' is .unit us
check 'JSON: a count is a microsecond' is '.samples.taken' "$(sum taken)"
check 'info: seconds, and threads' says '^Blocked time .* s taken'
check 'info: threads' says '^Blocked .*threads on average'
check 'info: what waits, not why' says 'do_nanosleep\|hrtimer_nanosleep'
check 'a word about it' grep -q '[0-9] s expected = [0-9.]* s taken + [0-9.]* s filtered + 0.000000 s lost' err

run --interval 100ms -- "$blocker" sleep 1 2000000
check "one sleep of 2 s: $(us sleeping) us" near "$(us sleeping)" 2000000 2
most=$(sqlite3 x.flame 'select max(taken * 1000 > 1.05 * (t1_ns - t0_ns)) from snapshot')
whole=$(sqlite3 x.flame 'select count(*) from snapshot where taken * 1000 > 0.98 * (t1_ns - t0_ns)')
check "it shows while it lasts: $whole whole snapshots, none with more" \
	[ "$whole" -ge 18 -a "$most" = 0 ]

run -- "$blocker" futex 20 20000
# By kernel frames: of a process just born, some user stacks are truncated.
got=$(us 'futex.*\[sleeping\]')
check "a wait for another thread: $got us, itself $own" near "$got" "$own" 2
check 'the thread that sleeps meanwhile' [ "$(us ';waker;.*nanosleep.*\[sleeping\]')" -gt 200000 ]

run -- "$blocker" pair 50 20000
got=$(us '\[waiting for a CPU\]')
check "two that share a CPU: $got us, itself $own" near "$got" "$own" 5

run --min-block 500ms -- "$blocker" sleep 20 10000
check '--min-block: shorter is filtered' [ "$(us sleeping)" = 0 ]
check '--min-block: by its time' [ "$(sum filtered)" -gt 200000 ]
check '--min-block: the account' balanced
run --max-block 400ms -- "$blocker" sleep 20 10000
check "--max-block: what is not longer is there: $(us sleeping)" near "$(us sleeping)" "$own" 2
run --max-block 400ms --interval 100ms -- "$blocker" sleep 1 500000
check '--max-block: longer is filtered' [ "$(us sleeping)" = 0 -a "$(sum filtered)" -gt 490000 ]
check '--max-block: the account' balanced
run --min-block 300ms --interval 100ms -- "$blocker" sleep 1 1000000
most=$(sqlite3 x.flame 'select max(taken * 1000 > 1.05 * (t1_ns - t0_ns)) from snapshot')
check '--min-block of several intervals: each has its part' \
	[ "$most" = 0 -a "$(us sleeping)" -gt 980000 ]

go "$blocker" sleep 400 50000
run -p $p --interval 200ms 1
check "-p: one thread that sleeps: $(sum taken)" near "$(sum taken)" 990000 6
check '-p: and no other' [ "$(us '^blocker;')" = "$(sum taken)" ]
run 0.5
check 'the whole machine' [ $status = 0 -a "$(us '^blocker;')" -gt 300000 ]
check 'kernel threads too' [ "$(us '^(kworker|rcu|ksoft|migration)')" -gt 0 ]
check 'the account of the machine' balanced
run -U -p $p 0.3
check '-U: why it waits is told' [ "$(us 'sleeper.*sleeping')" -gt 200000 -a "$(us do_nanosleep)" = 0 ]

# Text keeps it: the marks too, and what they are.
"$FLAMELAPSE" render x.flame -a -f > text 2> err
"$FLAMELAPSE" render text -a -f > again 2> err
check 'there and back as text' sh -c 'grep -q "\[sleeping\]_\[k\] " text && cmp text again'

# With whoever reads it stopped, the ring is soon full.
for i in 1 2 3 4; do
	go "$blocker" sleep 60000 1
done
(sleep 0.5; c=$(collector_here); kill -STOP "$c"; sleep 4; kill -CONT "$c") &
run --min-block 0 --interval 100ms 6
for p in $pids; do kill $p 2> /dev/null; done
if [ "$(sum lost_ring_full)" = 0 ]; then
	skip 'a full ring' 'it was not filled'
else
	check "a full ring: $(sum lost_ring_full) us are lost" balanced
	check 'a full ring: nobody is blocked for ever' sh -c \
		"[ $(sqlite3 x.flame 'select max(taken * 1000 > 400.0 * (t1_ns - t0_ns)) from snapshot') = 0 ]"
fi

for o in '-e cycles' '-F 99' '-c 10' '-I' '-C 0'; do
	run $o 0.1
	check "--off-cpu and $o exclude each other" [ $status = 2 -a "$(wc -l < err)" -le 4 ]
done
run --min-block 2s --max-block 1s 0.1
check '--max-block below --min-block' [ $status = 2 ]
"$FLAMELAPSE" record --min-block 1s 0.1 > out 2> err
status=$?
check '--min-block without --off-cpu' [ $status = 2 ]
"$FLAMELAPSE" events --off-cpu 0.1 > out 2> err
status=$?
check 'events --off-cpu' [ $status = 0 -o $status = 7 ]
done_testing
