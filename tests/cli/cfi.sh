#!/bin/sh
# The unwinding tables of the files of this machine, row by row against what readelf reads in them:
# the large and the peculiar by name, and a sample of the others. CFI_FILES=all: all of them.
. "$(dirname "$0")/lib"
lib=/usr/lib/x86_64-linux-gnu

if ! command -v readelf > /dev/null || [ ! -d $lib ]; then
	echo "ok 1 - unwinding tables # skip no readelf, or not x86-64"
	exit 0
fi

named() {
	for f in $lib/libc.so.6 $lib/ld-linux-x86-64.so.2 $lib/libLLVM-*.so.1 $lib/libclang-cpp.so.* \
		$lib/libcrypto.so.3 $lib/libgcrypt.so.20 $lib/libx265.so.* $lib/libgcc_s.so.1 $lib/libstdc++.so.6 \
		/usr/bin/python3 /usr/bin/perl /usr/bin/sqlite3 /usr/bin/node /usr/bin/cmake \
		/usr/lib/gcc/x86_64-linux-gnu/*/cc1 /usr/lib/postgresql/*/bin/postgres; do
		[ -e "$f" ] && readlink -f "$f"
	done
}
# Every N-th, in an order that is the same on every machine with these packages.
others() { find /usr/bin $lib -maxdepth 2 -type f -size +8k | LC_ALL=C sort | awk "NR % $1 == 0"; }

case $CFI_FILES in
all) { named; others 1; } > files ;;
*) { named; others 25; } > files ;;
esac
cat > one << 'END'
for f; do
	[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
	readelf --debug-dump=frames-interp --debug-dump=no-follow-links "$f" 2> /dev/null |
		"$O/tests/tools/cfi_check" "$f"
	case $? in
	0 | 77) ;;
	*) echo "BAD $f" ;;
	esac
done
END
sort -u files | tr '\n' '\0' | xargs -0 -P "$(nproc)" -n 4 sh ./one > out

field() { awk -v name="$1" '/ rows of readelf/ { for (i = 2; i <= NF; i++) if ($i ~ "^" name) s += $(i + d) } END { print s + 0 }' d="$2" out; }
files=$(grep -c ' rows of readelf' out)
sed -n 's/^/# /; /mismatches$/!p; / 0 mismatches$/!p' out | sort -u | head -n 40
check "$files files, $(field rows -1) rows: what readelf says" \
	[ "$files" -ge 50 -a "$(field mismatches -1)" = 0 -a "$(grep -c ^BAD out)" = 0 ]
# Hand-written code; tests/tools/cfi_check.c says what is meant.
check "$(field refused 1) rows that libdw refuses, all of libgcrypt" \
	sh -c '! grep " rows of readelf" out | grep -v libgcrypt | grep -v "refused 0,"'
check "$(field lost 1) registers lost to expressions, all of libgcrypt and libmvec" \
	sh -c '! grep " rows of readelf" out | grep -v "libgcrypt\|libmvec" | grep -v "lost 0;"'
done_testing
