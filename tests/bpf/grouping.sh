#!/bin/sh
# What stands below all: the parts that a recording keeps apart, and what rendering makes of them.
. tests/bpf/lib
may_record grouping
spin=$O/tests/bpf/spin
cg=
undo() { [ -z "$cg" ] || rmdir "$cg"; }
groups() { # RECORDING GROUP: the first words and their counts
	"$FLAMELAPSE" render "$1" --by "$2" -f > out 2> err
	awk '{ c = $NF; sub(/;.*/, ""); s[$0] += c } END { for (g in s) print g "=" s[g] }' out | LC_ALL=C sort
}
names() { groups "$@" | sed 's/=.*//' | tr '\n' ' '; }
total() { groups "$@" | awk -F= '{ s += $NF } END { print s + 0 }'; }

timeout 30 "$FLAMELAPSE" record -F 199 -q --per-thread --per-cpu -o parts.flame -- "$spin" 1 3 > out 2> err
check 'by process' [ "$(names parts.flame process)" = 'spin ' ]
check 'by pid' sh -c "[ \"$(names parts.flame pid | grep -c '^spin ([0-9]*) $')\" = 1 ]"
check 'by thread' [ "$(names parts.flame thread)" = 'spin-N spin ' ]
check 'by cpu' sh -c "echo '$(names parts.flame cpu)' | grep -Eq '^(CPU [0-9]+ )+$'"
check 'by cgroup' sh -c "echo '$(names parts.flame cgroup)' | grep -Eq '^(/|\[cgroup unknown\])'"
check 'no sample is in two groups, and none in none' [ "$(total parts.flame process)" = "$(total parts.flame thread)" ]
check '... by cpu' [ "$(total parts.flame process)" = "$(total parts.flame cpu)" ]
parts() {
	[ "$(sqlite3 parts.flame "select count(distinct tid) >= 2 and count(distinct pid) = 1 and
		min(cpu) >= 1 from process where id > 0")" = 1 ]
}
check 'the recording has the parts' parts

timeout 30 "$FLAMELAPSE" record -F 199 -q -o whole.flame -- "$spin" 1 3 > out 2> err
check 'without --per-thread a process is one' [ "$(names whole.flame thread)" = 'spin ' ]
check 'without --per-cpu all CPUs are one' [ "$(names whole.flame cpu)" = '[all CPUs] ' ]
check 'one row for the process' [ "$(sqlite3 whole.flame 'select count(*) from process where comm = "spin"')" = 1 ]

"$FLAMELAPSE" render parts.flame --by thread -o 't%04d.png' --size 640x480 > out 2> err
"$FLAMELAPSE" render parts.flame -o 'p%04d.png' --size 640x480 > out 2> err
check 'pictures are by thread too' sh -c '[ -s t0000.png ] && ! cmp -s t0000.png p0000.png'
"$FLAMELAPSE" render parts.flame --by weekday -f > out 2> err
check 'an unknown group is refused' [ $? = 2 ]

new=/sys/fs/cgroup/flamelapse-test-$$
if [ "$(stat -f -c %T /sys/fs/cgroup 2> err)" = cgroup2fs ] && mkdir "$new" 2> err; then
	cg=$new
	timeout 30 "$FLAMELAPSE" record -F 199 -q -o cg.flame -- sh -c "echo \$\$ > $cg/cgroup.procs; exec $spin 1" > out 2> err
	check 'a cgroup that was made a moment ago' sh -c "echo '$(names cg.flame cgroup)' | grep -q '/flamelapse-test-$$ '"
else
	skip 'a cgroup that was made a moment ago' 'no cgroup v2 to be written here'
fi
done_testing
