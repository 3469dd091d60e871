# Every sample opens, tells its account, and can be rendered.
n=0
check() {
	n=$((n + 1))
	name=$1
	shift
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for f in samples/*.flame; do
	"$FLAMELAPSE" info --json "$f" > "$tmp/info" 2> "$tmp/err"
	check "$f: the account adds up" jq -e '.samples as $s |
		$s.expected == $s.taken + $s.idle + $s.filtered + ([$s.lost[]] | add) and
		$s.taken == .stacks.complete + .stacks.truncated + .stacks.kernel_only and
		$s.taken > 0 and .finished' "$tmp/info" > /dev/null
	"$FLAMELAPSE" render -q "$f" -f > "$tmp/folded"
	check "$f: folded text has all that was taken" \
		[ "$(awk '{ s += $NF } END { print s }' "$tmp/folded")" = "$(jq .samples.taken "$tmp/info")" ]
	"$FLAMELAPSE" render -q "$f" --from 2s --to 4s -o "$tmp/%d.png" -o "$tmp/x.mp4"
	check "$f: images and a film" [ -s "$tmp/0.png" -a -s "$tmp/x.mp4" ]
	check "$f: under 500 KB" [ "$(stat -c %s "$f")" -lt 500000 ]
done
check 'the service: one function takes the place of another' sh -c '
	"$FLAMELAPSE" render -q samples/service.flame --to 9s -f | grep -q answer_from_cache &&
	! "$FLAMELAPSE" render -q samples/service.flame --to 9s -f | grep -q answer_from_database &&
	"$FLAMELAPSE" render -q samples/service.flame --from 12s -f | grep -q answer_from_database'
echo "1..$n"
