# Recorders that are killed, and disks that are full. KILLS says how many.
tmp=$(mktemp -d) || exit 1
trap 'umount "$tmp/disk" 2> /dev/null; rm -rf "$tmp"' EXIT
n=0
ok() { n=$((n + 1)); echo "ok $n - $*"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $*"; }

cd "$tmp" || exit 1
if out=$("$O/tests/tools/store_kill" "${KILLS:-200}" 2>&1); then
	ok "kill -9 loses at most the open snapshot: $out"
else
	echo "$out" | sed 's/^/# /'
	ls -l kill.flame* | sed 's/^/# /'
	mkdir -p "$O/failed" && cp kill.flame* "$O/failed/"
	not_ok "kill -9 loses at most the open snapshot"
fi

mkdir disk
for kb in 200 256 320 400 512 600 700 1000 1500 2000 3000 5000 9000; do
	size=${kb}k
	if ! mount -t tmpfs -o size=$size tmpfs disk 2> /dev/null; then
		ok "a full disk of $size keeps what was recorded # skip mount is not permitted"
		continue
	fi
	if out=$(cd disk && "$O/tests/tools/store_fill" $((kb * 600)) 2>&1); then
		ok "a full disk of $size keeps what was recorded: $(echo "$out" | tail -n 1)"
	else
		echo "$out" | sed 's/^/# /'
		not_ok "a full disk of $size keeps what was recorded"
	fi
	umount disk
done
echo "1..$n"
