#!/bin/sh
# symbolize: a new recording, in which nothing but names is different.
lib=$(cd "$(dirname "$0")" && pwd)/lib
samples=$(cd "$(dirname "$0")/../../samples" && pwd)
. "$lib"

cp "$samples/compile.flame" x.flame
"$FLAMELAPSE" symbolize x.flame > out 2> err
judge $? "a sample"
check "it says what became of names" grep -q 'of [0-9]* unnamed functions have a name now' err
check "nothing on stdout" test ! -s out
check "a file of its own name" test -s x.named.flame
check "the input stays as it was" cmp -s "$samples/compile.flame" x.flame
sum() { "$FLAMELAPSE" render "$1" -f | awk '{ s += $NF } END { print s }'; }
check "every sample is there" test "$(sum x.flame)" = "$(sum x.named.flame)"
"$FLAMELAPSE" info --json x.flame > a.json
"$FLAMELAPSE" info --json x.named.flame > b.json
if command -v jq > /dev/null; then
	for q in .samples .host .start .snapshots; do
		check "the same: $q" test "$(jq -c "$q" a.json)" = "$(jq -c "$q" b.json)"
	done
fi
"$FLAMELAPSE" symbolize -q x.flame -o other.flame > out 2> err
judge $? "-o"
check "-q: not a word" test ! -s err
check "under that name" test -s other.flame
DEBUGINFOD_URLS='' "$FLAMELAPSE" symbolize x.flame -o other.flame --debuginfod > out 2> err
judge $? "--debuginfod without a server"
check "says that it does nothing" grep -q 'debuginfod does nothing: ' err
echo text > text.flame
"$FLAMELAPSE" symbolize x.flame -o text.flame > out 2> err
check "what is no recording is not overwritten" test "$(cat text.flame)" = text

refused 2 'symbolize needs a file' symbolize
refused 2 'one word too many' symbolize a.flame b.flame
refused 2 'one recording; give one -o' symbolize a.flame -o b.flame -o c.flame
refused 2 'symbolize knows: .flame$' symbolize a.flame -o b.mp4
refused 1 'none.flame' symbolize none.flame
refused 2 'an input and an output' symbolize a.flame -o a.flame
echo 'a;b 3' > a.folded
refused 3 'a.folded' symbolize "$dir/a.folded"
done_testing
