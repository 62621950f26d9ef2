# shellcheck shell=bash
# For tools/demo and tools/test: where the project is, and how packages are installed.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# has_commands COMMAND...: true when all are there.
has_commands() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || return 1
	done
}

# install_packages PACKAGE...: those that are missing, with apt. Without apt the
# packages of build_packages are enough to go on when their commands are there.
install_packages() {
	local missing=() sudo=() p
	if ! has_commands dpkg-query apt-get; then
		has_commands gcc meson ninja pkg-config fusermount3 python3 &&
			pkg-config --exists fuse3 libcurl libcjson sqlite3 libcrypto && return 0
		die "no apt on this machine, so install your distribution's equivalents of these Debian packages and" \
			"run this again: $*"
	fi
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		has_commands sudo || die "no sudo here; as root, run: apt-get install ${missing[*]}"
		sudo=(sudo)
	fi
	printf 'installing: %s\n' "${missing[*]}"
	"${sudo[@]}" apt-get update -qq || true
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >/dev/null || die "apt-get could not install: ${missing[*]}"
}

# build DIR [MESON-OPTION...]
build() {
	local dir=$1
	shift
	if [ ! -f "$dir/build.ninja" ]; then
		meson setup "$dir" "$top" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; die "meson setup failed"; }
	fi
	meson compile -C "$dir" >"$dir.log" 2>&1 || { cat "$dir.log"; die "the build failed"; }
}

# shellcheck disable=SC2034 # used by those who read this
build_packages=(gcc libc6-dev meson ninja-build pkg-config libfuse3-dev fuse3 libcurl4-openssl-dev libcjson-dev libsqlite3-dev libssl-dev python3)
