#!/bin/sh
# The pictures are compared byte by byte, so the faces must be those that the goldens were made with.
# Another face (FONT=, FONT_BOLD=) is allowed and says so.
for f in "$@"; do
	sum=$(sha256sum < "$f" | cut -d' ' -f1)
	grep -q "^$sum " "$(dirname "$0")/SHA256SUMS" ||
		echo "note: $f is not a face of fonts/SHA256SUMS: golden images will differ" >&2
done
