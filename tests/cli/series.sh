#!/bin/sh
# Recordings of two series, and --series.
lib=$(cd "$(dirname "$0")" && pwd)/lib
samples=$(cd "$(dirname "$0")/../../samples" && pwd)
. "$lib"

"$O/tests/tools/two_series" two.flame
judge $? "a recording of two series"
"$O/tests/tools/two_series" waits.flame empty
printf 'app;main;loop 3\n' > x.folded

"$FLAMELAPSE" info two.flame > out 2> err
judge $? "info"
check "info: a line for either series" [ "$(grep -c '^Series  *o.*, of on-cpu and off-cpu$' out)" = 2 ]
check "info: samples" grep -q '^Samples  *93 taken$' out
check "info: blocked time" grep -q '^Blocked time 1.500003 s taken$' out
check "info: the host once" [ "$(grep -c '^Host' out)" = 1 ]
check "info: 80 columns" sh -c "! grep -qE '.{81}' out"
"$FLAMELAPSE" info --series on-cpu two.flame > out 2> err
check "info --series on-cpu" sh -c 'grep -q "^Samples" out && ! grep -q "^Blocked" out'
"$FLAMELAPSE" info --series off-cpu two.flame > out 2> err
check "info --series off-cpu" sh -c '! grep -q "^Samples" out && grep -q "^Blocked time" out'
if command -v jq > /dev/null; then
	holds() { check "JSON: $1" sh -c "jq -e '$1' $2 > jq.out"; }
	"$FLAMELAPSE" info --json two.flame > both.json
	"$FLAMELAPSE" info --json --series off-cpu two.flame > off.json
	"$FLAMELAPSE" info --json "$samples/service.flame" > one.json
	holds '.series == ["on-cpu", "off-cpu"] and .event == "cpu-clock" and .unit == "sample"' both.json
	holds '.samples.taken == 93 and .off_cpu.samples.taken == 1500003' both.json
	holds '.off_cpu | .event == "off-cpu" and .unit == "us" and .freq_hz == null' both.json
	holds '.off_cpu.samples | .expected == .taken + .filtered and .filtered == 21' both.json
	holds '[.top[].name, .off_cpu.top[].name] == ["loop", "wait"]' both.json
	holds '.event == "off-cpu" and .samples.taken == 1500003 and .off_cpu == null' off.json
	holds '.series == ["on-cpu"] and .off_cpu == null' one.json
fi

if "$FLAMELAPSE" --print-options | grep -q '^render'; then
	text() { "$FLAMELAPSE" render "$@" -f 2> err; }
	check "render: on the CPU by default" [ "$(text two.flame)" = 'app;main;loop 93' ]
	check "render --series on-cpu" [ "$(text two.flame --series on-cpu)" = 'app;main;loop 93' ]
	check "render --series off-cpu" [ "$(text two.flame --series off-cpu)" = \
		'app;main;wait;[sleeping] 1500003' ]
	check "and --from, --to" [ "$(text two.flame --series off-cpu --from 1s --to 2s)" = \
		'app;main;wait;[sleeping] 500001' ]
	text two.flame --series off-cpu -a --per-snapshot > once
	text once -a --per-snapshot > twice
	check "there and back as text, which tells the series" cmp once twice
	check "of one series: the one there is" [ "$(text once)" = 'app;main;wait;[sleeping] 1500003' ]
	"$FLAMELAPSE" render -q two.flame --size 640x360 --no-system-fonts -o 'on%d.png' \
		-o on.y4m 2> err && "$FLAMELAPSE" render -q two.flame --series off-cpu \
		--size 640x360 --no-system-fonts -o 'off%d.png' 2> err
	check "images of either" [ -s on2.png -a -s off2.png ]
	check "which differ" sh -c '! cmp -s on1.png off1.png'
	"$FLAMELAPSE" render -q once --size 640x360 --no-system-fonts -o 'text%d.png' 2> err
	check "PNG files tell of blocked time, not of samples" sh -c '
		strings -n 4 off1.png | grep -q "Blocked Micro" && ! strings -n 4 off1.png | grep -q Samples &&
		strings -n 4 on1.png | grep -q Samples'
	refused 2 "'--series on-cpu\|--series on-cpu: '.*' has no such series, but off-cpu alone" \
		render ../once --series on-cpu -f
	refused 2 "has no such series, but on-cpu alone" render ../x.folded --series off-cpu -f
	refused 2 "has no such series, but on-cpu alone" render "$samples/service.flame" --series off-cpu -f
	refused 2 'give one of: on-cpu off-cpu' render ../two.flame --series both -f
	refused 7 'no samples' render ../waits.flame -o x%d.png
fi
refused 2 "has no such series, but on-cpu alone" info ../x.folded --series off-cpu
"$FLAMELAPSE" info waits.flame > out 2> err
judge $? "info of a recording that only waited"

"$FLAMELAPSE" symbolize two.flame -o named.flame 2> err
judge $? "symbolize"
check "symbolize keeps both" sh -c '"$FLAMELAPSE" info two.flame > a; "$FLAMELAPSE" info named.flame | cmp - a'

refused 2 '--off-cpu and --frequency exclude each other.*--on-cpu beside' record --off-cpu -F 99 1
refused 2 'exclude each other: who waits' record --off-cpu --on-cpu -C 0 1
refused 2 '--on-cpu is about time, and -e page-faults is not' record --off-cpu --on-cpu -e page-faults 1
refused 2 'add --off-cpu' record --series off-cpu 1
refused 2 'add --on-cpu' record --off-cpu --series on-cpu 1
refused 2 'about --off-cpu' record --on-cpu --min-block 1s 1
done_testing
