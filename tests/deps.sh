#!/bin/sh
# Installs the packages that building (`build`) or building and testing (`test`) needs.
# Does nothing where all is there; as root or with sudo prints and runs the package line; else
# prints it and exits 1.
set -u

apt_build="gcc make clang llvm bpftool pkg-config libc6-dev libbpf-dev libelf-dev libdw-dev
	libiberty-dev libcairo2-dev libfreetype-dev libfontconfig-dev libavformat-dev libavcodec-dev
	libavutil-dev libsqlite3-dev libzstd-dev liblzma-dev zlib1g-dev fonts-inter scdoc"
apt_test="ffmpeg sqlite3 jq procps g++ binutils xz-utils libc6-dbg rustc libclang-rt-14-dev clang-format"
dnf_build="gcc make clang llvm bpftool pkgconf-pkg-config glibc-devel libbpf-devel elfutils-libelf-devel
	elfutils-devel binutils-devel cairo-devel freetype-devel fontconfig-devel ffmpeg-free-devel
	sqlite-devel libzstd-devel xz-devel zlib-devel rsms-inter-fonts scdoc"
dnf_test="ffmpeg-free sqlite jq procps-ng binutils xz gcc-c++ rust compiler-rt clang-tools-extra"
pacman_build="gcc make clang llvm bpf pkgconf libbpf libelf binutils cairo freetype2 fontconfig ffmpeg
	sqlite zstd xz zlib inter-font scdoc"
pacman_test="binutils jq procps-ng rust compiler-rt"
apk_build="gcc make clang llvm bpftool pkgconf musl-dev linux-headers libbpf-dev elfutils-dev binutils-dev
	cairo-dev freetype-dev fontconfig-dev ffmpeg-dev sqlite-dev zstd-dev xz-dev zlib-dev font-inter scdoc"
apk_test="ffmpeg sqlite jq procps binutils xz g++ rust compiler-rt clang-extra-tools"

for tool in apt-get dnf pacman apk ''; do
	[ -n "$tool" ] && command -v "$tool" > /dev/null && break
done
case $tool in
apt-get) list=$apt_build extra=$apt_test has='dpkg -s' add='apt-get install -y --no-install-recommends' ;;
dnf) list=$dnf_build extra=$dnf_test has='rpm -q' add='dnf install -y' ;;
pacman) list=$pacman_build extra=$pacman_test has='pacman -Q' add='pacman -S --noconfirm' ;;
apk) list=$apk_build extra=$apk_test has='apk info -e' add='apk add' ;;
*)
	echo "no apt, dnf, pacman or apk here: install by hand what README.md lists" >&2
	exit 1
	;;
esac
[ "${1:-build}" = test ] && list="$list $extra"

missing=
for p in $list; do
	$has "$p" > /dev/null 2>&1 || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo > /dev/null; then
		echo "missing packages; as root, run: $add$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
echo "$sudo $add$missing"
if [ "$tool" = apt-get ]; then
	export DEBIAN_FRONTEND=noninteractive
	$sudo apt-get update -q || echo "note: the package lists could not be refreshed" >&2
fi
exec $sudo $add $missing
