#!/bin/sh
# Closed standard files, readers that leave early, full disks behind stdout.
lib=$(cd "$(dirname "$0")" && pwd)/lib
. "$lib"

"$FLAMELAPSE" version > out 2> err <&-
judge $? "stdin closed"
check "the version is printed all the same" grep -q '^flamelapse ' out
"$FLAMELAPSE" version >&- 2> err
judge $(($? != 1)) "stdout closed: status 1"
check "and one line" test "$(wc -l < err)" -eq 1
check "which says so" grep -q '^flamelapse: cannot write to stdout: Bad file descriptor$' err
"$FLAMELAPSE" --nonsense > out 2>&-
judge $(($? != 2)) "stderr closed: the status is the same"
check "and words do not go to stdout" test ! -s out
"$FLAMELAPSE" version <&- >&- 2>&-
judge $(($? != 1)) "all closed"
echo 'a;b 1' > x.folded
if "$FLAMELAPSE" --print-options | grep -q '^render'; then
	"$FLAMELAPSE" render -f x.folded >&- 2> err
	judge $(($? != 1)) "data for a closed stdout: status 1"
	"$FLAMELAPSE" render x.folded -o y.folded <&- >&- 2>&-
	judge $? "all closed, and nothing for them: status 0"
	check "and the file is whole" cmp -s x.folded y.folded
fi

# Pipes as inputs: nothing of them is lost, and one without a writer is told of.
printf 'process;main;loop 100\nprocess;main;read 50\n' > in.folded
mkfifo fifo
(cat in.folded; sleep 0.2) > fifo &
"$FLAMELAPSE" info fifo > out 2> err
judge $? "info of a pipe"
wait
"$FLAMELAPSE" info in.folded > expected
check "says the same as of a file" cmp -s out expected
"$FLAMELAPSE" info fifo > out 2> err &
reader=$!
for _ in $(seq 100); do
	[ -s err ] && break
	sleep 0.1
done
check "a pipe without a writer: it says what it waits for" \
	grep -q "^flamelapse: waiting for somebody to write into 'fifo'" err
cat in.folded > fifo
wait $reader
judge $? "and goes on when there is one"
check "with all of it" cmp -s out expected

# Nothing that is opened takes the number of a closed one: stderr's words would be in that file.
echo 'not a recording' > x.flame
cp x.flame before
"$FLAMELAPSE" info x.flame > /dev/null 2>&-
"$FLAMELAPSE" info x.flame < /dev/null >&- 2>&-
check "an input is not written to" cmp -s x.flame before

# A pipe whose reader has gone before the first byte.
mkfifo pipe
exec 4<> pipe 5> pipe 4<&-
"$FLAMELAPSE" --help >&5 2> err
judge $? "a reader that has left: status 0"
check "without a word" test ! -s err
(trap '' PIPE; "$FLAMELAPSE" --help >&5 2> err)
judge $? "the same where SIGPIPE was ignored"
check "without a word too" test ! -s err
exec 5>&-

if [ -w /dev/full ]; then
	"$FLAMELAPSE" --help > /dev/full 2> err
	judge $(($? != 5)) "a full disk behind stdout: status 5"
	check "and one line" grep -q '^flamelapse: cannot write to stdout: No space left' err
fi
done_testing
