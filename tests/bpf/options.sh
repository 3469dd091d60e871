#!/bin/sh
# Each option of `record`, through the whole program: a check that fails where the option is
# ignored. What is compared was taken from processes, threads and CPUs that are known to be busy or
# asleep, so that no check depends on what else the machine does.
. tests/bpf/lib
may_record recording root
spin=$O/tests/bpf/spin
pin=/sys/fs/bpf/flamelapse-options-$$
cg=$tmp/cgroup2
undo() {
	rmdir "$cg/fl-$$/a" "$cg/fl-$$" 2> /dev/null
	mountpoint -q "$cg" && umount "$cg"
	rm -rf "$pin" "$pin-2"
}
# Half a second in the recording x.flame, and folded text in out.
run() {
	rm -f x.flame
	timeout -k 5 30 "$FLAMELAPSE" record 0.5 -o x.flame -f "$@" > out 2> err
	status=$?
}
has() { grep -q "$@" out; }
hasnt() { ! grep -q "$@" out; }
only() { has "^$1;" && hasnt -v "^$1;" && [ "$(sum filtered)" -gt 0 ]; }
both() { has "^$1;" && has "^$2;"; }
at_least() { [ "$(($1))" -ge "$2" ]; }
go_as() { # NAME WORD…: a workload under a name of its own
	ln -sf "$spin" "$1"
	shift
	go "$@"
}

go_as one taskset -c 0 ./one 300; a=$p
go_as two taskset -c "$(($(nproc) > 1))" ./two 300; b=$p

run
check "all processes, without a filter" both one two
check "the duration" [ "$(sum 't1_ns - t0_ns')" = 500000000 ]
run --interval 100ms
check "--interval" [ "$(sqlite3 x.flame 'select count(*) from snapshot')" = 5 ]
run -p $a
check "-p" only one
run -p $a,$b
check "-p: a list" sh -c 'grep -q "^one;" out && grep -q "^two;" out && ! grep -v "^one;\|^two;" out'
if [ "$(nproc)" -gt 1 ]; then
	run -C 1
	check "-C" sh -c 'grep -q "^two;" out && ! grep -q "^one;" out'
else
	skip "-C" "there is one CPU"
fi
run -C 0 -F 100; low=$(sum expected)
run -C 0 -F 500; high=$(sum expected)
check "-F ($low, $high)" [ "$high" -gt $((low * 5 / 2)) ]
run -C 0 -c 2000000; period=$(sum expected)
check "-c ($low, $period)" [ "$period" -gt $((low * 5 / 2)) ]
run -e cycles
check "-e: cycles, or a word about it" sh -c '
	[ "$("$FLAMELAPSE" info x.flame | grep -c cycles)" -gt 0 ] || grep -q "cannot sample cycles" err'
run -p $a -F 499 --hash-storage-size 1
check "--hash-storage-size" at_least "$(sum lost_hash_storage)" 1
check "--hash-storage-size: one stack" [ "$(wc -l < out)" = 1 ]
run -p $a -F 499 --stack-storage-size 1
check "--stack-storage-size" at_least "$(sum lost_stack_storage)" 1
run -p $a -F 499 --stack-storage-size 1 --max-loss 1
check "--max-loss" [ $status = 6 ]
run -p $a -q
check "-q" [ ! -s err ]

go_as asleep ./asleep asleep 300; c=$p
other=$(ls "/proc/$c/task" | grep -vx "$c")
run -L "$other"
check "-L" only asleep
run -L "$c"
check "-L: not the thread that sleeps" [ $status = 7 -a "$(sum taken)" = 0 ]
stop $c

