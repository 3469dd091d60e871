#!/bin/sh
# Names in real recordings: separate debug files, inlined functions, lines, a kernel that hides.
tmp=$(mktemp -d)
n=0
pids=
restrict=

clean() {
	for p in $pids; do kill -9 "$p" 2> /dev/null; done
	wait 2> /dev/null
	[ -z "$restrict" ] || echo "$restrict" 2> /dev/null > /proc/sys/kernel/kptr_restrict
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 1' INT TERM
cd "$tmp" || exit 1

if [ "$(id -u)" != 0 ] || ! "$FLAMELAPSE" record 0.1 -q -o probe.flame 2> err; then
	case $(cat err) in
	*"nothing was sampled"*) ;;
	*)
		echo "ok 1 - recording # skip not permitted here: $(head -n 1 err)"
		exit 0
		;;
	esac
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
run() { timeout -k 5 60 "$FLAMELAPSE" "$@" > out 2> err; }

cat > chain.c << 'END'
static volatile long n;
static inline __attribute__((always_inline)) void inner(long x)
{
	for (long i = 0; i < x; i++)
		n += i;
}
static inline __attribute__((always_inline)) void middle(long x)
{
	inner(x);
	inner(x + 1);
}
static __attribute__((noipa)) void outer(long x)
{
	middle(x);
	n ^= 3;
}
int main(void)
{
	for (;;)
		outer(100000);
}
END
cc -O2 -g -Wl,--build-id -o chain chain.c
objcopy --only-keep-debug chain chain.debug
strip -o bare chain
id=$(readelf -n chain | sed -n 's/.*Build ID: //p')
dir=system/.build-id/$(echo "$id" | cut -c1-2)
mkdir -p "$dir"
cp chain.debug "$dir/$(echo "$id" | cut -c3-).debug"

./bare > /dev/null &
bare=$!
pids="$pids $bare"
sleep 0.2
run record 1 -F 199 -p $bare -f -U
check 'a stripped program: functions by their start' grep -q ';bare@0x[0-9a-f]* [0-9]*$' out
run record 1 -F 199 -p $bare -o later.flame
run symbolize later.flame --debug-files system
check 'symbolize: names later' grep -q ' 2 of 2 unnamed functions have a name now' err
run render later.named.flame -f
check 'symbolize: in their places' grep -q ';main;outer [0-9]*$' out
mkdir -p server/buildid/"$id"
cp chain.debug server/buildid/"$id"/debuginfo
export DEBUGINFOD_CACHE_PATH="$tmp/cache" DEBUGINFOD_URLS="file://$tmp/server"
run doctor
if grep -q '^ok  debuginfod' out; then
	run record 1 -F 199 -p $bare -f -U
	check 'no server is asked without --debuginfod' [ ! -e cache ]
	run record 1 -F 199 -p $bare -f -U --debuginfod
	check '--debuginfod: names of a server' grep -q ';main;outer [0-9]*$' out
	run record 1 -F 199 -p $bare -o fetched.flame --debuginfod
	check 'and the recording is one file' [ "$(ls fetched.flame*)" = fetched.flame ]
fi
unset DEBUGINFOD_URLS
run record 1 -F 199 -p $bare -f -U --debug-files system
check '--debug-files: names by build-id' grep -q ';main;outer [0-9]*$' out
run record 1 -F 199 -p $bare -f -U -a --debug-files system --inlines
check '--inlines: the chain, outermost first' \
	grep -q ';main;outer;middle_\[i\];inner_\[i\] [0-9]*$' out
run record 1 -F 199 -p $bare -f -U --debug-files system --lines
check '--lines: in the name' grep -q ';main (chain.c:20);outer (chain.c:14) [0-9]*$' out
run record 1 -F 199 -p $bare -f -U -a --debug-files system --lines --inlines
check 'both: lines of the calls and of the code' \
	grep -q ';outer (chain.c:14);middle (chain.c:\(9\|10\))_\[i\];inner (chain.c:[45])_\[i\]' out
kill $bare

objcopy --add-gnu-debuglink=chain.debug bare linked
./linked > /dev/null &
linked=$!
pids="$pids $linked"
sleep 0.2
run record 1 -F 199 -p $linked -f -U
check 'a debug file by .gnu_debuglink' grep -q ';main;outer [0-9]*$' out
kill $linked
if [ -n "$(find /usr/lib/debug/.build-id -name "$(readelf -n "$(ldd chain |
	sed -n 's/.*libc.so.6 => \([^ ]*\).*/\1/p')" | sed -n 's/.*Build ID: ..//p').debug" 2> /dev/null)" ]; then
	check "the system's debug files: those of the C library" \
		grep -q ';__libc_start_call_main;main' out
fi

# What the debug files of a package share stands in one more, as dwz makes it: Debian's are so.
if command -v dwz > /dev/null; then
	mkdir packed
	cat > packed/shared.h << 'END'
