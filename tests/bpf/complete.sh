#!/bin/sh
# How many user stacks are complete, on Debian's own programs by absolute path, after the first
# snapshot, in which their tables are made (what it was with that one stands behind it). A share
# fails only if even the upper end of what it can be (Wilson's, 99 %, one-sided) is below the figure.
# Each is of 20,000 stacks or more, where the machine has a CPU for it. COMPLETE_SECONDS: for each
# program (5).
export LC_ALL=C
. tests/bpf/lib
may_record 'complete stacks' root x86_64
src=$root/tests/unit/test_options.c
flags="-iquote $root -iquote $root/src -D_GNU_SOURCE -w"
seconds=${COMPLETE_SECONDS:-5}
warm=1

share() { # NAME FIGURE PROGRAM COMMAND…: PROGRAM has to be there
	local name=$1 figure=$2
	n=$((n + 1))
	if [ ! -x "$3" ]; then
		echo "ok $n - $name # skip not installed"
		return
	fi
	shift 3
	rm -f x.flame x.folded
	"$FLAMELAPSE" record -q -F 5999 -o x.flame -o x.folded -- timeout "$seconds" "$@" > /dev/null 2> err < "${input:-/dev/null}"
	sqlite3 -separator ' ' x.flame "with s as (select *, row_number() over (order by t0_ns) k from snapshot)
		select sum(complete * (k > $warm)), sum((complete + truncated) * (k > $warm)),
		       100.0 * sum(complete) / sum(complete + truncated) from s" |
		awk -v name="$name" -v figure="$figure" -v k=$n '
		{ n = $2; p = n ? $1 / n : 0; z = 2.326
		  up = n ? (p + z * z / (2 * n) + z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n) : 0
		  printf "%sok %d - %s: %.2f %% of %d, at most %.2f %%; wanted %d %%; cold %.2f %%\n", up * 100 < figure || n < 300 ? "not " : "", k, name, p * 100, n, up * 100, figure, $3 }'
	grep -o '\[truncated[^]]*\].* [0-9]*$' x.folded | awk -F ']' '{ k = split($0, f, " "); s[$1] += f[k] } END { for (w in s) print "#   " s[w] " " w "]" }'
}
loop() { echo "while :; do $*; done"; }

share python3 99 /usr/bin/python3.11 /usr/bin/python3.11 -c '
import json, re
while True:
    json.loads(json.dumps([{"a": [1] * 50}] * 100)); re.sub("[0-9]+", lambda m: m[0][::-1], "a12b345" * 50)
    sorted({str(i): i for i in range(1000)})'
share perl 99 /usr/bin/perl /usr/bin/perl -e 'while (1) { my @a = sort { $a <=> $b } map { rand } 1..30000;
	my %h; for (1..60000) { $h{$_ % 1000} .= "x" if /7/ } }'
head -c 1000000 /dev/urandom > random
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat random "$src"; done > half-random
share gzip 99 /usr/bin/gzip sh -c "$(loop /usr/bin/gzip -c half-random)"
share xz 99 /usr/bin/xz sh -c "$(loop /usr/bin/xz -T1 -2 -c half-random)"
share sqlite3 99 /usr/bin/sqlite3 /usr/bin/sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 2000000000)
	select count(*), sum(abs(random()) % 7), max(hex(x)) from c'
cc1=$(gcc -print-prog-name=cc1)
gcc $flags -E -o big.i "$src"
share cc1 99 "$cc1" sh -c "$(loop "$cc1" -quiet -O3 -w -fpreprocessed big.i -o /dev/null)"
for postgres in /usr/lib/postgresql/*/bin/postgres; do [ -x "$postgres" ] && break; done
if [ -x "$postgres" ]; then
	mkdir data && chown 65534:65534 data
	as_nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
	$as_nobody "${postgres%postgres}initdb" -D "$tmp/data" --no-sync > /dev/null 2>&1
	echo "select count(*), sum(length(md5(a::text))) from generate_series(1, 1000000000) a where a::text like '%7%'" > input
fi
input=input share postgres 99 "$postgres" $as_nobody "$postgres" --single -D "$tmp/data" postgres
cat > node.js << 'END'
for (;;) {
	const a = JSON.parse(JSON.stringify(Array.from({length: 3000}, (_, i) => ({k: "x" + i, v: i * 7 % 13}))));
	a.sort((p, q) => p.v - q.v).map(o => o.k.replace(/x/, "y")).join(",").length;
}
END
share node 99 /usr/bin/node sh -c 'echo $$ > pid; exec /usr/bin/node --perf-basic-prof node.js'
[ -e pid ] && rm -f "/tmp/perf-$(cat pid).map"
# Two of the largest tables there are.
seconds=7 warm=3 share clang 97 /usr/bin/clang sh -c "$(loop /usr/bin/clang $flags -O3 -c -o /dev/null "$src")"
echo 'foreach(i RANGE 100000000) string(REGEX REPLACE "[0-9]+" "x\\0" y "a${i}b${i}") list(APPEND l ${y}) list(LENGTH l n) if(n GREATER 100) set(l) endif() endforeach()' |
	sed 's/) \([a-z]*(\)/)\n\1/g' > loop.cmake
share cmake 97 /usr/bin/cmake /usr/bin/cmake -P loop.cmake
share 'openssl aes-128-gcm' 97 /usr/bin/openssl /usr/bin/openssl speed -seconds 60 -evp aes-128-gcm
# Each is new; what all of them use has its tables soon.
seconds=60 warm=0 share '300 programs of 15 ms' 90 /usr/bin/perl sh -c 'i=0; while [ $i -lt 150 ]; do
	/usr/bin/perl -e "for (1..200000) { \$x += \$_ }"; /usr/bin/python3 -S -c "for i in range(60000): str(i)"; i=$((i + 1)); done'
done_testing