go_as calls ./calls syscalls 300; c=$p
run -p $c -F 299 -a
check "kernel and user frames, and -a" sh -c 'grep -q "^calls;.*;main;.*_\[k\]" out'
run -p $c -F 299
check "not without -a" hasnt '_\[k\]'
run -p $c -F 299 -a -U
check "-U" sh -c 'grep -q ";main" out && ! grep -q "_\[k\]" out'
run -p $c -F 299 -a -K
check "-K" sh -c 'grep -q "_\[k\]" out && ! grep -q ";main" out'
run -p $c -F 299 -a -d
check "-d" has ';-;[^;]*_\[k\]'
stop $c

mkdir "$cg"
mount -t cgroup2 none "$cg" 2> /dev/null
if mountpoint -q "$cg" && mkdir -p "$cg/fl-$$/a" && echo $a > "$cg/fl-$$/a/cgroup.procs"; then
	run --cgroup "$cg/fl-$$"
	check "--cgroup" only one
	bpftool map create "$pin" type hash key 8 value 8 entries 4 name fl_test &&
		bpftool map update pinned "$pin" value 1 0 0 0 0 0 0 0 \
			key $(hex "$(stat -c %i "$cg/fl-$$/a")")
	run --cgroupmap "$pin"
	check "--cgroupmap" only one
	echo $a > "$cg/cgroup.procs"
else
	skip "--cgroup, --cgroupmap" "no cgroup v2 can be mounted"
fi
go_as apart unshare -m --propagation unchanged ./apart 300; c=$p
bpftool map create "$pin-2" type hash key 8 value 8 entries 4 name fl_test &&
	bpftool map update pinned "$pin-2" value 1 0 0 0 0 0 0 0 \
		key $(hex "$(stat -L -c %i /proc/$c/ns/mnt)")
run --mntnsmap "$pin-2"
check "--mntnsmap" only apart
stop $c

cmd() {
	rm -f x.flame
	timeout -k 5 30 "$FLAMELAPSE" record 10 -o x.flame -f "$@" -- ./three 0.5 > out 2> err
	status=$?
}
ln -sf "$spin" three
cmd
check "a command: it and nothing else" only three
cmd --all-cpus
check "--all-cpus" sh -c 'grep -q "^three;" out && grep -q "^one;" out'

stop $b # films are made with what nobody else wants of the CPUs
run --stacks -o y.folded
check "-f and --stacks exclude each other" [ $status = 2 ]
rm -rf files && mkdir files && cd files
run_in() { timeout -k 5 30 "$FLAMELAPSE" record 2 -p $a "$@" > ../out 2> ../err; status=$?; }
run_in -f
check "-f: no files" [ -s ../out -a -z "$(ls -A)" ]
run_in --stacks
check "--stacks: no files" [ -s ../out -a -z "$(ls -A)" ]
if "$FLAMELAPSE" --print-options | grep -q '^render'; then
	run_in -E
	check "-E: images alone" [ -s frames/flamegraph0000.png -a "$(ls)" = frames ]
	run_in -g 'other/y%02d.png'
	check "-g" [ -s other/y00.png ]
	run_in --size 320x180 -o y.mp4 -o y.y4m -o y.folded -o y.flame
	check "-o, four times" [ -s y.mp4 -a -s y.y4m -a -s y.folded -a -s y.flame ]
fi
cd ..
stop $a

# A machine at work has little idle time: look until there was some.
idle=0 kept=0 seen=0 ignored=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	run -F 299
	idle=$((idle + $(sum idle)))
	has '^swapper' && seen=$((seen + 1))
	run -F 299 -I
	ignored=$((ignored + $(sum idle)))
	has '^swapper' && kept=$((kept + 1))
	[ $idle -gt 20 ] && [ $kept -gt 0 ] && break
	[ $ignored -gt 0 ] && break
done
check "without -I nothing is of the idle task" [ $seen = 0 ]
check "-I: it is not counted as idle" [ $ignored = 0 ]
if [ $idle -le 20 ] && [ $kept = 0 ]; then
	skip "-I" "no CPU is idle here"
else
	check "-I: it is sampled" [ $kept -gt 0 ]
fi
done_testing
