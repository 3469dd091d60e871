#!/bin/sh
# The whole program on real samples: what it leaves, what it says, and that nothing is lost.
# KILLS: how often it is killed (20).
. tests/bpf/lib
may_record recording root
# Under a name of its own, so that it is nobody else's.
export me=rec$$
spin=$tmp/.bin/$me
mkdir "$tmp/.bin"
ln -s "$O/tests/bpf/spin" "$spin"
undo() { mountpoint -q "$tmp/small" && umount "$tmp/small"; }
run() {
	timeout -k 5 60 "$FLAMELAPSE" "$@" > out 2> err
	status=$?
}
fails() { [ "$status" = "$1" ] && [ "$(wc -l < err)" -le 4 ] && [ -s err ]; }
nobody_left() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		pgrep -f "^$FLAMELAPSE record.*$tmp" > /dev/null
		case $? in
		0) ;;
		1) return 0 ;;
		*) return 1 ;; # no pgrep, for example
		esac
		sleep 0.1
	done
	pgrep -af "^$FLAMELAPSE record.*$tmp" >&2
	return 1
}

go "$spin" 300
spinner=$p

run record 2 -F 299 -o all.flame -f -a
check 'a recording: status' [ "$status" = 0 ]
check 'a recording: two whole snapshots' \
	[ "$(sqlite3 all.flame 'select group_concat(t1_ns - t0_ns) from snapshot')" = 1000000000,1000000000 ]
check 'a recording: every sample is accounted for' balanced all.flame
check 'a recording: folded text has all that was taken' \
	[ "$(folded_sum out)" = "$(sum taken all.flame)" ]
check 'a recording: the account is printed' grep -q ' expected = .* taken + .* idle + ' err
check 'a recording: one file' [ "$(ls all.flame*)" = all.flame ]
check 'a recording: whole stacks of a program with frame pointers' \
	sh -c 'grep "^$me;" out | grep -v truncated | grep -q ";main;"'
check 'a recording: most of its stacks are whole' sh -c '
	awk "/^$me;/ { all += \$NF } /^$me;.*truncated/ { cut += \$NF } END { exit !(cut < all / 5) }" out'
check '-a marks kernel frames' sh -c '! grep -q "_\[k\]" out || grep -q "[^k]_\[k\]" out'

run record 1 -F 199 -p $spinner -f
check '-p: only that process' sh -c 'grep -q "^$me;" out && ! grep -v "^$me;" out | grep -q .'
check '-f: no files' [ "$(ls)" = "$(printf 'all.flame\nerr\nout\nprobe.flame')" ] || ls >&2
run record 1 -F 199 -p $spinner -f -K
check '-K: no user frames' sh -c '! grep -q ";main" out'
run record 1 -F 199 -p $spinner -f -U
check '-U: no kernel frames' sh -c 'grep -q ";main" out && ! grep -q "asm_\|entry_SYSCALL" out'
run record 1 -F 199 -p $spinner --stacks
check '--stacks: the classic form' grep -q '^    -                '"$me ($spinner)"'$' out
run record 1 -F 99 -p $spinner -E
check '-E: images' [ -s frames/flamegraph0000.png ]
run record 1 -F 99 -p $spinner -E -g 'other/x%02d.png'
check '-g: under another name' [ -s other/x00.png ]
mkdir default && cd default && run record 1 -F 99
cd ..
check 'without -o: a recording and a film' \
	sh -c 'ls default | grep -q "^flamelapse-.*\.flame$" && ls default | grep -q "^flamelapse-.*\.mp4$"'
SUDO_UID=65534 SUDO_GID=65534
export SUDO_UID SUDO_GID
mkdir -m 777 theirs
run record 1 -F 99 -o theirs/x.flame -o theirs/x.mp4
check 'under sudo: files belong to the user' \
	[ "$(stat -c %u theirs/x.flame theirs/x.mp4 | tr '\n' ' ')" = '65534 65534 ' ]
mkdir -m 755 ours
run record 1 -F 99 -o ours/x.flame
check "under sudo: what the user may not write is not written" fails 1
run record 1 -F 99 -o theirs/y.flame -o ours/y.mp4
check "under sudo: that is told before anything is recorded" fails 1
check "and nothing is" [ ! -e theirs/y.flame ]
unset SUDO_UID SUDO_GID

