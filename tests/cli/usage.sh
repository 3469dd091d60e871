#!/bin/sh
# What the command line refuses, and how.
lib=$(cd "$(dirname "$0")" && pwd)/lib
. "$lib"
if ! "$FLAMELAPSE" --print-options | grep -q '^render'; then
	echo 'ok 1 - # skip this build has no pictures'
	exit
fi

refused 2 "unknown option '--nonsense'; see 'flamelapse help record'" --nonsense
refused 2 "did you mean '--frequency'" --freqency 99
refused 2 "did you mean '--theme'" render a.flame -o x.mp4 --thme dark
refused 2 "unknown option '-Z'" -Z
refused 2 'no command after --' 5 --
refused 2 "two dashes, as in '--hash-storage-size'" -hash-storage-size 100
refused 2 '^flamelapse: -F (--frequency) needs a value: HZ$' -F
refused 2 '--quiet takes no value' --quiet=yes
refused 2 "render has no option '-F'" render a.flame -o x.mp4 -F 99
refused 2 "record has no option '--from'" --from 5s

refused 2 "-F (--frequency) '0': give a whole number, 1 to" -F 0 1
refused 2 "'-3'" -F -3 1
refused 2 "'99x'" -F 99x 1
refused 2 "'18446744073709551616'" --frequency 18446744073709551616 1
refused 2 "-c (--count) '0'" -c 0 1
refused 2 "-p (--pid) '12,x'" -p 12,x
refused 2 "-p (--pid) '0'" -p 0
refused 2 "-L (--tid) '-1'" -L -1
refused 2 "-C (--cpu) '0-3'" -C 0-3
refused 2 "--hash-storage-size '0'" --hash-storage-size 0
refused 2 "--stack-storage-size '1e9'" --stack-storage-size 1e9
refused 2 "--interval '9ms': give 10 ms to 1 d" --interval 9ms
refused 2 "give a time such as" --interval soon
refused 2 "is no event" -e nonsense
refused 2 "give a percentage" --max-loss 101
refused 2 "duration '0'" 0
refused 2 "one word too many, '6'" 5 6

refused 2 "exclude each other" -U -K
refused 2 "exclude each other" -F 99 -c 100000
refused 2 "exclude each other" -p 1 -L 1
refused 2 "exclude each other" -C 0 --all-cpus
refused 2 "exclude each other" --length 5s --speed 20x
refused 2 "add --all-cpus" -p 1 -- true
refused 2 "stdout is taken already" -f --stacks
refused 2 "asked for twice" -o x.mp4 -o ./x.mp4
refused 2 "asked for twice" -E -o frames/flamegraph%04d.png
refused 2 "about images, and none are asked for" -f --size 720p 1
refused 2 "add -f or -o x.folded" --per-snapshot 1

refused 2 "give an even width" --size 0x0
refused 2 "give an even width" --size 1281x720
refused 2 "give an even width" --size 1280x9000
refused 2 "one of: 720p 1080p 1440p 4k square portrait" --size big
refused 2 "give a whole number, 1 to 120" --fps 0
refused 2 "give a whole number, 1 to 120" --fps 121
refused 2 "one of: auto cpu peak share" --scale half
refused 2 "one of: window interval cumulative" --mode decay
refused 2 "one of: light dark print" --theme blue
refused 2 "such as 20x" --speed -1
refused 2 "needs --mode window" --mode interval --window 5s
refused 2 "unix seconds" render a.flame -o x.mp4 --from yesterday

refused 2 "record knows: .flame .mp4 .y4m .png .folded" -o x.avi
refused 2 "the extension says what to write" -o ''
refused 2 "as in x%04d.png" -o frames/x.png
refused 2 "as in x%04d.png" -g x.png
refused 2 "no other %" -o 'x%s-%d.png'
refused 2 "images are PNG" -g x%d.jpg
refused 2 "stdout takes folded text" -o -
for ext in webm gif apng svg pdf html wav pb.gz speedscope.json; do
	refused 2 "\\.$ext is not in this version; there are: .flame .mp4" -o x.$ext
done
for letter in -T -P -R; do
	refused 2 "$letter (the live feed) is not in this version" $letter
done
for word in view serve play mark; do
	refused 2 "'$word' is not in this version" $word x.flame
done

refused 2 "did you mean 'render'" rendr x.flame -o x.mp4
refused 2 "to sample a program as it runs: flamelapse -- make" make
refused 2 "must be the first word" -q render x.flame -o x.mp4
refused 2 "render needs a file" render -o x.mp4
refused 2 "render needs to know what to make" render x.flame
refused 2 "is an input and an output" render x.folded -o x.folded
refused 2 "can be read once only" render - - -o x.mp4
refused 2 "info needs a file" info
refused 2 "one word too many" info a b
refused 2 "one word too many" doctor x
refused 2 "is no command" help nonsense

# An input is not overwritten under another spelling of its name either.
echo 'a;b 1' > in.folded
"$FLAMELAPSE" render in.folded -o "$dir/in.folded" 2> err
judge $(($? != 2)) "an input as output, spelled otherwise, is refused"
check "and is still there" grep -q 'a;b 1' in.folded

# What cannot be written is told of before anything is recorded, or a command runs.
mkfifo pipe.folded
mkdir folder.mp4
if [ "$(id -u)" = 0 ]; then
	refused 1 "cannot write 'none/x.mp4': No such file" -o x.flame -o none/x.mp4 -- touch ran
	refused 1 "cannot write 'none/x.flame': No such file" -o none/x.flame -- touch ran
	refused 1 'it is a device or a pipe, not a file' -o x.flame -o ../pipe.folded 1
	refused 1 'Is a directory' -o x.flame -o ../folder.mp4 1
fi
refused 1 'it is a device or a pipe, not a file' render ../in.folded -o ../pipe.folded

# Names from the command line do not steer the terminal.
"$FLAMELAPSE" --nonsense="$(printf '\033[31m')" 2> err
check "control characters are shown" grep -q 'x1b\[31m' err
check "and not passed on" sh -c "! grep -q '$(printf '\033')' err"
printf 'a;b \302\233\377\342\200\256x\303\244\n' > bad.folded
"$FLAMELAPSE" info bad.folded 2> err
check "nor what a damaged file holds" grep -qF "'\\xc2\\x9b\\xff\\xe2\\x80\\xaexä'" err

done_testing
