#!/bin/sh
# Inputs that are no inputs, disks that are full, patterns that are formats: one line, the right
# status, and nothing half-written.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/cli/lib"
if ! "$FLAMELAPSE" --print-options | grep -q '^render'; then
	echo 'ok 1 - # skip this build has no pictures'
	exit
fi
trap 'umount "$dir/small" 2> /dev/null; rm -rf "$dir"' EXIT
sample=$root/samples/service.flame
printf 'a;b 1\n' > ok.folded

# Inputs. Each is refused by info and by render alike.
input() { # STATUS PATTERN INPUT
	refused "$1" "$2" info "$3"
	refused "$1" "$2" render "$3" -o x.mp4
}
head -c 3000 /dev/urandom > random.folded
cp random.folded random.flame
: > empty.flame
: > empty.folded
mkdir folder.flame
ln -s nowhere.flame dangling.flame
ln -s loop.flame loop.flame
mkfifo fifo.flame
for size in 1 15 16 100 4096 20000; do
	head -c $size "$sample" > short-$size.flame
	input 3 'cannot open' ../short-$size.flame
done
input 3 'random.folded:[0-9]*: ' ../random.folded
input 3 'not a flamelapse recording' ../random.flame
input 3 'the file is empty' ../empty.flame
input 3 'is empty' ../empty.folded
input 3 'is empty' /dev/null
input 3 'a line of more than 16 MiB' /dev/zero
input 3 'not a flamelapse recording' ../fifo.flame
input 1 'No such file' ../dangling.flame
input 1 'symbolic links' ../loop.flame
input 1 'No such file' ../no.folded
input 1 'Not a directory' ../ok.folded/x
input 1 'Is a directory' ..
input 1 'Is a directory' ../folder.flame

# Patterns.
for p in '%s' '%n' '%99999d' '%d%d' '%1$d' '%*d' '%ld' '%.9d' '%-5d' '%x' '%20d'; do
	refused 2 'give one %d' render ../ok.folded -o "x$p.png"
done
"$FLAMELAPSE" render ok.folded -o 'x%%%d.png' 2> err
check "a % that is meant" test -s x%0.png

# A full disk, for each kind of output.
mkdir small
for file in x.mp4 x.y4m x.folded 'x%d.png' 'new/x%d.png'; do
	if ! mount -t tmpfs -o size=64k,nr_inodes=8 tmpfs small 2> /dev/null; then
		check "a full disk: $file # skip mount is not permitted" true
		continue
	fi
	head -c 61440 /dev/zero > small/fill
	"$FLAMELAPSE" render "$sample" -o "small/$file" > out 2> err
	judge $(($? != 5)) "a full disk: $file: status 5"
	check "a full disk: $file: named in one line" \
		test "$(grep -c "^flamelapse: cannot write .*small/.*No space left" err)" = 1
	check "a full disk: $file: nothing half-written" \
		test -z "$(find small -type f ! -name fill)"
	umount small
done
if mount -t tmpfs -o size=200k,nr_inodes=20 tmpfs small 2> /dev/null; then
	"$FLAMELAPSE" render "$sample" -o 'small/x%d.png' > out 2> err
	judge $(($? != 5)) "a disk that becomes full: status 5"
	bad=0
	for f in small/*.png; do
		[ "$(tail -c 8 "$f" | head -c 4)" = IEND ] || bad=1
	done
	check "a disk that becomes full: the images that are there are whole" test $bad = 0
	check "a disk that becomes full: nothing else is left" \
		test -z "$(find small -type f ! -name '*.png')"
	umount small
else
	check "a disk that becomes full # skip mount is not permitted" true
fi

# What a killed run left is gone after the next one.
for file in .x.mp4.part .x.y4m.part .x.folded.part .x3.png.part; do echo left > $file; done
"$FLAMELAPSE" render "$sample" --to 1s --length 1s --size 320x180 -o x.mp4 -o x.y4m -o x.folded \
	-o 'x%d.png' 2> err
judge $? "after a killed run"
check "nothing of it is left" test -z "$(find . -name '.*.part')"
done_testing