run record 1 -p 4194000 -o x.flame
check 'a process that is not there' fails 1
check 'and nothing is left' [ ! -e x.flame ]
run record 0.01 -F 1 -o x.flame
check 'nothing was sampled: too short' fails 7
check 'and it says so' grep -q 'it was too short' err
rm x.flame
run record 1 -F 1000000 -o x.flame
check 'a rate above the limit' sh -c 'grep -q perf_event_max_sample_rate err'
run record 1 -F 99 --cgroupmap /sys/fs/bpf/no-such-map -o x.flame
check 'a pinned map that is not there' sh -c '[ '"$status"' != 0 ] && grep -q no-such-map err'
cp "$FLAMELAPSE" flamelapse && chmod 755 flamelapse
setpriv --reuid=65534 --regid=65534 --clear-groups ./flamelapse record 1 -o theirs/y.flame > out 2> err
status=$?
check 'without privileges' fails 4
echo text > foreign
run record 1 -F 99 -o foreign.flame -q
cp foreign foreign.flame
run record 1 -F 99 -o foreign.flame
check 'what is no recording is not overwritten' sh -c '[ '"$status"' = 1 ] && grep -q text foreign.flame'

run record -F 99 -o cmd.flame -- sh -c 'exit 7'
check 'a command: its status is told' grep -q 'ended with status 7' err
run record -F 499 -o cmd.flame -f -- sh -c "$spin 0.5; exit 0"
check 'a command: its descendants are followed' grep -q "^$me;" out
run record 5 -- /no/such/command
check 'a command that is not there' fails 1

"$FLAMELAPSE" record -F 99 -o "$tmp/int.flame" -o "$tmp/int.folded" > out 2> err &
p=$!
sleep 1.5
kill -INT $p
wait $p
status=$?
check 'Ctrl-C: status' [ $status = 0 ]
check 'Ctrl-C: the outputs' [ "$(folded_sum int.folded)" = "$(sum taken int.flame)" ]
check 'Ctrl-C: the open snapshot too' balanced int.flame

"$FLAMELAPSE" record -F 99 -o "$tmp/two.flame" -o "$tmp/two.mp4" --length 300s > out 2> err &
p=$!
sleep 1.5
kill -INT $p
for _ in $(seq 100); do [ -e .two.mp4.part ] && break; sleep 0.05; done
priority=$(cut -d ' ' -f 19,41 "/proc/$p/stat")
kill -INT $p
wait $p
status=$?
check 'the film is made at a low priority, but not when all others sleep only' [ "$priority" = '10 0' ]
check 'a second Ctrl-C, while the film is made: at once' [ $status != 0 -a ! -e two.mp4 ]
check 'a second Ctrl-C: the recording is whole' balanced two.flame

if mkdir small && mount -t tmpfs -o size=700k none small 2> /dev/null; then
	run record 3 -F 999 --interval 100ms -o small/x.flame
	check 'a full disk' fails 5
	check 'a full disk: told once' [ "$(grep -c 'no space' err)" = 1 ]
	check 'a full disk: readable up to the last snapshot' \
		sh -c '"$FLAMELAPSE" render small/x.flame -f > full.folded 2> err && [ -s full.folded ]'
	umount small
else
	skip 'a full disk' 'no mount here'
fi

bad=0 kept=0
for i in $(seq "${KILLS:-20}"); do
	rm -f "$tmp"/k.flame*
	"$FLAMELAPSE" record -q -F 99 --interval 50ms -o "$tmp/k.flame" > /dev/null 2>&1 &
	p=$!
	# Half of them when it has begun to record, however long that takes.
	for _ in $(seq $((i % 2 * 100))); do [ -e k.flame ] && break; sleep 0.05; done
	sleep "0.$((3 + i % 6))$((i * 7 % 10))"
	kill -9 $p
	wait $p 2> /dev/null
	nobody_left || bad=$((bad + 1))
	if "$FLAMELAPSE" render "$tmp/k.flame" -f > k.folded 2> err; then
		kept=$((kept + 1))
	else
		grep -q 'no samples\|nothing was sampled' err || [ ! -e k.flame ] || { cat err >&2; bad=$((bad + 1)); }
	fi
done
check "kill -9, ${KILLS:-20} times: always readable, nobody left" [ $bad = 0 ]
check 'kill -9: what was recorded is there' [ $kept -gt 0 ]
done_testing
