#!/bin/sh
# The kernel's unwinding by tables against libdw's unwinding of a copy of the same stack
# (tests/tools/unwind_check.c), on Debian's programs and on known chains. It also sees what a copy
# would mend: the tables alone have to do what libdw does.
. tests/bpf/lib
may_record 'agreement with libdw' root x86_64
uc=$O/tests/tools/unwind_check
src=$root/tests/bpf/chains.c
big=$root/tests/unit/test_options.c
flags="-iquote $root -iquote $root/src -D_GNU_SOURCE -w"

agree() { # NAME COMMAND…
	name=$1
	shift
	if ! command -v "$1" > /dev/null; then
		skip "$name" 'not installed'
		return
	fi
	"$uc" -F 999 "$@" > out 2> err
	status=$?
	grep -a '^differ\|^  ' out | cut -c1-300 | sed 's/^/# /'
	judge $status "$name: $(grep -a ' copied; ' out)"
}

agree python3 /usr/bin/python3 -c '
import json, re
for i in range(1200):
    json.loads(json.dumps([{"a": [i] * 50}] * 100)); re.sub("[0-9]+", lambda m: m[0][::-1], "a12b345" * 50)'
agree perl /usr/bin/perl -e 'for (1..3) { my @a = sort { $a <=> $b } map { rand } 1..300000;
	my %h; for (1..600000) { $h{$_ % 1000} .= "x" if /7/ } }'
agree sqlite3 /usr/bin/sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 2500000)
	select count(*), sum(abs(random()) % 7), max(hex(x)) from c'
head -c 60000000 /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt > random 2> err || head -c 60000000 /dev/urandom > random
echo "exec gzip -c random > /dev/null" > gzip.sh
agree gzip sh gzip.sh
cc1=$(gcc -print-prog-name=cc1)
gcc $flags -E -o big.i "$big"
for i in 1 2 3 4 5 6 7 8 9; do printf '%s\n' "\"$cc1\" -quiet -O3 -w -fpreprocessed \"$tmp/big.i\" -o /dev/null"; done > cc1.sh
agree cc1 sh cc1.sh
for i in 1 2 3 4 5 6 7 8 9; do printf '%s\n' "clang $flags -O3 -c -o /dev/null \"$big\""; done > clang.sh
if command -v clang > /dev/null; then agree clang sh clang.sh; else agree clang clang; fi
gcc -O2 -fomit-frame-pointer -w -DLIBRARY='""' -o chains "$src" -pthread
for m in plain alloca large realign deep200 deep300 qsort alarm raise trap thread vfork vdso exec; do echo "./chains $m 0.12"; done > chains.sh
agree 'known chains' sh chains.sh
done_testing
