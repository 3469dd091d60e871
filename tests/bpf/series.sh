#!/bin/sh
# On and off the CPU at the same time, against a program that knows both times of its own.
blocker=$O/tests/bpf/blocker
tmp=$(mktemp -d)
n=0
pids=
trap 'for p in $pids; do kill -9 $p 2> /dev/null; done; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
cd "$tmp" || exit 1

check() { # NAME CLAIM…
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		{ echo "--- $name (status $status)"; head -n 12 out; tail -n 5 err; } >&2
	fi
}
# Records both; what the program says of itself is in $slept and $ran.
run() { # OPTION… -- WORD…
	rm -f out on off x.flame
	timeout -k 5 60 "$FLAMELAPSE" record --on-cpu --off-cpu -o x.flame "$@" > out 2> err
	status=$?
	"$FLAMELAPSE" render x.flame --series on-cpu -f > on 2>> err
	"$FLAMELAPSE" render x.flame --series off-cpu -f > off 2>> err
	slept=$(sed -n 1p out) ran=$(sed -n 2p out)
}
# The counts of stacks that a pattern matches.
count() { awk -v p="$2" '{ c = $NF; $NF = "" } $0 ~ p { s += c } END { printf "%d", s }' "$1"; }
near() { # A B PERCENT
	awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { d = a - b; exit !(d * d <= b * b * p * p / 10000) }'
}
within() { # SAMPLES EXPECTED: 4 sigma
	awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(b > 0 && d * d <= 16 * b) }'
}
sql() { sqlite3 x.flame "$1"; }
# Each snapshot in each series by itself.
balanced() {
	[ "$(sql "select count(*) from snapshot where expected != taken + idle + filtered
		+ lost_ring_full + lost_ring_busy + lost_hash_storage + lost_stack_storage
		+ lost_missing + lost_backlog or taken != complete + truncated + kernel_only")" = 0 ] &&
		! grep -q 'ADD UP' err
}
# A row in either series for each snapshot, of the same times.
paired() {
	[ "$(sql 'select count(*) from snapshot a left join snapshot b on b.id = a.id + 1
		where a.id % 2 = 0 and (b.t0_ns is not a.t0_ns or b.t1_ns is not a.t1_ns)')" = 0 ] &&
		[ "$(sql 'select count(*) % 2 + (count(*) = 0) from snapshot')" = 0 ]
}

run -F 997 --interval 200ms -- "$blocker" half 40 40000
if [ $status = 4 ]; then
	echo "ok 1 - on and off the CPU # skip not permitted here: $(head -n 1 err)"
	exit 0
fi
want=$(awk -v us="$ran" 'BEGIN { printf "%d", us * 997 / 1000000 }')
got=$(count on '^blocker;')
check "it ran for $ran us: $got samples of $want" within "$got" "$want"
# On a busy machine a sleeper waits for a CPU too, and by its own clock that is not told apart.
# A sleep is known by its kernel frame: of a process just born, some user stacks are truncated.
got=$(count off 'nanosleep.*\[sleeping\]|sleeper.*\[waiting for a CPU\]')
check "it slept for $slept us: $got" near "$got" "$slept" 3
check 'what runs is in the one' [ "$(count on ';computer')" -gt $((want / 2)) ]
check 'and what waits is not' [ "$(count on '\[(sleeping|waiting for a CPU)\]')" = 0 ]
check 'what computes does not sleep' [ "$(count off 'computer.*\[sleeping\]')" = 0 ]
check 'nothing of us in the one that waits' [ "$(count off '(__schedule|bpf_)')" = 0 ]
check 'the accounts of both, snapshot by snapshot' balanced
check 'both have each snapshot' paired
check 'nothing is lost' [ "$(sql 'select sum(lost_ring_full + lost_missing) from snapshot')" = 0 ]
check 'a word about each' sh -c 'grep -q "on-cpu: [0-9]* snapshots.* idle + " err &&
	grep -q "off-cpu: [0-9]* snapshots: [0-9.]* s expected" err'
check 'JSON: both' [ "$("$FLAMELAPSE" info --json x.flame |
	jq -r '[.series[], .event, .unit, .off_cpu.event, .off_cpu.unit] | join(" ")')" = \
	'on-cpu off-cpu cpu-clock sample off-cpu us' ]
check 'JSON: the rate' [ "$("$FLAMELAPSE" info --json x.flame | jq -r .freq_hz)" = 997 ]

# Whole stacks in both: the tables are shared.
check 'stacks on the CPU go down to main' [ "$(count on 'main;.*computer')" -gt $((want / 2)) ]
check 'stacks off the CPU too' [ "$(count off 'main;.*sleeper')" -gt $((slept / 2)) ]

run --interval 100ms -- "$blocker" sleep 1 1500000
most=$(sql 'select max(taken * 1000 > 1.05 * (t1_ns - t0_ns)) from snapshot where id % 2 = 1')
check 'a sleep of many intervals: each has its part' \
	[ "$most" = 0 -a "$(count off '\[sleeping\]')" -ge 1480000 ]

"$blocker" half 6000 20000 > /dev/null &
p=$!
pids="$pids $p"
run -p $p --interval 100ms -c 1000000 2
check '-p: the one process' [ "$(count on '^blocker;')" = "$(count on .)" -a \
	"$(count off '^blocker;')" = "$(count off .)" -a "$(count off .)" -gt 0 ]
check '-p: the accounts' balanced
check '-c: a period' [ "$("$FLAMELAPSE" info --json x.flame | jq -r .freq_hz)" = null ]
# Time is either here or there: all of it is in one of the two.
whole=$(sql 'select sum(t1_ns - t0_ns) / 1000 from snapshot where id % 2 = 0')
filtered=$(sql 'select sum(filtered) from snapshot where id % 2 = 1')
sum=$(($(count on .) * 1000 + $(count off .)))
check "-p: $sum of $whole us are in one or the other" near "$sum" "$whole" 10
run --min-block 1s --interval 100ms -p $p 2
check '--min-block: filtered in the one alone' [ "$(count off sleeper)" = 0 -a \
	"$(sql 'select sum(filtered) > 0 from snapshot where id % 2 = 1')" = 1 -a \
	"$(count on computer)" -gt 0 ]
check '--min-block: the accounts' balanced
check '--min-block: both have each snapshot' paired
run 0.7
check 'the whole machine' [ $status = 0 -a "$(count off '^blocker;')" -gt 0 ]
check 'the accounts of the machine' balanced
run --frame-pointers -p $p 0.5
check '--frame-pointers' [ $status = 0 -a "$(count off .)" -gt 0 ]
run -K -p $p 0.5
check '-K' [ $status = 0 -a "$(count off nanosleep)" -gt 0 -a "$(count off sleeper)" = 0 ]

# Killed, it has both up to its last snapshot.
"$FLAMELAPSE" record --on-cpu --off-cpu -q -o x.flame --interval 100ms -p $p > out 2> err &
k=$!
for i in $(seq 100); do
	sleep 0.1
	[ "$("$FLAMELAPSE" info --json x.flame 2> /dev/null | jq -r .snapshots)" -ge 5 ] \
		2> /dev/null && break
done
kill -9 $k
wait $k 2> /dev/null
"$FLAMELAPSE" info --json x.flame > info 2> err
check 'kill -9: it can be read' [ -s info ]
check 'kill -9: both are there' jq -e '.finished == false and .snapshots >= 5 and
	(.samples | .expected == .taken + .idle + .filtered + ([.lost[]] | add)) and
	(.off_cpu.samples | .taken > 0 and .expected == .taken + .filtered + ([.lost[]] | add))' info

rm -f x.flame
"$FLAMELAPSE" record --on-cpu --off-cpu -o x.flame -o 'x%d.png' --interval 200ms -p $p -F 1 0.2 \
	> out 2> err
status=$?
check 'pictures: which series they show' grep -q 'shows on-cpu; `flamelapse render' err
for p in $pids; do kill $p 2> /dev/null; done
echo "1..$n"
