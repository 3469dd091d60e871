#!/bin/sh
# Closed standard files, readers that leave early, full disks behind stdout.
lib=$(cd "$(dirname "$0")" && pwd)/lib
. "$lib"

"$FLAMELAPSE" version > out 2> err <&-
judge $? "stdin closed"
check "the version is printed all the same" grep -q '^flamelapse ' out
"$FLAMELAPSE" version >&- 2> err
judge $? "stdout closed"
"$FLAMELAPSE" --nonsense > out 2>&-
judge $(($? != 2)) "stderr closed: the status is the same"
check "and words do not go to stdout" test ! -s out
"$FLAMELAPSE" version <&- >&- 2>&-
judge $? "all closed"

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