struct shared { int a, b, c; long d[10]; };
struct other { struct shared s; char *name; double x; };
static volatile long n;
static inline __attribute__((always_inline)) void a_long_inner_name(struct other *o, long x)
{
	for (long i = 0; i < x; i++)
		n += i + o->s.a;
}
END
	cat > packed/one.c << 'END'
#include "shared.h"
static __attribute__((noipa)) void outer(struct other *o, long x)
{
	a_long_inner_name(o, x);
	n ^= 3;
}
int main(void)
{
	static struct other o;
	for (;;)
		outer(&o, 100000);
}
END
	cp packed/one.c packed/two.c
	for p in one two; do
		cc -O2 -g -Wl,--build-id -o packed/$p packed/$p.c
		objcopy --only-keep-debug packed/$p packed/$p.debug
		strip -o packed/$p.bare packed/$p
	done
	objcopy --add-gnu-debuglink=packed/one.debug packed/one.bare
	chmod 755 . packed
	dwz -m packed/common.debug -M "$tmp/packed/common.debug" packed/one.debug packed/two.debug
	check 'a debug file whose names are in another' \
		sh -c '! grep -q a_long_inner_name packed/one.debug && grep -q a_long_inner_name packed/common.debug'
	packed/one.bare > /dev/null &
	one=$!
	pids="$pids $one"
	sleep 0.2
	run record 1 -F 499 -p $one -f -U -a --inlines --lines
	check 'dwz: inlined functions and lines' \
		grep -q ';outer (one.c:4);a_long_inner_name (shared.h:[67])_\[i\] [0-9]*$' out
	mv packed/common.debug packed/gone
	run record 1 -F 499 -p $one -f -U -a --inlines
	check 'dwz: without that file, none is made up' grep -q ';main;outer;\[unknown\]_\[i\] [0-9]*$' out
	kill $one
fi

# The kernel's names where it hides its addresses.
dd if=/dev/zero of=/dev/null bs=64 2> /dev/null &
dd=$!
pids="$pids $dd"
by_program() { # the last run
	grep -q '^dd;.*;do_syscall_64' out && ! grep -q '\[kernel\]' out && ! grep -q kptr_restrict err
}
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # skip $2"
}
sed 's/^[0-9a-f]*/0000000000000000/' /proc/kallsyms > hidden
hiding() { # PROGRAM…: in a world whose kallsyms has no addresses
	unshare -m sh -c 'mount --bind hidden /proc/kallsyms && exec timeout -k 5 60 "$@"' - "$@" > out 2> err
}
if unshare -m sh -c "mount --bind hidden /proc/kallsyms" 2> /dev/null; then
	hiding "$FLAMELAPSE" doctor
	if grep -q '^ok *kernel names: .*a BPF program can tell them' out; then
		hiding "$FLAMELAPSE" record 1 -F 999 -p $dd -f -a
		check 'a kernel that hides its addresses names them all the same' by_program
		check 'and marks them as its own' grep -q ';do_syscall_64_\[k\]' out
		hiding "$FLAMELAPSE" events 1 -F 999 -p $dd --stacks
		check 'so it does for single samples' grep -q '^ *do_syscall_64$' out
		hiding "$FLAMELAPSE" record 1 --off-cpu -f
		check 'and for blocked time' grep -q ';do_syscall_64;.*;\[sleeping\]' out
		check 'whose stacks begin above the scheduler' sh -c '! grep -q ";schedule;" out'
	else
		skip 'a kernel that hides its addresses names them all the same' 'this one cannot (Linux 5.14)'
	fi
	if command -v setpriv > /dev/null; then
		hiding setpriv --bounding-set=-bpf,-sys_admin --inh-caps=-bpf,-sys_admin "$FLAMELAPSE" doctor
		check 'doctor: without rights, no names' grep -q '^!! *kernel names: ' out
	fi
fi
restrict=$(cat /proc/sys/kernel/kptr_restrict)
if echo 2 2> /dev/null > /proc/sys/kernel/kptr_restrict; then
	run record 1 -F 999 -p $dd -f
	echo "$restrict" > /proc/sys/kernel/kptr_restrict
	check 'kernel.kptr_restrict=2' by_program
else
	skip 'kernel.kptr_restrict=2' 'it cannot be set here'
fi
if command -v setpriv > /dev/null && [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -ge 2 ]; then
	mkdir user && chmod 755 . && cp "$FLAMELAPSE" user && chmod -R a+rX user
	timeout -k 5 60 setpriv --reuid 65534 --regid 65534 --clear-groups \
		--inh-caps=-all,+bpf,+perfmon,+sys_ptrace --ambient-caps=-all,+bpf,+perfmon,+sys_ptrace \
		user/flamelapse record 1 -F 999 -p $dd -f > out 2> err
	check 'a user without CAP_SYSLOG' by_program
fi
kill $dd
echo "1..$n"
