#!/bin/bash
# How soon recording begins, and what it costs beside perf: the CPU time of all our processes until
# the recording is closed, against perf record and perf script, on a machine with all CPUs at work.
# BENCH_SECONDS: how long ("12 60"). As root; else it prints nothing.
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
[ "$(id -u)" = 0 ] && command -v perf > /dev/null || { echo "recording: needs root and perf" >&2; exit 0; }
tmp=$(mktemp -d)
cpus=$(nproc)
make -s "$O/tests/bpf/spin" > /dev/null
"$O/tests/bpf/spin" 100000 "$cpus" > /dev/null &
spin=$!
stats=$(cat /proc/sys/kernel/bpf_stats_enabled)
trap 'kill $spin; echo $stats > /proc/sys/kernel/bpf_stats_enabled; rm -rf $tmp' EXIT
row() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}"; }
# Runs a command; its CPU seconds, with its children's, in $cpu.
TIMEFORMAT='%U %S'
cost() {
	local t
	t=$( { time "$@" > "$tmp/out" 2> "$tmp/err"; } 2>&1 )
	cpu=$(echo "$t" | tail -n 1 | awk '{ print $1 + $2 }')
}
# Memory in MB of a process and those below it, pages that they share counted once.
memory() {
	local all="$1" more p
	more=$(pgrep -P "$1")
	while [ -n "$more" ]; do
		all="$all $more"
		more=$(for p in $more; do pgrep -P "$p"; done)
	done
	# Without what is the kernel's and only mapped: rings, and tables for unwinding.
	for p in $all; do cat "/proc/$p/smaps"; done 2> /dev/null |
		awk '/^[0-9a-f]+-/ { ring = /bpf-map|perf_event/ } /^Pss:/ && !ring { s += $2 } END { printf "%.1f", s / 1024 }'
}
share() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }

# From the start of the program to the end of the first 10 ms that have a sample; the median of 9.
first() {
	local start
	for _ in 1 2 3 4 5 6 7 8 9; do
		start=$(date +%s%N)
		"$O/flamelapse" record -q 1 -F 999 --interval 10ms -o "$tmp/first.flame"
		sqlite3 "$tmp/first.flame" "select printf('%.0f', (min(t1_ns) - $start) / 1e6)
			from snapshot where taken > 0"
	done | sort -n | sed -n 5p
}

row 'recording: first sample after the start' "$(first)" ms '<= 300'
for s in ${BENCH_SECONDS:-12 60}; do
	echo 0 > /proc/sys/kernel/bpf_stats_enabled
	(sleep $((s - 1)); memory "$(pgrep -o -f "^$O/flamelapse record $s ")" > "$tmp/memory") &
	cost "$O/flamelapse" record "$s" -F 999 -o "$tmp/x.flame"
	ours=$cpu
	wait %2 2> /dev/null
	samples=$(sqlite3 "$tmp/x.flame" 'select sum(taken) from snapshot')
	(sleep $((s - 1)); memory "$(pgrep -o -x perf)" > "$tmp/memory-perf") &
	cost perf record -q -a -g -F 999 -e cpu-clock -o "$tmp/p.data" -- sleep "$s"
	perf_record=$cpu
	cost perf script -i "$tmp/p.data"
	perf_samples=$(grep -c cpu-clock "$tmp/out")
	row "recording $s s at 999 Hz: samples" "$samples" ""
	row "recording $s s at 999 Hz: CPU" "$ours" s
	row "recording $s s: perf record + perf script" "$(awk -v a="$perf_record" -v b="$cpu" 'BEGIN { print a + b }')" "s, $perf_samples samples"
	row "recording $s s: CPU" "$(share "$ours" "$(awk -v a="$perf_record" -v b="$cpu" 'BEGIN { print a + b }')")" "x perf" '<= 0.5'
	row "recording $s s: memory, all processes" "$(cat "$tmp/memory")" "MB, perf $(cat "$tmp/memory-perf") MB" 'perf + 32'
	eval "ours_$s=$ours samples_$s=$samples perf_$s=$(awk -v a="$perf_record" -v b="$cpu" 'BEGIN { print a + b }') psamples_$s=$perf_samples"
done
set -- ${BENCH_SECONDS:-12 60}
if [ $# -ge 2 ]; then
	eval "a=\$ours_$1 b=\$ours_$2 m=\$samples_$1 n=\$samples_$2 pa=\$perf_$1 pb=\$perf_$2 pm=\$psamples_$1 pn=\$psamples_$2"
	row 'recording: each further sample' "$(awk -v a=$a -v b=$b -v m=$m -v n=$n 'BEGIN { printf "%.1f", (b - a) / (n - m) * 1e6 }')" "us, perf $(awk -v a=$pa -v b=$pb -v m=$pm -v n=$pn 'BEGIN { printf "%.1f", (b - a) / (n - m) * 1e6 }') us"
fi
echo 1 > /proc/sys/kernel/bpf_stats_enabled
(sleep 4; bpftool prog show | awk '/name sample/ { for (i = 1; i < NF; i++) { if ($i == "run_time_ns") t = $(i + 1); if ($i == "run_cnt") n = $(i + 1) } } END { if (n) printf "%.2f\n", t / n / 1000 }' > "$tmp/bpf") &
cost "$O/flamelapse" record 5 -F 999 -o "$tmp/x.flame"
row 'recording: BPF program' "$(cat "$tmp/bpf")" 'us a sample'
row 'recording: ring of samples' "$(awk -v c="$cpus" 'BEGIN { n = 999 * c * 4 * 300; r = 4096; while (r < n) r *= 2; if (r > 67108864) r = 67108864; print r / 1048576 }')" MB
