#!/bin/sh
# `flamelapse events`: a line for each sample, in three forms, and none missing without a word.
. tests/bpf/lib
may_record events
spin=$O/tests/bpf/spin
explain() { head -n 5 out; tail -n 5 err; }
run() {
	timeout -k 5 60 "$FLAMELAPSE" events "$@" > out 2> err
	status=$?
}
# The number of samples that the account has.
taken() { sed -n 's/.* = \([0-9]*\) taken.*/\1/p' err; }
lines_are() { [ "$(wc -l < out)" = "$(($(taken) + $1))" ] && [ "$(taken)" -gt 5 ]; }

run -F 199 -- "$spin" 1
check 'a header names the columns' \
	[ "$(head -n 1 out | tr -s ' ')" = 'TIME COMM PID CPUID KSTACKSZ USTACKSZ' ]
check 'a line for each sample' lines_are 1
well_formed() { # numbers in their columns, stacks of whole addresses, times of today
	awk -v now="$(date +%s)" 'NR > 1 && (NF != 6 || $1 !~ /^[0-9]+$/ || $3 !~ /^[0-9]+$/ ||
		$4 !~ /^[0-9]+$/ || $5 % 8 || $6 % 8 || substr($1, 1, 10) < now - 100 ||
		substr($1, 1, 10) > now + 1) { bad++ } END { exit bad > 0 }' out
}
check 'its columns' well_formed
check 'its command' [ "$(awk 'NR > 1 && $2 == "spin"' out | wc -l)" -gt 5 ]
check 'in the order of time' sh -c 'sed 1d out | sort -c -s -n -k1,1'
check 'the status of the command is told' grep -q "spin' ended with status" err

run -F 199 --raw -- "$spin" 1
raw() { ! grep -Evq '^stacktrace_event pid: [0-9]+ ustack: [0-9]+ kstack: [0-9]+$' out; }
check '--raw has one form and no header' raw
check '--raw has a line for each sample' lines_are 0
check '--raw: in user code there is no kernel stack' grep -q 'ustack: [1-9][0-9]* kstack: 0$' out
run -F 199 -U --raw -- "$spin" syscalls 1
check '--raw -U: no kernel stacks' sh -c '! grep -Evq "kstack: 0$" out'
run -F 199 -K --raw -- "$spin" syscalls 1
check '--raw -K: no user stacks' sh -c 'grep -q stack out && ! grep -Evq "ustack: 0 " out'

run -F 199 --json --stacks -- "$spin" 1
check '--json: an object for each sample' lines_are 0
json() {
	jq -e -s 'map(select(.comm == "spin" and (.stack | index("spin_outer")) and
		.user_bytes >= 8 and .kernel_bytes >= 0 and .tid == .pid)) | length > 5' out > tops
}
check '--json: what it holds' json
innermost_first() {
	jq -e -s 'map(select(.stack | index("spin_inner"))) | length > 5 and
		all(.stack | index("spin_inner") < index("spin_outer"))' out > tops
}
check '--json --stacks: innermost first' innermost_first

run -F 199 --stacks -- "$spin" 1
stacks() { [ "$(grep -c '^    spin_outer$' out)" -gt 5 ] && grep -q '^    main$' out; }
check '--stacks: the frames under their line' stacks
depth() { # as many frames as the sizes say, and one that says why a stack ends too early
	awk '/^[0-9]/ { if (seen && want != got) bad++; want = ($(NF) + $(NF - 1)) / 8; got = 0;
		seen = 1 } /^    / && !/^    .truncated/ { got++ } END { exit bad > 0 || !seen }' out
}
check '--stacks: as deep as the sizes say' depth

"$FLAMELAPSE" events 2 -F 199 2> err | head -n 2 > out
status=$?
check 'who closes the pipe gets no complaint' sh -c '[ ! -s err ] && [ "$(wc -l < out)" = 2 ]'
run -F 99 0.2 -p 999999999
check 'a process that is not there' sh -c '[ $(wc -l < err) -le 2 ] && [ -s err ]'
run --raw --json 1
check 'two forms at once are refused' [ "$status" = 2 ]

# Blocks too: a line when one is over.
run --on-cpu --off-cpu -F 997 -- "$O/tests/bpf/blocker" half 20 20000
check 'off the CPU: columns of its own' [ "$(sed -n '/^TIME/p' out | tr -s ' ')" = \
	'TIME COMM PID CPUID BLOCKED_US WHY KSTACKSZ USTACKSZ' ]
check 'a line is a sample or a block' awk '/^[0-9]+ +[^ ]/ && NF == 8 {
	if ($5 == "-" && $6 == "-") s++
	else if ($5 ~ /^[0-9]+$/ && $6 ~ /^(sleeping|waiting-for-a-CPU|uninterruptible)$/) b++
	else bad++
	} END { exit bad || !s || !b }' out
check 'a line for each sample' [ "$(awk '$5 == "-"' out | wc -l)" = "$(sed -n \
	's/.* = \([0-9]*\) taken + [0-9]* idle.*/\1/p' err)" ]
check 'and how many blocks' [ "$(awk '$5 ~ /^[0-9]+$/ && $6 ~ /^[a-zA-Z-]+$/' out | wc -l)" = \
	"$(sed -n 's/.* \([0-9]*\) lines of blocks.*/\1/p' err)" ]
check 'blocks in the order of time' sh -c 'grep "^[0-9]* *blocker" out | sort -c -s -n -k1,1'
run --off-cpu --json --stacks -- "$O/tests/bpf/blocker" half 20 20000
slept=$(grep -E '^[0-9]+$' out | head -n 1)
grep '^{' out > objects
# By a kernel frame too: of a process just born, some user stacks are truncated.
got=$(jq -s 'map(select(.stack | index("sleeper") or index("do_nanosleep")) | .blocked_us) | add' objects)
check "JSON: it slept for $slept us: $got" [ "$got" -gt $((slept * 97 / 100)) -a \
	"$got" -lt $((slept * 103 / 100)) ]
check 'JSON: why' jq -s -e 'all(.why | IN("sleeping", "waiting-for-a-CPU", "uninterruptible")) and
	(map(select(.why == "sleeping" and .stack[0] == "[sleeping]")) | length >= 20)' objects
run --raw --off-cpu 1
check '--raw has no place for blocks' [ "$status" = 2 ]
done_testing
