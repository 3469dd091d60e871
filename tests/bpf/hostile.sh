#!/bin/sh
# Processes that do not wish us well: names that would steer a terminal or break a format, and perf
# maps that are traps.
. tests/bpf/lib
may_record recording root
spin=$O/tests/bpf/spin
undo() { for q in $pids; do rm -rf "/tmp/perf-$q.map"; done; }
run() {
	timeout -k 5 30 "$FLAMELAPSE" record 0.5 -F 199 -p "$p" -o x.flame -f > out 2> err
	status=$?
}
esc=$(printf '\033') csi=$(printf '\302\233')

# The name of a process, and how it is shown in folded text.
name() { # NAME SHOWN
	ln -s "$spin" "./$1"
	go "./$1" 60
	run
	stop $p
	shown=$2
	check "'$shown': the sampled process" [ "$status" = 0 -a "$(cut -d ';' -f 1 out | sort -u)" = "$shown" ]
	"$FLAMELAPSE" info x.flame > info.txt 2>&1
	"$FLAMELAPSE" info --json x.flame > info.json
	check "'$shown': no output steers a terminal" \
		sh -c "! cat out err info.txt info.json | LC_ALL=C grep -q '$esc\|$csi'"
	"$FLAMELAPSE" render -f out > again 2>> err
	check "'$shown': the text comes back the same" cmp -s out again
	rm -f "./$1"
}
name "$(printf 'a\033[31mred')" 'a\x1b[31mred'
name "$(printf 'two\nlines 5')" 'two\x0alines 5'
name "$(printf 'b\377\376\200')" 'b\xff\xfe\x80'
name "$(printf 'c\302\23331m')" 'c\x9b31m'
name "$(printf 'r\342\200\256lo')" 'r\u{202e}lo'
name '123456789012345' '123456789012345'
name "say \"it's\"" "say \"it's\""
name 'x;y 7' 'x:y 7'
name '# t=1 dur=2' '\x23 t=1 dur=2'
name '$(id)`id`' '$(id)`id`'

map() { # WHAT COMMAND…
	what=$1
	shift
	go "$spin" jit 60
	map=/tmp/perf-$p.map
	cp "$map" good
	"$@"
	run
	check "a perf map that is $what: recorded all the same" [ "$status" = 0 -a -s out ]
	check "a perf map that is $what: no names of it" sh -c '! grep -q made_at_run_time out'
	stop $p
	rm -rf "$map"
}
replace() { rm "$map" && "$@" "$map"; }
longer() { head -c 3000000 /dev/urandom > "$map"; }
map 'a pipe' replace mkfifo
map 'a link' replace ln -s "$tmp/good"
map 'a folder' replace mkdir
map "somebody else's" eval 'chown 65534 "$map"'
map 'a file of two names' eval 'ln "$map" "/tmp/linked-$p" && linked=/tmp/linked-$p'
rm -f "$linked"
map 'no text' longer
go "$spin" jit 60
run
check "and a good one gives names" grep -q made_at_run_time out
stop $p
done_testing
