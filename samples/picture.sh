#!/bin/sh
# Makes samples/service.gif, the moving picture of README.md, from samples/service.flame.
set -eu
cd "$(dirname "$0")/.."
O=${O:-build}
"$O/flamelapse" render -q samples/service.flame --title 'a service loses its cache' --mark '10s|cache lost' --size 720p \
	--length 12s -o - --fps 15 |
	ffmpeg -v error -y -f yuv4mpegpipe -color_range tv -colorspace bt709 -i - -vf \
	'scale=in_color_matrix=bt709:out_color_matrix=bt709,fps=15,split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none:diff_mode=rectangle' \
	-loop -1 samples/service.gif
