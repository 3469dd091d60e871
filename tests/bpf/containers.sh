#!/bin/sh
# Names from debug files that only a profiled process sees: in other mount namespaces and roots.
tmp=$(mktemp -d)
n=0
pids=

clean() {
	for p in $pids; do kill -9 "$p" 2> /dev/null; done
	wait 2> /dev/null
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 1' INT TERM
cd "$tmp" || exit 1

if [ "$(id -u)" != 0 ] || ! unshare -m true 2> err ||
	! "$FLAMELAPSE" record 0.3 -q -F 499 -I -o probe.flame 2> err; then
	echo "ok 1 - recording # skip not permitted here: $(head -n 1 err)"
	exit 0
fi

check() { # NAME CLAIM…
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		{ echo "--- $name"; tail -n 8 out err; } >&2
	fi
}
# Records a process that runs already. Where names are to come, they may come late on a machine that
# has much to do: the longer ones are for that.
run() { # PID [CLAIM]
	for t in 2 5 15; do
		timeout -k 5 60 "$FLAMELAPSE" record $t -F 299 -p "$1" -f -U > out 2> err
		[ -z "$2" ] || "$2" && break
	done
	kill "$1"
}
named() { grep -q ';main;outer [0-9]*$' out; }
unnamed() { ! named && grep -q 'bare@0x' out; }

cat > chain.c << 'END'
static volatile long n;
static __attribute__((noipa)) void outer(long x)
{
	for (long i = 0; i < x; i++)
		n += i;
}
int main(void)
{
	for (;;)
		outer(100000);
}
END
cc -static -O2 -g -Wl,--build-id -o chain chain.c || exit 1
objcopy --only-keep-debug chain chain.debug
strip -o bare chain
objcopy --add-gnu-debuglink=chain.debug bare linked
cc -static -O1 -g -Wl,--build-id -DOTHER -o other chain.c
id=$(readelf -n chain | sed -n 's/.*Build ID: //p')
file=.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug

# root DIR PROGRAM: a root with the program alone
root() {
	mkdir -p "$1/bin" "$1/usr/lib/debug/$(dirname "$file")"
	cp "$2" "$1/bin/bare"
}
# start DIR: in its own mounts and root; the pid is in $p
start() {
	"$O/tests/bpf/enter" "$1" /bin/bare > /dev/null 2>&1 &
	p=$!
	pids="$pids $p"
	sleep 0.3
}

root plain bare
start plain
run $p
check 'no debug files: functions by their start' unnamed

root by-id bare
cp chain.debug "by-id/usr/lib/debug/$file"
start by-id
run $p named
check 'by build-id, in the root of the process' named

if [ -d /usr/lib/debug ]; then
	unshare -m sh -c "mount --bind '$tmp/by-id/usr/lib/debug' /usr/lib/debug && exec '$tmp/bare'" > /dev/null 2>&1 &
	p=$!
	pids="$pids $p"
	sleep 0.5
	run $p named
	check 'by build-id, in the mounts of the process' named
fi

for place in bin/chain.debug bin/.debug/chain.debug usr/lib/debug/bin/chain.debug; do
	rm -rf link
	root link linked
	mkdir -p "$(dirname "link/$place")"
	cp chain.debug "link/$place"
	start link
	run $p named
	check "by .gnu_debuglink: /$place" named
done

root inside bare
cp chain.debug inside/elsewhere
ln -s /elsewhere "inside/usr/lib/debug/$file"
start inside
run $p named
check 'a link is followed inside the root' named

root fifo linked
mkfifo "fifo/usr/lib/debug/$file"
mkdir fifo/bin/.debug
cp chain.debug fifo/bin/.debug
start fifo
run $p named
check 'a FIFO is passed over' named

root wrong linked
cp other "wrong/usr/lib/debug/$file"
cp chain.debug wrong/bin
start wrong
run $p named
check 'a file of another build is not believed, the next one is' named
echo "1..$n"
