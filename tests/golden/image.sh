# Whole pictures: the same bytes wherever they are drawn, equal to the golden one, and the film shows
# what the images show.
command -v ffmpeg > /dev/null || { echo 'ok 1 - whole pictures # skip no ffmpeg'; exit 0; }
out=$O/golden/images
rm -rf "$out"
mkdir -p "$out"
n=0
check() {
	n=$((n + 1))
	name=$1
	shift
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}
in=tests/golden/database.folded
render() { "$FLAMELAPSE" render -q "$in" --no-system-fonts "$@" 2> "$out/err"; }

render -o "$out/a%02d.png"
check 'one image for each snapshot' [ "$(ls "$out"/a*.png | wc -l)" = 12 ]
TZ=Asia/Kathmandu LANG=de_DE.UTF-8 LC_ALL=tr_TR.UTF-8 taskset -c 0 "$FLAMELAPSE" render -q "$in" \
	--no-system-fonts -o "$out/b%02d.png" -o "$out/film.mp4" 2> "$out/err"
same=true
for f in "$out"/a*.png; do cmp -s "$f" "$(echo "$f" | sed 's|/a\([0-9]*\.png\)$|/b\1|')" || same=false; done
check 'the same bytes in another zone, locale and on one CPU' $same

[ -z "${UPDATE:-}" ] || cp "$out/a07.png" tests/golden/database.png
if cmp -s "$out/a07.png" tests/golden/database.png; then
	check 'the golden image' true
else
	ffmpeg -v error -y -i "$out/a07.png" -i tests/golden/database.png \
		-filter_complex 'blend=all_mode=difference' "$out/difference.png"
	echo "# see $out/a07.png, difference.png; make golden-update writes it anew"
	check 'the golden image' false
fi

probe() { ffprobe -v error -show_entries "$1" -of csv=p=0 "$out/film.mp4" | head -n 1; }
check 'the film lasts 10 s' [ "$(probe format=duration | cut -c1-5)" = 10.00 ]
check 'the film is tagged BT.709, limited range' \
	[ "$(probe stream=pix_fmt,color_range,color_space)" = yuv420p,tv,bt709 ]
# The last image of the film, decoded, and the last of the sequence.
ffmpeg -v error -y -sseof -0.2 -i "$out/film.mp4" -frames:v 1 "$out/last.png"
ssim=$(ffmpeg -i "$out/last.png" -i "$out/a11.png" -lavfi '[0]format=rgb24[a];[1]format=rgb24[b];[a][b]ssim' \
	-f null - 2>&1 | sed -n 's/.*All:\([0-9.]*\).*/\1/p')
echo "# SSIM of the decoded last image: $ssim"
check 'the film ends on the last image' sh -c "awk 'BEGIN { exit !($ssim >= 0.97) }'"

check 'the texts of an image: time and samples' sh -c \
	"strings -n 6 '$out/a07.png' | grep -q '2026-11-20T14:02:48' && strings -n 4 '$out/a07.png' | grep -q Samples"
check 'the texts of an image: no paths' sh -c "! strings -n 4 '$out/a07.png' | grep -q '/golden\|/tmp'"

for s in 720p 4k square portrait 640x480; do
	render --size $s --from 2s --to 3s -o "$out/$s-%d.png"
	check "size $s" [ -s "$out/$s-0.png" ]
done
# By pixels: the options stand in the files' texts.
pixels() { ffmpeg -v error -i "$1" -f rawvideo -pix_fmt rgb24 - | cksum; }
differ() { [ "$(pixels "$1")" != "$(pixels "$2")" ]; }
render --from 2s --to 3s -o "$out/one%d.png"
for o in 'theme dark' 'theme print' 'scale cpu' 'scale peak' 'scale share' 'order weight' no-fold no-host 'subtitle x' 'tz +02:00'; do
	f=$out/$(echo "$o" | tr ' ' -)
	render --$o --from 2s --to 3s -o "$f-%d.png"
	check "--$o is another picture" differ "$f-0.png" "$out/one0.png"
done
render --no-host -o "$out/nohost.mp4" -o "$out/nohost%02d.png"
check '--no-host: the name is in no byte' sh -c "! grep -q db-3 '$out'/nohost*.png '$out/nohost.mp4' && grep -q db-3 '$out/film.mp4'"
for mode in interval cumulative; do
	render --mode $mode -o "$out/$mode%02d.png"
	check "--mode $mode is another picture" differ "$out/${mode}07.png" "$out/a07.png"
done
echo "1..$n"
