#!/bin/bash
# What unwinding by tables costs: the BPF program's time a sample, by program; then CPU time and
# bytes of a recording at 999 Hz beside perf record --call-graph dwarf with perf script. As root;
# else it prints nothing. BENCH_UNWIND_SECONDS: how long each (5).
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
[ "$(id -u)" = 0 ] && [ "$(uname -m)" = x86_64 ] || { echo "unwinding: needs root, on x86-64" >&2; exit 0; }
make -s O="$O" "$O/tests/tools/unwind_check" > /dev/null
tmp=$(mktemp -d)
seconds=${BENCH_UNWIND_SECONDS:-5}
stats=$(cat /proc/sys/kernel/bpf_stats_enabled)
work=
trap 'kill $work 2> /dev/null; echo $stats > /proc/sys/kernel/bpf_stats_enabled; rm -rf $tmp' EXIT
row() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}"; }
flags="-iquote $PWD -iquote $PWD/src -D_GNU_SOURCE -w"
cc1=$(gcc -print-prog-name=cc1)
gcc $flags -E -o "$tmp/big.i" tests/unit/test_options.c
python='import json
while True: json.loads(json.dumps([{"a": [1] * 50}] * 100))'
loop() { echo "while :; do $*; done"; }

echo 1 > /proc/sys/kernel/bpf_stats_enabled
bpf() { # NAME LIMIT PROGRAM COMMAND…
	local name=$1 limit=$2 us
	[ -x "$3" ] || return
	shift 3
	us=$("$O/tests/tools/unwind_check" -n -F 999 timeout "$seconds" "$@" 2> /dev/null | sed -n 's/.*BPF \([0-9.]*\) us.*/\1/p')
	row "unwinding of $name: BPF program" "$us" 'us a sample' "$limit"
}
bpf python3 '<= 20' /usr/bin/python3 /usr/bin/python3 -c "$python"
bpf perl '<= 20' /usr/bin/perl /usr/bin/perl -e 'while (1) { my @a = sort { $a <=> $b } map { rand } 1..30000 }'
bpf sqlite3 '<= 20' /usr/bin/sqlite3 /usr/bin/sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 2000000000) select count(*), max(hex(x)) from c'
bpf gzip '<= 20' /usr/bin/gzip sh -c '/usr/bin/gzip -c /dev/urandom > /dev/null'
bpf cc1 '<= 20' "$cc1" sh -c "$(loop "$cc1" -quiet -O3 -w -fpreprocessed "$tmp/big.i" -o /dev/null)"
bpf clang '<= 35' /usr/bin/clang sh -c "$(loop /usr/bin/clang $flags -O3 -c -o /dev/null "$PWD/tests/unit/test_options.c")"
bpf node '<= 20' /usr/bin/node /usr/bin/node -e 'for (;;) JSON.parse(JSON.stringify(Array.from({length: 3000}, (_, i) => ({k: "x" + i}))))'
echo "$stats" > /proc/sys/kernel/bpf_stats_enabled

command -v perf > /dev/null || exit 0
TIMEFORMAT='%U %S'
cost() {
	local t
	t=$( { time "$@" > "$tmp/out" 2> "$tmp/err"; } 2>&1 )
	cpu=$(echo "$t" | tail -n 1 | awk '{ print $1 + $2 }')
}
against() { # NAME COMMAND…
	local name=$1 ours bytes perf
	shift
	"$@" > /dev/null 2>&1 &
	work=$!
	sleep 0.5
	cost "$O/flamelapse" record "$((2 * seconds))" -F 999 -p $work -o "$tmp/x.flame"
	ours=$cpu bytes=$(stat -c %s "$tmp/x.flame")
	cost perf record -q -F 999 -e cpu-clock --call-graph dwarf -p $work -o "$tmp/p.data" -- sleep "$((2 * seconds))"
	perf=$cpu
	cost perf script -i "$tmp/p.data"
	kill $work
	wait $work 2> /dev/null
	row "recording of $name at 999 Hz: CPU" "$(awk -v a="$ours" -v b="$perf" -v c="$cpu" 'BEGIN { printf "%.3f", a / (b + c) }')" \
		"x perf dwarf + script ($ours s, $perf + $cpu s)" '<= 0.5'
	row "recording of $name at 999 Hz: bytes" "$(awk -v a="$bytes" -v b="$(stat -c %s "$tmp/p.data")" 'BEGIN { printf "%.4f", a / b }')" \
		"x perf dwarf ($bytes)" '<= 0.02'
}
against python3 /usr/bin/python3 -c "$python"
against sqlite3 /usr/bin/sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 2000000000) select count(*), max(hex(x)) from c'
