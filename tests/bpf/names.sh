#!/bin/sh
# Names in real recordings: separate debug files, inlined functions, lines, a kernel that hides.
. tests/bpf/lib
may_record recording root
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

go ./bare
bare=$p
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
stop $bare

objcopy --add-gnu-debuglink=chain.debug bare linked
go ./linked
linked=$p
run record 1 -F 199 -p $linked -f -U
check 'a debug file by .gnu_debuglink' grep -q ';main;outer [0-9]*$' out
stop $linked
if [ -n "$(find /usr/lib/debug/.build-id -name "$(readelf -n "$(ldd chain |
	sed -n 's/.*libc.so.6 => \([^ ]*\).*/\1/p')" | sed -n 's/.*Build ID: ..//p').debug" 2> /dev/null)" ]; then
	check "the system's debug files: those of the C library" \
		grep -q ';__libc_start_call_main;main' out
fi

sed 's/^[0-9a-f]*/0000000000000000/' /proc/kallsyms | head -n 1000 > hidden
cp out before
if unshare -m sh -c "mount --bind hidden /proc/kallsyms" 2> /dev/null; then
	unshare -m sh -c "mount --bind hidden /proc/kallsyms &&
		exec timeout -k 5 60 '$FLAMELAPSE' record 1 -F 199 -f -I" > out 2> err
	check 'a kernel that hides its addresses: a line says so' grep -q kptr_restrict err
fi
done_testing
