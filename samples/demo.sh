#!/bin/sh
# `make demo`: records this machine for ten seconds while a service runs whose hot path changes
# half-way, and leaves demo.mp4 and demo-frames/. Where recording is not possible, renders a
# recording that is part of the sources instead, and says why.
set -u
O=${O:-build}
seconds=${DEMO_SECONDS:-10}
flamelapse=$O/flamelapse

sudo=
[ "$(id -u)" -eq 0 ] || ! command -v sudo > /dev/null || sudo="sudo -n"

"$O/samples/service" $((seconds + 1)) > /dev/null &
service=$!
trap 'kill $service 2> /dev/null' EXIT
why=$($sudo "$flamelapse" record "$seconds" -F 199 --title 'demo: the cache is dropped half-way' \
	-o demo.flame -o demo.mp4 -o 'demo-frames/flamegraph%04d.png' 2>&1)
status=$?
if [ $status -eq 0 ]; then
	echo "$why"
	echo 'recorded live: demo.mp4, demo-frames/'
	exit 0
fi
printf '%s\nnot recorded live (status %d): rendering samples/service.flame instead\n' "$why" $status
"$flamelapse" render samples/service.flame --title 'demo: the cache is dropped half-way' \
	-o demo.mp4 -o 'demo-frames/flamegraph%04d.png' || exit
echo 'rendered a bundled recording: demo.mp4, demo-frames/'
