#!/bin/sh
# What else triggers a sample: events of the kernel, tracepoints, functions. The numbers are known.
. tests/bpf/lib
may_record events
calls=$O/tests/bpf/calls
run() {
	rm -f out x.flame
	timeout -k 5 60 "$FLAMELAPSE" record "$@" > out 2> err
	status=$?
}
# Samples of stacks that a pattern matches.
samples() { awk -v p="$1" '{ c = $NF; $NF = "" } $0 ~ p { s += c } END { print s + 0 }' out; }
nothing_lost() { grep -q '0 lost' err && ! grep -q 'ADD UP' err; }

run -f -e page-faults -- "$calls" touch 3000
got=$(samples ';touch ')
check "page-faults: 3000 pages, $got faults" [ "$got" -ge 3000 -a "$got" -le 3050 ]
check 'page-faults: the account' nothing_lost
run -f -e page-faults -c 10 -- "$calls" touch 3000
got=$(samples ';touch ')
check "-c 10: every tenth, $got" [ "$got" -ge 290 -a "$got" -le 310 ]
run -f -e context-switches -- "$calls" sleep 200
got=$(samples 'clock_nanosleep')
check "context-switches: 200 sleeps, $got switches" [ "$got" -ge 195 -a "$got" -le 260 ]
run -e context-switches -o x.flame -- "$calls" sleep 20
check 'the recording knows its event' [ "$("$FLAMELAPSE" info --json x.flame | jq -r .event)" = context-switches ]

run -f -e "uprobe:$calls:probed" -- "$calls" call 1000
got=$(samples ';probed')
check "uprobe: 1000 calls, $got samples" [ "$got" = 1000 ]
check 'uprobe: the account' nothing_lost
run -f -e "uprobe:$calls:probed" -c 100 -- "$calls" call 5000
got=$(samples 'calls.*probed')
check "uprobe, -c 100: 5000 calls, $got samples" [ "$got" -ge 48 -a "$got" -le 50 ]
run -f -e "uprobe:$calls:nothing_like_it" -- "$calls" call 1
check 'uprobe: a function that is not there' [ $status = 1 -a "$(wc -l < err)" -le 4 ]
run -f -e "uprobe:/no/such/file:f" -- "$calls" call 1
check 'uprobe: a file that is not there' [ $status = 1 ]
run -f -F 99 -e "uprobe:$calls:probed" -- "$calls" call 1
check 'uprobe: has no rate' [ $status = 2 ]

if [ -e /sys/kernel/tracing/events/syscalls/sys_enter_openat ]; then
	run -f -e tracepoint:syscalls:sys_enter_openat -- "$calls" open 500
	got=$(samples 'perf_syscall_enter|openat')
	check "tracepoint: 500 opens, $got samples" [ "$got" -ge 500 -a "$got" -le 510 ]
	check 'tracepoint: the account' nothing_lost
	run -f -e tracepoint:sched:there_is_none -- "$calls" open 1
	check 'tracepoint: one that is not there' [ $status = 1 ]
else
	skip 'tracepoints' 'tracefs is not mounted'
fi
for e in nonsense tracepoint: tracepoint:a tracepoint:../a:b uprobe:x:y uprobe:/x 'uprobe:/x:'; do
	run -f -e "$e" 0.1
	check "-e $e" [ $status = 2 -a "$(wc -l < err)" -le 4 ]
done
run -f -e instructions 0.1
check '-e instructions works, or says why not' [ $status = 0 -o $status = 4 -o $status = 7 ]
done_testing
