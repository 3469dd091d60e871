#!/bin/sh
# doctor: what it says, here and to somebody without rights.
lib=$(cd "$(dirname "$0")" && pwd)/lib
. "$lib"

"$FLAMELAPSE" doctor > text 2> err
status=$?
check "status 0 or 4" test $status -eq 0 -o $status -eq 4
check "nothing on stderr" test ! -s err
check "each line says ok, or what to do" sh -c \
	"! sed '/^\$/,\$d' text | grep -vqE '^(ok  [^:]+: .|!!  [^:]+: .+; .)'"
for name in privileges kernel BTF 'perf events' PMU BPF 'kernel names' sqlite3; do
	check "it looks at: $name" grep -q "^..  $name: " text
done
check "the end says whether one can record" grep -q \
	"$([ $status -eq 0 ] && echo 'can be' || echo 'cannot be') recorded" text

"$FLAMELAPSE" doctor --json > json 2> err
judge $(($? != status)) "--json: the same status"
if command -v jq > /dev/null; then
	check "it is JSON, and says the same" test \
		"$(jq -r '.recording' json)" = "$([ $status -eq 0 ] && echo true || echo false)"
	jq -r '.checks[] | (if .ok then "ok" else "!!" end) + "  " + .name + ": " + .found +
		(if .advice then "; " + .advice else "" end)' json > same
	check "line for line" sh -c "sed '/^\$/,\$d' text | cmp -s - same"
fi

if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
	chmod 755 .
	install -m 755 "$FLAMELAPSE" program
	setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
		./program doctor > text 2> err
	judge $(($? != 4)) "without rights: status 4"
	check "privileges are named" grep -q \
		'^!!  privileges: without cap_bpf,cap_perfmon; run it with sudo' text
	check "names too" grep -q '^!!  foreign names: without .*cap_syslog' text
	check "nothing on stderr" test ! -s err
else
	check "without rights # skip not root, or no setpriv" true
fi
done_testing
