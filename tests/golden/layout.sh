# The layout of known recordings, box by box, against golden text.
dump=$O/tests/tools/layout_dump
out=$O/golden
mkdir -p "$out"
n=0
check() {
	n=$((n + 1))
	name=$1
	shift
	"$dump" "tests/golden/$1" "$2" "$3" $4 > "$out/$name.layout.txt" 2>&1
	if [ -n "${UPDATE:-}" ]; then
		cp "$out/$name.layout.txt" "tests/golden/$name.layout.txt"
	fi
	if diff -u "tests/golden/$name.layout.txt" "$out/$name.layout.txt" > "$out/$name.diff"; then
		echo "ok $n - layout of $name"
	else
		sed 's/^/# /' "$out/$name.diff" | head -n 30
		echo "not ok $n - layout of $name (make golden-update, and look at the difference)"
	fi
}
check database-1080p database.folded 1920x1080 auto "0 4 7 11"
check database-share database.folded 1280x720 share "7"
check database-peak database.folded 1080x1080 peak "11"
check deep-1080p deep.folded 1920x1080 auto "2"
check deep-cpu deep.folded 1920x1080 cpu "2"
check database-weight database.folded 1280x720 auto+weight+nofold "7"
check blocked blocked.folded 1280x720 auto "0 1"
# A machine has so many CPUs, and any number of threads.
check blocked-cpu blocked.folded 1280x720 cpu "1"
echo "1..$n"
