#!/bin/sh
# The account under stress: of too small a ring, and of very many stacks and processes (crowd.c). It
# is exact in each snapshot, whatever is lost, and text has all that was taken. STRESS_STACKS,
# STRESS_ALIVE, STRESS_STORM: how many stacks, processes at a time, and processes one after the
# other (50000, 1000, 2000).
. tests/bpf/lib
may_record 'the account under stress' root
crowd=$O/tests/bpf/crowd
probe=uprobe:$crowd:probed
stacks=${STRESS_STACKS:-50000} alive=${STRESS_ALIVE:-1000} storm=${STRESS_STORM:-2000}
# Sanitizers have a memory of their own.
measured=1
! ldd "$FLAMELAPSE" | grep -q 'lib[a-z]*san' || measured=

# The processes of the recorder $p, by what they call themselves.
ours() { # PID
	for child in $(cat /proc/"$1"/task/*/children 2> /dev/null); do
		case $(cat "/proc/$child/comm" 2> /dev/null) in
		flamelapse*)
			echo "$child"
			(ours "$child")
			;;
		esac
	done
}
# The most kB that all of them have at the same time.
watch() {
	most=0
	while kill -0 "$p" 2> /dev/null; do
		now=$(for q in $p $(ours "$p"); do cat "/proc/$q/smaps_rollup"; done 2> /dev/null |
			awk '/^Pss:/ { s += $2 } END { print s + 0 }')
		[ "$now" -le "$most" ] || most=$now
		sleep 0.2
	done
}
# Records: x.flame, x.folded, err, and the most memory in $most. `meanwhile` is done to it.
run() {
	rm -f x.flame x.folded
	"$FLAMELAPSE" record -o x.flame -o x.folded --per-snapshot "$@" > out 2> err &
	p=$!
	pids="$pids $p"
	$meanwhile
	watch
	wait $p
	status=$?
}
# Each block of the text has as many as its snapshot took, by the times of both.
text_agrees() {
	awk '/^# t=/ { sub(/^t=/, "", $2); sub(/\./, "", $2); t = $2 } !/^#/ { s[t] += $NF }
		END { for (t in s) print t "|" s[t] }' x.folded | sort > text.sums
	sqlite3 x.flame 'select t0_ns, taken from snapshot where taken > 0' | sort > file.sums
	[ -s file.sums ] && cmp text.sums file.sums
}
readable() {
	"$FLAMELAPSE" info --json x.flame > info.json && jq -e ".samples | .expected ==
		.taken + .idle + .filtered + ([.lost[]] | add)" info.json > out
}
exact() { # WHAT
	check "$1: it ends well" [ "$status" = 0 ]
	check "$1: the account is exact in each of $(sqlite3 x.flame 'select count(*) from snapshot') snapshots" balanced
	check "$1: $(sum taken) taken, and as many in each block of text" text_agrees
	check "$1: info reads it; lost $(sum "$losses")" readable
}
within() { [ -z "$measured" ] || [ "$most" -gt 0 -a "$most" -le "$1" ]; } # KB

# --- a ring that nobody empties ---
# The collector stands still from when it records until the command has had its CPU time.
hold_collector() {
	for _ in $(seq 200); do
		collector=$(collector_here)
		[ -z "$collector" ] || [ ! -e x.flame ] || break
		sleep 0.1
	done
	sleep 0.5
	kill -STOP "$collector"
	while pgrep -P "$collector" -x -r D,R,S crowd > /dev/null; do sleep 0.2; done
	kill -CONT "$collector"
}
for interval in 100ms 10ms; do
	meanwhile=hold_collector
	run -F 3999 --interval $interval -- "$crowd" deep 3
	check "a full ring, $interval: it was full: $(sum lost_ring_full) of $(sum expected)" [ "$(sum lost_ring_full)" -gt 0 ]
	exact "a full ring, $interval"
done
meanwhile=

# --- very many stacks ---
room="--stack-storage-size 1000000 --hash-storage-size 1000000"
# The table of the program may come late, where others have the CPUs.
for _ in 1 2 3; do
	run -e "$probe" --interval 100ms $room -- "$crowd" stacks "$stacks"
	[ "$(sum complete)" -lt $((stacks / 2)) ] || break
done
exact "$stacks stacks"
check "$stacks stacks: a sample for each call" [ "$(sum taken)" = "$stacks" -a "$(sum expected)" = "$stacks" ]
distinct=$(awk '/;main;.*;probed [0-9]*$/ && !/truncated/ { sub(/ [0-9]*$/, ""); print }' x.folded | LC_ALL=C sort -u | wc -l)
check "$stacks stacks: each that is whole is another: $distinct" \
	[ "$distinct" = "$(sum complete)" -a "$distinct" -ge $((stacks / 2)) ]
check "$stacks stacks: memory: $((most / 1024)) MB" within $((200 * 1024 + stacks * 6 / 10))
run -e "$probe" --interval 1s --stack-storage-size 1000 --hash-storage-size 1500 -- "$crowd" stacks "$stacks"
exact "$stacks stacks, room for 1000"
check "$stacks stacks, room for 1000: the others are lost" \
	[ "$(sum expected)" = "$stacks" -a "$(sum lost_stack_storage)" -gt 0 ]
check "$stacks stacks, room for 1000: memory: $((most / 1024)) MB" within $((200 * 1024 + stacks * 6 / 10))

# --- very many processes ---
pids_seen() { sqlite3 x.flame "select count(distinct pid) from process where comm = 'crowd'"; }
processes() { # WHAT N
	exact "$1"
	check "$1: a sample of each" [ "$(sum taken)" = "$2" -a "$(sum expected)" = "$2" ]
	check "$1: under their pids: $(pids_seen)" [ "$(pids_seen)" -ge $(($2 * 99 / 100)) ]
	check "$1: memory: $((most / 1024)) MB" within $((200 * 1024 + $2 * 4))
}
run -e "$probe" --interval 100ms -- "$crowd" alive "$alive"
processes "$alive processes at a time" "$alive"
run -e "$probe" --interval 100ms -- "$crowd" storm "$storm"
processes "$storm forks" "$storm"
run -F 3999 -I --all-cpus --interval 100ms -- "$crowd" storm "$storm"
exact "$storm forks, by the clock"
check "$storm forks, by the clock: memory: $((most / 1024)) MB" within $((300 * 1024 + storm * 4))
done_testing
