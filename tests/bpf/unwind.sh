#!/bin/sh
# Stacks against call chains that are known (tests/bpf/chains.c), by compiler, optimisation and way
# of linking, without frame pointers. CHAINS_SECONDS: CPU time for each mode of each program (0.05).
export LC_ALL=C
. tests/bpf/lib
may_record 'known chains' root x86_64
src=$root/tests/bpf/chains.c
spin=$O/tests/bpf/spin
seconds=${CHAINS_SECONDS:-0.05}
rate=3999

record() { # OUT COMMAND…
	local out=$1
	shift
	"$FLAMELAPSE" record -q -F $rate -U -o "$out" -- "$@" > /dev/null 2> err || cat err >&2
}

cat > lib.c << 'END'
static volatile unsigned long sink;
__attribute__((noinline)) static void spin_leaf(void)
{
	for (long i = 0; i < 60000; i++)
		sink = sink * 31 + i;
}
__attribute__((noinline)) static void lib_inner(void)
{
	spin_leaf();
	__asm__ volatile("" ::: "memory");
}
void lib_outer(void);
void lib_outer(void)
{
	lib_inner();
	__asm__ volatile("" ::: "memory");
}
END
gcc -O2 -fomit-frame-pointer -shared -fPIC -o lib.so lib.c

# What is expected, for each mode: frames of the C library are "?". Then how many samples at least,
# of each 100 that its time is.
cat > expected << 'END'
plain	_start ? ? main mode_plain plain_a plain_b spin_leaf	40
alloca	_start ? ? main mode_alloca by_alloca use spin_leaf	40
large	_start ? ? main mode_large large_frame use spin_leaf	40
realign	_start ? ? main mode_realign needs_registers realigned use spin_leaf	40
deep200	_start ? ? main mode_deep200 recurse*200 spin_leaf	40
deep300	[truncated: too deep] recurse*255 spin_leaf	40
qsort	_start ? ? main mode_qsort ? ? compare spin_leaf	40
alarm	_start ? ? main mode_alarm busy ? on_alarm spin_leaf	3
trap	_start ? ? main mode_trap at_first ? on_trap spin_leaf	20
raise	_start ? ? main mode_raise ? ? ? on_raise spin_leaf	40
thread	? ? in_thread plain_a plain_b spin_leaf	40
vfork	_start ? ? main mode_vfork plain_a plain_b spin_leaf	20
dlopen	_start ? ? main mode_dlopen call_library lib_outer lib_inner spin_leaf	40
exec	_start ? ? main mode_exec2 plain_a plain_b spin_leaf	40
vdso	_start ? ? main mode_vdso ? ?	40
END

