# Marks from the command line: what is taken, what is refused, and that they are drawn.
golden=$PWD/tests/golden/database.folded
. "$(dirname "$0")/lib"

render() { "$FLAMELAPSE" render -q "$golden" --no-system-fonts --size 640x360 "$@" 2> err; }
sum() { cksum < "$1"; }

refused 2 "'14:03:10|deploy v2'" --mark 14:03:10
refused 2 "'14:03:10|deploy v2'" --mark '14:03:10|'
refused 2 "unix seconds" --mark 'noon|lunch'
refused 1 "cannot open 'missing'" render "$golden" --marks missing -o x.mp4
refused 2 "Europe/Berlin" render "$golden" --tz Nowhere -o x.mp4
printf '1763647365|deploy\nnoon|lunch\n' > bad
refused 3 "'../bad' line 2: want TIME|TEXT" render "$golden" --marks ../bad -o x.mp4
head -c 5000 /dev/zero | tr '\0' x > long
refused 3 "'../long' line 1: longer than" render "$golden" --marks ../long -o x.mp4

# A recording would be over before the file is needed, and the film lost.
if [ "$(id -u)" = 0 ]; then
	refused 1 "cannot open 'missing'" record 0.1 --marks missing -o x.mp4 -- touch ran
	refused 3 "'../bad' line 2" record 0.1 --marks ../bad -o x.mp4 -- touch ran
	mkfifo pipe
	refused 1 "'../pipe' is no regular file" record 0.1 --marks ../pipe -o x.mp4 -- touch ran
fi

render -o 'plain%02d.png'
render --mark '5s|deploy' -o 'mark%02d.png'
check "a mark is drawn" test "$(sum plain09.png)" != "$(sum mark09.png)"
printf '# Gource\n\n14:02:45|deploy\r\n' > file
render --marks file -o 'file%02d.png'
check "a file of marks gives the same picture" test "$(sum file09.png)" = "$(sum mark09.png)"
check "the picture is the same where the window begins anew" test "$(sum file05.png)" = "$(sum mark05.png)"
"$FLAMELAPSE" render -q "$golden" --size 640x360 --order weight --no-fold -o 'w%02d.png'
check "how it was drawn stands in the file" grep -qa 'order weight, not folded' w05.png
render --mark '2001-01-01T00:00:00Z|long ago' -o 'out%02d.png'
check "a mark outside is told" grep -q '1 mark outside of the recording is not shown' err
check "and not drawn" test "$(sum plain09.png)" = "$(sum out09.png)"
render --mark "$(printf '5s|\033[31mred\n')" -o 'esc%02d.png'
check "control characters in a mark are no trouble" test -s esc09.png
if command -v ffprobe > /dev/null; then
	render --mark '5s|deploy' --mark '8s|rollback' -o film.mp4
	ffprobe -v error -show_chapters -of csv=p=0 film.mp4 | cut -d, -f 4,6,7 > chapters
	check "marks are chapters" sh -c "sed 's/.*,//' chapters | tr '\n' ' ' | grep -qx 'start deploy rollback '"
	check "chapters follow each other to the end of the film" awk -F, '
		NR > 1 && $1 != end { bad = 1 }
		{ end = $2 }
		END { exit bad || end < 9.9 || end > 10.1 }' chapters
else
	check "marks are chapters # skip no ffprobe" true
fi
done_testing
