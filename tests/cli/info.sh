#!/bin/sh
# What `info` says, and what `render -f` gives back.
lib=$(cd "$(dirname "$0")" && pwd)/lib
. "$lib"

cat > x.folded << 'EOF'
# flamelapse host=web1 event=cpu-clock freq_hz=100 period_ns=10000000 online_cpus=4
# t=1763647407.25 dur=1
ap"p\;main;main;loop 40
ap"p\;main;read;vfs_read_[k] 10
# t=1763647408.25 dur=0.5
ap"p\;[truncated];x+0x12 50
EOF
printf 'b;\033[31m;\377\342\200\256 3\n' > evil.folded

"$FLAMELAPSE" info x.folded > out 2> err
judge $? "info of folded text"
check "without a word on stderr" test ! -s err
check "host and CPUs" grep -q '^Host  *web1, 4 CPUs$' out
check "the time" grep -q '2025-11-20T14:03:27.250Z, for 1.5 s: 2 snapshots' out
check "CPUs busy, mean and peak" grep -q '0.67 on average, 1.00 at most, of 4' out
check "the sum" grep -q '= 100 expected' out
check "truncated stacks, and why" grep -q '^Truncated  50.0 %: no known start$' out
check "the function that ran" grep -q '^ 40.0 %   40.0 %  loop$' out
check "80 columns" sh -c "! grep -qE '.{81}' out"

blocked=$(dirname "$lib")/../golden/blocked.folded
"$FLAMELAPSE" info "$blocked" > out 2> err
judge $? "info of time off the CPU"
check "off the CPU: the event" grep -q '^Sampled    all time off the CPU$' out
check "off the CPU: threads, mean and peak" grep -q '^Blocked    3.40 threads on average, 3.92 at most$' out
check "off the CPU: seconds" grep -q '^Blocked time 6.791000 s taken$' out
check "off the CPU: nothing is idle" sh -c '! grep -q idle out'
check "off the CPU: what waits, not why" sh -c 'grep -q "^ 63.3 %   63.3 %  futex_wait$" out && ! grep -q sleeping out'
check "off the CPU: text keeps it" sh -c '"$FLAMELAPSE" render "$1" -a --per-snapshot -f > again 2> err &&
	"$FLAMELAPSE" info again | tail -n +3 > out2 && tail -n +3 out | diff - out2' sh "$blocked"

if command -v jq > /dev/null; then
	"$FLAMELAPSE" info --json x.folded > out.json
	judge $? "info --json"
	holds() { check "JSON: $1" sh -c "jq -e '$1' $2 > jq.out"; }
	holds '.snapshots == 2 and .duration_s == 1.5' out.json
	holds '.start == "2025-11-20T14:03:27.250Z"' out.json
	holds '.host == "web1" and .command == null and .command_status == null' out.json
	holds '.samples | .expected == .taken + .idle + .filtered + ([.lost[]] | add)' out.json
	holds '.samples | .taken == 100 and .undelivered == null' out.json
	holds '.stacks == {distinct: 3, complete: 50, truncated: 50, kernel_only: 0,
		truncated_by: {"no known start": 50}}' out.json
	holds '.stacks.distinct == 3 and .unknown_frames == 1' out.json
	holds '[.top[].name] == ["x+0x12", "loop", "vfs_read"]' out.json
	holds '.top[1] | .self == 40 and .total == 40 and .self_share == 0.4' out.json
	holds '.top[2].kind == "kernel"' out.json
	holds '.unit == "sample"' out.json
	"$FLAMELAPSE" info --json "$blocked" > blocked.json
	holds '.event == "off-cpu" and .unit == "us" and .samples.taken == 6791000' blocked.json
	"$FLAMELAPSE" info --json evil.folded > evil.json
	holds '.top[0].name | contains("xff")' evil.json
	check "JSON is UTF-8 without controls" sh -c "iconv -f UTF-8 -t UTF-8 evil.json |
		LC_ALL=C tr -d '\n' | LC_ALL=C grep -qv '[[:cntrl:]]'"
else
	echo "ok $((n += 1)) - JSON # skip no jq"
fi

"$FLAMELAPSE" info evil.folded > out
check "names do not steer the terminal" sh -c "! LC_ALL=C grep -q '$(printf '\033')' out"
for bad in '' 'no count here' ; do
	printf '%s' "$bad" > bad.folded
	"$FLAMELAPSE" info bad.folded > out 2> err
	judge $(($? != 3)) "'$bad' is refused with status 3"
	check "and no data" test ! -s out
done
"$FLAMELAPSE" info none.folded 2> err
judge $(($? != 1)) "a missing file is refused with status 1"

if "$FLAMELAPSE" --print-options | grep -q '^render'; then
	"$FLAMELAPSE" render -f -a --per-snapshot x.folded > once 2> err
	judge $? "render -f"
	"$FLAMELAPSE" render -a --per-snapshot once -o twice.folded 2> err
	judge $? "render -o x.folded"
	check "which comes back the same" cmp once twice.folded
	"$FLAMELAPSE" render -f x.folded > plain
	check "no comments in plain text" sh -c '! grep -q "^#" plain'
	check "in byte order" sh -c 'sed "s/ [0-9]*$//" plain | LC_ALL=C sort -c'
	check "the samples are all there" \
		test "$(awk '{ n += $NF } END { print n }' plain)" = 100
	mkdir full && "$FLAMELAPSE" render x.folded -o full/none/x.folded 2> err
	judge $(($? != 1)) "a missing folder is refused with status 1"
	check "in one line that names the file" grep -q "cannot write 'full/none/x.folded'" err
	if [ -w /dev/full ]; then
		"$FLAMELAPSE" render -f x.folded > /dev/full 2> err
		judge $(($? != 5)) "a full disk behind stdout: status 5"
	fi
	"$FLAMELAPSE" render -f x.folded 2> err | true
	check "a reader that leaves early is no failure" test ! -s err
fi
done_testing