# Folded text → count, stack with the frames that are not ours as "?", and runs as "name*times".
cat > tidy.awk << 'END'
BEGIN {
	ours = " main _start spin_leaf plain_a plain_b use by_alloca large_frame realigned" \
	       " needs_registers recurse compare on_alarm busy on_raise in_thread call_library" \
	       " in_heir on_trap at_first before_first lib_outer lib_inner half third fifth "
}
function flush() {
	if (times)
		out = out (out == "" ? "" : " ") last (times > 1 && last != "?" ? "*" times : "")
	for (i = 1; i < times && last == "?"; i++)
		out = out " ?"
	times = 0
}
{
	count = $NF
	sub(/ [0-9]+$/, "")
	k = split($0, f, ";")
	out = ""
	times = 0
	for (j = 2; j <= k; j++) {
		x = f[j]
		if (x !~ /^\[truncated/ && x !~ /^mode_/ && index(ours, " " x " ") == 0)
			x = "?"
		if (x != last)
			flush()
		last = x
		times++
	}
	flush()
	sum[out] += count
}
END { for (s in sum) print sum[s] "\t" s }
END

# One line for each thing that is wrong. -v want: samples that each mode's time is; -v without: a
# mode that is not there.
cat > judge.awk << 'END'
BEGIN { FS = OFS = "\t" }
FILENAME == "expected" { is[$2] = $1; least[$1] = $3; next }
# The root is missing where the library's table came late: its callers of main() and of threads are
# known as ends.
{ sub(/^\? main /, "_start ? ? main ", $2); sub(/^\? in_thread /, "? ? in_thread ", $2); text = $2 }
text ~ /mode_vdso/ && text !~ /^\[truncated/ {
	# goes_on() and its callee are frames at -O0.
	if (text ~ /mode_vdso( \?)*$/ && text ~ /^_start \? \? main mode_vdso/ && gsub(/\?/, "?", text) <= 6) {
		if ($2 in is) got["vdso"] += $1
	} else
		print "unexpected: " $1 " of " $2
	next
}
text !~ /spin_leaf$/ { next }
{ all += $1 }
$2 in is { got[is[$2]] += $1; next }
# How soon there are tables depends on the machine.
text ~ /^\[truncated: (unwind table not ready|process just born)\]/ { all -= $1; next }
text ~ /^\[truncated/ { cut += $1; how = how "; " $0; next }
{ print "unexpected: " $1 " of " $2 }
END {
	for (m in least)
		if (m != without && got[m] < want * least[m] / 100)
			print "too few of " m ": " got[m] + 0 " of " want
	if (cut > all * 0.03)
		print "truncated: " cut " of " all how
	print "all " all + 0 > "/dev/stderr"
}
END

compare() { # FOLDED [WITHOUT]
	awk -f tidy.awk "$1" > tidy
	awk -v want="$(awk "BEGIN { print $rate * $seconds }")" -v without="$2" -f judge.awk expected tidy > wrong 2> all
	sed 's/^/# /' wrong
	[ ! -s wrong ]
}

try() { # NAME WITHOUT COMPILER FLAG…
	local name=$1 without=$2
	shift 2
	if ! "$@" -g0 -fomit-frame-pointer -Wno-everything -DLIBRARY="\"$tmp/lib.so\"" -o chains "$src" -pthread \
		2> err; then
		skip "$name" "it cannot be built: $(head -n 1 err | tr -dc '[:print:]')"
		return
	fi
	record x.folded ./chains all "$seconds"
	compare x.folded $without
	check "$name: $(sed 's/all //' all) samples as they have to be" [ ! -s wrong ]
}

# Both compilers at the same time, each in a folder of its own.
for cc in gcc clang; do
	mkdir $cc
	(
		cd $cc && cp ../expected ../*.awk . || exit 1
		if ! command -v $cc > /dev/null; then
			skip "$cc" "not installed"
			exit
		fi
		for level in -O0 -O1 -O2 -O3; do
			try "$cc $level PIE" none $cc $level -fPIE -pie
			try "$cc $level no-pie" none $cc $level -fno-pie -no-pie
			try "$cc $level static" dlopen $cc $level -fno-pie -static
			try "$cc $level static-pie" dlopen $cc $level -fPIE -static-pie
		done
	) > $cc.tap &
done
wait
cat gcc.tap clang.tap | awk '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++k) } { print }'
n=$(cat gcc.tap clang.tap | grep -c '^ok\|^not ok')

# --- known shares ---
gcc -O2 -o chains "$src" -DLIBRARY='""' -pthread
record x.folded ./chains split 2000
awk -f tidy.awk x.folded > tidy
awk -F '\t' '/^[0-9]+\t_start \? \? main mode_split (half|third|fifth) spin_leaf$/ { n += $1; split($2, f, " "); s[f[6]] += $1 }
	function far(x, p) { x = x / n - p; return x * x > 16 * p * (1 - p) / n }
	END { printf "# %d samples: %.4f %.4f %.4f\n", n, s["half"] / n, s["third"] / n, s["fifth"] / n
		exit n < 1000 || far(s["half"], 0.5) || far(s["third"], 0.3) || far(s["fifth"], 0.2) }' tidy
judge $? "shares of 50, 30 and 20 % are within 4 sigma"

# --- where code can be ---
only() { # EXPECTED [N]: all but 3 % of the samples in the leaf, and at least N of them (200)
	awk -f tidy.awk x.folded > tidy
	awk -F '\t' -v OFS='\t' -v want="$1" -v least="${2:-200}" '{ sub(/^\? main /, "_start ? ? main ", $2); sub(/^\? in_heir /, "? ? in_heir ", $2) }
		/^[0-9]+\t\[truncated: (unwind table|process just)/ { next }
		$2 ~ /spin_leaf$/ { all += $1; if ($2 == want) got += $1; else if ($2 !~ /^\[truncated/) bad = 1 }
		END { exit bad || all < least || got < 0.97 * all }' tidy || { cat tidy >&2; return 1; }
}
plain='_start ? ? main mode_plain plain_a plain_b spin_leaf'
cp chains gone
record x.folded sh -c './gone plain 0.4 & sleep 0.05; rm gone; wait'
check "a deleted program" only "$plain"
cp chains replaced
record x.folded sh -c './replaced plain 0.4 & sleep 0.05; cp '"$(command -v true)"' new; mv new replaced; wait'
check "a replaced program" only "$plain"
record x.folded ./chains memfd 0.3
check "a program that never had a name" only "$plain"
if unshare -pf true 2> /dev/null; then
	record x.folded unshare -pf ./chains plain 0.4
	check "a program in a PID namespace of its own" only "$plain"
else
	skip "a program in a PID namespace of its own" "none can be made"
fi
# The DWARF of programs without .eh_frame, as Go writes it.
for z in none zlib; do
	if gcc -O2 -g -gz=$z -fomit-frame-pointer -fno-asynchronous-unwind-tables -o debugframe "$src" \
		-DLIBRARY='""' -pthread 2> err; then
		record x.folded ./debugframe plain 0.4
		check "rules in .debug_frame, compression $z" only "$plain"
	else
		skip "rules in .debug_frame, compression $z" 'it cannot be built'
	fi
done
heir='? ? in_heir plain_a plain_b spin_leaf'
of_process() { grep -q '^chains;.*;spin_leaf ' x.folded && ! grep ';spin_leaf ' x.folded | grep -v '^chains;'; }
record x.folded ./chains headless 0.4
check "a process whose main thread ended" only "$heir"
check "a process whose main thread ended: named after it" of_process
go ./chains headless 3
while ! grep -q '^State:.Z' /proc/$p/status; do sleep 0.05; done
"$FLAMELAPSE" record -q -F $rate -U -o x.folded -p $p 1 > out 2> err
check "one that was so before" only "$heir" 20
check "one that was so before: named after it" of_process
"$FLAMELAPSE" record -q -F $rate -U -o x.folded -p $p --frame-pointers 0.2 > out 2> err
check "one that was so before, by frame pointers: its code is known" grep -q ';spin_leaf ' x.folded
stop $p
# jit() is passed over, since what it calls has no frame; and tables may come late for the root.
record x.folded "$spin" jit 0.5
awk '/;made_at_run_time [0-9]+$/ { all += $NF; if (/^spin;([^;]*;)?([^;]*;)?[^;]*;main;(jit;)?made_at_run_time /) got += $NF } END { exit !(all > 200 && got > 0.97 * all) }' x.folded
judge $? "code made at run time, by frame pointers"
# _fini has no rules of its compiler; see symbols/startup.h. Its second half is 8 bytes further down.
cat > start-up.c << 'END'
extern void _init(void), _fini(void);
int main(int n, char **v)
{
	for (long i = 0;; i++)
		(*v[1] == 'i' ? _init : _fini)();
}
END
cc -O2 -fomit-frame-pointer -o start-up start-up.c
for f in init fini; do
	record x.folded timeout 2 ./start-up $f
	awk -v f=$f '/;\[truncated: (unwind table|process just)/ { next }
		$0 ~ ";_" f " [0-9]+$" { all += $NF; if ($0 ~ ";main;_" f " ") got += $NF } END { exit !(all > 20 && got == all) }' x.folded
	judge $? "code before and after main, without rules: _$f"
done
done_testing
