#!/bin/bash
# What --off-cpu costs each time a CPU changes threads: in the kernel, by the run time of our
# programs; and outside of it. Four threads sleep for moments without pause, which count or do not.
# As root; else it prints nothing.
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
[ "$(id -u)" = 0 ] && command -v bpftool > /dev/null || { echo "off-CPU: needs root and bpftool" >&2; exit 0; }
tmp=$(mktemp -d)
make -s "$O/tests/bpf/blocker" > /dev/null
stats=$(cat /proc/sys/kernel/bpf_stats_enabled)
trap 'echo $stats > /proc/sys/kernel/bpf_stats_enabled; rm -rf $tmp' EXIT
row() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}"; }
TIMEFORMAT='%U %S'

# ns of all our programs for each run of the first, and how many runs.
programs() {
	bpftool prog show | awk '/ name (switch|return|finish)_by_/ {
		for (i = 1; i < NF; i++) {
			if ($i == "run_time_ns") t += $(i + 1)
			if ($i == "run_cnt" && /name switch/) n += $(i + 1)
		}
	} END { if (n) printf "%.0f %d\n", t / n, n }'
}
# --min-block, and what to call it.
measure() {
	local t pids=
	for _ in 1 2 3 4; do
		"$O/tests/bpf/blocker" sleep 1000000 1 > /dev/null &
		pids="$pids $!"
	done
	echo 1 > /proc/sys/kernel/bpf_stats_enabled
	(sleep 5; programs > "$tmp/programs") &
	local reader=$!
	t=$( { time "$O/flamelapse" record --off-cpu --min-block "$1" -q 6 -o "$tmp/x.flame" 2> "$tmp/err"; } 2>&1 | tail -n 1)
	wait $reader
	echo "$stats" > /proc/sys/kernel/bpf_stats_enabled
	kill $pids
	wait $pids 2> /dev/null
	set -- "$2" $(cat "$tmp/programs") $t
	row "off-CPU, $1: switches of threads" "$(($3 / 5))" '1/s'
	row "off-CPU, $1: BPF programs" "$2" 'ns a switch'
	row "off-CPU, $1: our processes, start and end included" "$(awk -v u="$4" -v s="$5" -v n="$3" 'BEGIN { printf "%.2f", (u + s) / (n * 6 / 5) * 1e6 }')" 'us a switch'
}

measure 10ms 'blocks too short to count'
measure 0 'blocks that count'
