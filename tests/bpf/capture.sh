#!/bin/sh
# The collector alone, on real samples: each option against a workload of known shape, and the
# account of every snapshot.
. tests/bpf/lib
dump=$O/tests/tools/capture_dump
spin=$O/tests/bpf/spin
cg=$tmp/cgroup2
pin=/sys/fs/bpf/flamelapse-test-$$
undo() {
	rmdir "$cg"/fl-$$/a/b "$cg"/fl-$$/a "$cg"/fl-$$ 2> /dev/null
	mountpoint -q "$cg" && umount "$cg"
	rm -rf "$pin" "$pin-2"
}
explain() { grep -v ^stack out | tail -n 20; cat err; }
may_record sampling root

# Runs the collector. Every snapshot of every run must balance.
run() {
	timeout 20 "$dump" "$@" > out 2> err
	status=$?
	grep -q '^snapshot' out && grep '^snapshot' out | grep -qv 'exact=1$' &&
		check "each account of '$*' is exact" false
	return $status
}
has() { grep -q "$@" out; }
hasnt() { ! grep -q "$@" out; }
says() { grep -q "$@" err; }
fails() { # STATUS
	[ "$status" = "$1" ] && [ "$(wc -l < err)" = 1 ] && has "failed status=$1" && hasnt ^snapshot
}
# The sum of a field of all snapshots.
sum() { awk -v f="$1" '/^snapshot/ { for (i = 2; i <= NF; i++) { split($i, a, "="); if (a[1] == f) s += a[2] } } END { print s + 0 }' out; }
# Samples of a process, by pid: all, or those whose stack line matches.
of() { awk -v pid="$1" -v like="${2:-.}" '/^process/ { split($2, i, "="); split($3, p, "="); if (p[2] == pid) mine[i[2]] = 1 }
	/^stack/ { split($2, i, "="); split($4, c, "="); if (mine[i[2]] && $0 ~ like) s += c[2] } END { print s + 0 }' out; }
only() { [ "$(of "$1")" -gt 0 ] && [ "$(of "$1")" = "$(sum taken)" ] && [ "$(sum filtered)" -gt 0 ]; }

go "$spin" 30; a=$p
go "$spin" 30; b=$p

# --- cutting ---
run -F 199 -i 100 1
check "cuts are exact" awk '/^started/ { split($NF, a, "="); start = a[2] }
	/^snapshot/ { split($2, m, "="); split($3, l, "="); d = m[2] - start - k++ * 100000000
		if (d > 512 || d < -512 || (last != "" && last > 100000512)) bad = 1; if (l[2] < 99999488) short++; last = l[2] }
	END { exit bad || k < 4 || short > 1 }' out
check "nothing is lost, late or beyond bounds" has '^ended.*sideband_lost=0 late=0 beyond=0'
check "expected in snapshots is all that was expected" has "^ended expected=$(sum expected) "
check "the first 300 ms have samples" awk '/^snapshot/ && k++ < 3 { split($7, t, "="); split($6, e, "="); s += e[2] + t[2] } END { exit s == 0 }' out

# --- shares of a known chain ---
run -p $a -F 999 2.5
set -- $(nm -S "$spin" | awk '$4 == "spin_inner" || $4 == "spin_outer" { print $4, $1, $2 }')
share() { awk -v n1="$1" -v s1="$2" -v l1="$3" -v n2="$4" -v s2="$5" -v l2="$6" '
	function hex(h,  i, v) { v = 0; for (i = 1; i <= length(h); i++) v = v * 16 + index("0123456789abcdef", substr(h, i, 1)) - 1; return v }
	function in_it(f, s, l) { sub(/.*\+/, "", f); f = hex(f); return f >= hex(s) && f <= hex(s) + hex(l) }
	/^stack/ { split($4, c, "="); sub(/user=/, "", $6); k = split($6, f, ";")
		if (k < 3) next
		if (in_it(f[1], s1, l1) && in_it(f[2], s2, l2)) x[n1 n2] += c[2]
		if (in_it(f[1], s2, l2) && in_it(f[2], s1, l1)) x[n2 n1] += c[2]
		if (in_it(f[1], s1, l1) && !in_it(f[2], s2, l2)) x[n1] += c[2]
		if (in_it(f[1], s2, l2) && !in_it(f[2], s1, l1)) x[n2] += c[2] }
	END { inner = x["spin_innerspin_outer"]; outer = x["spin_outer"]; all = inner + outer
		print inner, outer > "/dev/stderr"; exit !(all > 100 && inner > 0.62 * all && inner < 0.88 * all) }' out; }
check "a known chain has its known shares" share "$@"
check "stacks end where main returns to in libc" awk '/^module/ && /libc\.so/ { split($2, i, "="); libc = i[2] }
	/^stack/ { all++; k = split($6, f, ";"); if (f[k] ~ "^" libc "\\+") ok++ } END { exit !(all && ok > 0.9 * all) }' out

# --- filters ---
check "-p: only that process" only $a
check "-p: not the other" [ "$(of $b)" = 0 ]
run -p $a,$b -F 199 0.5
check "-p: a list" [ "$(of $a)" -gt 0 -a "$(of $b)" -gt 0 ]
stop $a $b
go taskset -c 0 "$spin" asleep 30; a=$p
other=$(ls "/proc/$a/task" | grep -vx "$a")
run -p $a -F 499 0.5
check "-p: a thread that is not the main one" only $a
run -L "$other" -F 499 0.5
check "-L: that thread" only $a
run -L $a -F 499 0.5
check "-L: not another thread of its process" [ "$(sum taken)" = 0 -a "$(sum filtered)" -gt 0 ]
run -C 0 -F 199 0.5
check "-C: the CPU where it runs" [ "$(of $a)" -gt 0 ]
check "-C: one CPU" has '^started.* cpus=1 '
if [ "$(nproc)" -gt 1 ]; then
	run -C 1 -F 199 0.5
	check "-C: the CPU where it does not" [ "$(of $a)" = 0 ]
fi
run -C 4095
check "-C: one that is not there" fails 1

# --- rates: CPU 0 is busy, so that its ticks come ---
run -C 0 -F 100 1; low=$(sum expected)
check "-F: undelivered is known, and small" awk '/^ended/ { split($2, e, "="); split($3, u, "="); exit !(u[2] >= 0 && u[2] <= 0.2 * e[2] + 2) }' out
run -C 0 -F 400 1; high=$(sum expected)
check "-F: four times the rate ($low, $high)" [ $high -gt $((low * 3)) -a $high -lt $((low * 5)) ]
run -C 0 -c 2500000 1; period=$(sum expected)
check "-c: a period of 2.5 ms is 400 Hz ($period)" [ $period -gt $((high / 2)) -a $period -lt $((high * 2)) ]
check "-c: no rate, so nothing is known to be undelivered" has '^ended.*undelivered=-1'
run -C 0 -c 5 0.1
check "-c: raised to 10,000 ns, with a word" has '^started.*freq=0 period=10000 '
check "-c: the word" says 'raised to 10000 ns'
check "-c: the ring is that of the raised period" says 'it holds 2.2 s'
run -F 2000000 0.3
check "-F: above the sysctl" fails 2
check "-F: the sysctl is named" says 'kernel.perf_event_max_sample_rate'
run -e -F 99 0.3
if has '^started fell_back=0'; then
	skip "-e cycles falls back" "this machine has cycles"
else
	check "-e cycles falls back with one line" [ "$(wc -l < err)" = 1 -a -n "$(grep '^snapshot' out)" ]
fi
stop $a

# --- parts of stacks ---
go "$spin" syscalls 30; a=$p
run -p $a -F 299 0.5
check "both stacks" [ "$(of $a 'kernel=[1-9].*user=[1-9]')" -gt 0 ]
run -p $a -U -F 299 0.5
check "-U: no kernel stacks, all samples" [ "$(of $a 'kernel=0')" = "$(sum taken)" -a "$(of $a 'user=[1-9]')" -gt 0 ]
run -p $a -K -F 299 0.5
check "-K: no user stacks, all samples" [ "$(of $a 'flags=1 .*user=$')" = "$(sum taken)" -a "$(of $a 'kernel=[1-9]')" -gt 0 ]
run -U -K 0.2
check "-U and -K together" fails 2
stop $a
sleep 0.2
# A machine at work has little idle time: look until there was some.
idle=0 kept=0 lost=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	run -F 499 0.3
	has '^process .*pid=0 ' && kept=-1
	idle=$((idle + $(sum idle)))
	run -I -F 499 0.3
	lost=$((lost + $(sum idle)))
	[ $kept -ge 0 ] && kept=$((kept + $(of 0)))
	[ $idle -gt 20 ] && [ $kept -gt 0 ] && break
	[ $lost -gt 0 ] || [ $kept -lt 0 ] && break
done
check "without -I the idle task is no process" [ $kept -ge 0 ]
check "-I: it is none of the idle samples" [ $lost = 0 ]
if [ $idle -le 20 ] && [ $kept = 0 ]; then
	skip "-I" "no CPU is idle here"
else
	check "-I: idle samples are those of a process ($kept, $idle without it)" [ $kept -gt 0 ]
fi

# --- sets ---
mkdir "$cg"
mount -t cgroup2 none "$cg" 2> /dev/null
if mountpoint -q "$cg" && mkdir -p "$cg/fl-$$/a/b"; then
	go "$spin" 30; a=$p
	go "$spin" 30; b=$p
	echo $a > "$cg/fl-$$/a/b/cgroup.procs"
	run -g "$cg/fl-$$/a" -F 199 0.5
	check "--cgroup: its processes, descendants included" only $a
	mkdir "$cg/fl-$$/c"
	run -g "$cg/fl-$$/c" -F 199 0.3
	check "--cgroup: an empty one" [ "$(sum taken)" = 0 -a "$(sum filtered)" -gt 0 ]
	rmdir "$cg/fl-$$/c"
	bpftool map create "$pin" type hash key 8 value 8 entries 4 name fl_test
	id=$(stat -c %i "$cg/fl-$$/a/b")
	bpftool map update pinned "$pin" key $(hex "$id") value 1 0 0 0 0 0 0 0
	run -G "$pin" -F 199 0.5
	check "--cgroupmap: the cgroups in it" only $a
	stop $a $b
else
	skip "--cgroup, --cgroupmap" "no cgroup v2 can be mounted"
fi
run -g /proc 0.2
check "--cgroup: not one" fails 1
run -G "$pin-not" 0.2
check "--cgroupmap: a missing one is refused by name" fails 1
check "--cgroupmap: the name" says "$pin-not"
go unshare -m --propagation unchanged "$spin" 30; a=$p
go "$spin" 30; b=$p
if bpftool map create "$pin-2" type hash key 8 value 4 entries 4 name fl_test &&
	bpftool map update pinned "$pin-2" key $(hex "$(stat -L -c %i /proc/$a/ns/mnt)") value 1 0 0 0; then
	run -M "$pin-2" -F 199 0.5
	check "--mntnsmap: the mount namespaces in it" only $a
else
	check "--mntnsmap" false
fi
run -M "$pin-not" 0.2
check "--mntnsmap: a missing one is refused by name" fails 1
run -p 4194305 0.2
check "-p: an unknown process" fails 1
stop $a

# --- bounds ---
run -p $b -F 999 -H 2 0.6
check "--hash-storage-size" [ "$(sum hash_storage)" -gt 0 -a "$(sum stacks)" = 2 ]
run -p $b -F 999 -S 2 0.6
check "--stack-storage-size" [ "$(sum stack_storage)" -gt 0 -a "$(sum hash_storage)" = 0 -a "$(sum stacks)" = 2 ]

# --- a command and what it forks; $b still runs beside it ---
run -F 299 10 -- "$spin" fork 0.6
check "a command: its grandchild is sampled" awk '/^process .*comm=spin$/ { split($2, i, "="); mine[i[2]] = 1 }
	/^stack/ { split($2, i, "="); split($4, c, "="); if (mine[i[2]]) s += c[2] } END { exit !s }' out
check "a command: nothing else" [ "$(of $b)" = 0 ]
check "a command: its status, and no rate" has '^ended.*undelivered=-1 status=768'
run -A -F 299 10 -- "$spin" 0.5
check "a command with --all-cpus: the others too" [ "$(of $b)" -gt 0 ]
check "a command with --all-cpus: its status" has '^ended.*status=768'
run 1 -- /nonexistent/command
check "a command that is not there" fails 1
check "a command: the error" has 'errno=2'
run -F 99 0.3 -- sh -c 'trap "" TERM; sleep 20 & echo $! > left; wait'
check "a command that outlasts us is left alone" kill -0 "$(cat left)"
check "and its status is not known" has '^ended.*status=-1'
kill -9 "$(cat left)"
# By whoever runs the tests, and by timeout, which gives some of them back.
ignored=$(timeout 20 grep '^SigIgn' /proc/self/status)
SUDO_UID=65534 SUDO_GID=65534 run -F 99 5 -- sh -c 'id -u > /dev/null; grep -q "^Uid:.65534" /proc/self/status && grep -q "^CapEff:.0*$" /proc/self/status && grep -q "^'"$ignored"'" /proc/self/status'
check "a command runs as who called sudo, without capabilities" has '^ended.*status=0'
stop $b

# --- names of what was mapped ---
run -F 999 10 -- "$spin" short 15
check "short-lived processes have their mappings" awk '/^process .*new=1 comm=spin$/ { k++; split($2, i, "="); mine[i[2]] = 1 }
	/^stack/ { split($2, i, "="); split($3, f, "="); split($4, c, "="); if (mine[i[2]]) { all += c[2]; if (int(f[2] / 4) % 2) broken += c[2] } }
	END { exit !(k >= 5 && all > 20 && broken < 0.1 * all) }' out
run -F 499 10 -- sh -c 'i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i + 1)); done'
check "processes shorter than a period are sampled" [ "$(sum taken)" -gt 60 ]
go "$spin" jit 30; a=$p
run -p $a -F 199 0.5
check "JIT code is the process's own module" has '^module .*kind=4 .*path=\[jit\]'
check "its perf map comes along" has '^perfmap .*made_at_run_time'
stop $a
rm -f "/tmp/perf-$a.map"
cp "$spin" "$tmp/gone"
go "$tmp/gone" 30; a=$p
rm "$tmp/gone"
run -p $a -F 199 0.4
check "a deleted program is still opened" has "^module .*kind=1 .*file=1 path=$tmp/gone\$"
stop $a
if unshare -pf --mount-proc true 2> /dev/null; then
	unshare -pf --mount-proc sh -c "'$spin' 1 & sleep 0.1; exec '$dump' -p \$! -F 199 0.5" > out 2> err
	check "inside a PID namespace" [ "$(sum taken)" -gt 0 -a "$(sum filtered)" -gt 0 ]
	check "pids are those of the namespace" awk '/^process/ { split($3, p, "="); if (p[2] > 20) bad = 1; k++ } END { exit bad || !k }' out
else
	skip "inside a PID namespace" "none can be made"
fi

# --- the end ---
"$dump" -F 99 20 > out 2> err &
main=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.1
	has '^started' && break
done
collector=$(sed -n 's/^collector pid=//p' out)
check "there is a collector" kill -0 "$collector"
check "it keeps only the capabilities of sampling" grep -qE "^CapEff:.000001c400080004$" "/proc/$collector/status"
kill -9 $main
wait $main 2> /dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	kill -0 "$collector" 2> /dev/null || break
	sleep 0.1
done
check "main killed: no process is left behind" [ ! -e "/proc/$collector" ]
"$dump" -q -F 99 20 > out 2> err &
main=$!
sleep 0.5
kill -9 "$(sed -n 's/^collector pid=//p' out)"
wait $main
check "collector killed: main sees the end" [ $? = 1 ]
done_testing
