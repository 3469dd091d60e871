#!/bin/sh
# make install and uninstall, below a DESTDIR.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/cli/lib"

run() { make -s -C "$root" O="$O" DESTDIR="$dir/dest dir" PREFIX=/usr "$@" > log 2>&1; }
run install
judge $? "install"
usr="$dir/dest dir/usr"
check "the program runs" test "$("$usr/bin/flamelapse" version)" = "flamelapse $(cat "$root/VERSION")"
for f in share/bash-completion/completions/flamelapse share/zsh/site-functions/_flamelapse \
	share/fish/vendor_completions.d/flamelapse.fish share/doc/flamelapse/LICENSE; do
	check "$f" test -s "$usr/$f"
done
if command -v scdoc > /dev/null; then
	check "the man page" test -s "$usr/share/man/man1/flamelapse.1"
else
	check "the man page # skip no scdoc" true
fi
check "nothing else" test "$(find "$dir/dest dir" -type f | wc -l)" -le 6
run uninstall
judge $? "uninstall"
check "leaves no file" test -z "$(find "$dir/dest dir" -type f)"
done_testing
