#!/bin/sh
# Records samples/service.flame: a service whose hot path changes half-way (service.c).
# As root, after `make build/samples/service`. Nothing else should run meanwhile.
set -eu
cd "$(dirname "$0")/.."
O=${O:-build}
"$O/samples/service" 20 > /dev/null &
service=$!
trap 'kill $service 2> /dev/null || true' EXIT
"$O/flamelapse" record 20 -F 199 -o samples/service.flame
