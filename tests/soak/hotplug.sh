#!/bin/sh
# A CPU that goes offline and comes back while it is recorded. Only here, since it moves the
# machine's interrupts and processes about.
tmp=$(mktemp -d)
cpu=/sys/devices/system/cpu/cpu1/online
trap 'echo 1 > $cpu 2> /dev/null; kill $spin 2> /dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
if [ "$(id -u)" != 0 ] || [ "$(cat $cpu 2> /dev/null)" != 1 ]; then
	echo 'ok 1 - a CPU that comes online # skip no CPU can be taken offline here'
	exit 0
fi
echo 0 > $cpu || { echo 'ok 1 - a CPU that comes online # skip not permitted'; exit 0; }
"$FLAMELAPSE" record -F 499 -I --interval 100ms -o "$tmp/x.flame" > "$tmp/out" 2> "$tmp/err" &
p=$!
count() { sqlite3 "$tmp/x.flame" 'select count(*) from snapshot' 2> /dev/null || echo 0; }
for _ in $(seq 100); do
	[ "$(count)" -ge 5 ] && break
	sleep 0.1
done
echo 1 > $cpu
for _ in $(seq 100); do
	grep -q 'came online' "$tmp/err" && break
	sleep 0.1
done
taskset -c 1 "$O/tests/bpf/spin" 60 &
spin=$!
sleep 2
kill -INT $p
wait $p
n=0
check() {
	n=$((n + 1))
	if [ "$2" = 1 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		cat "$tmp/err" >&2
	fi
}
check 'a CPU that comes online is told of' "$(grep -c 'CPU 1 came online: it is sampled' "$tmp/err")"
check 'and sampled' "$(sqlite3 "$tmp/x.flame" 'select (select expected from snapshot order by id desc
	limit 1 offset 1) > 1.5 * (select expected from snapshot order by id limit 1 offset 1)')"
check 'with the names of what runs there' \
	"$("$FLAMELAPSE" render "$tmp/x.flame" -f | grep -q '^spin;.*;main;' && echo 1)"
check 'and the account is exact' "$(sqlite3 "$tmp/x.flame" 'select sum(expected) = sum(taken + idle
	+ filtered + lost_ring_full + lost_ring_busy + lost_hash_storage + lost_stack_storage
	+ lost_missing + lost_backlog) from snapshot')"
echo "1..$n"
