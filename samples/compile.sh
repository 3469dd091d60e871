#!/bin/sh
# Records samples/compile.flame: gcc compiles this program's own sources, two at a time. Debian's
# gcc has no frame pointers, so that its callers are missing: a picture of what that looks like.
# As root.
set -eu
cd "$(dirname "$0")/.."
O=${O:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$O/flamelapse" record -F 99 --all-cpus -o samples/compile.flame -- make -s -j2 O="$scratch" \
	"$scratch/libflamelapse.a"
