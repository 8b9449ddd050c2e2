#!/bin/bash
# Unpacks further Docker engines beside the installed one, for the lab tests.
#
#   testfixtures/engines.sh [DIR]
#
# Each lands in DIR/VERSION, VERSION being what its own dockerd says; the paths
# of all dockerds are printed, one a line, for `swarmdr lab up --dockerd PATH`.
# Nothing is installed: apt works on a state directory of its own. An engine
# that is there already is not fetched again; remove DIR/.SUITE to renew it.
set -euo pipefail

suites=(trixie forky)
dir=${1:-${XDG_CACHE_HOME:-/var/cache}/swarmdr/engines}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

mirror() {
	awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true
}

apt_in() {
	local root=$1
	shift
	apt-get -q \
		-o Dir::State="$root/state" -o Dir::State::lists="$root/lists" -o Dir::State::status="$root/status" \
		-o Dir::Cache="$root/cache" \
		-o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root "$@"
}

unpack() {
	local suite=$1 uri=$2 work version
	work=$(mktemp -d "$dir/.work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"/{state,lists/partial,cache/archives/partial,debs,tree}
	: >"$work/status"
	echo "deb [signed-by=$keyring] $uri $suite main" >"$work/sources.list"
	apt_in "$work" update
	(cd "$work/debs" && apt_in "$work" download docker.io docker-cli containerd)
	for deb in "$work"/debs/*.deb; do
		dpkg -x "$deb" "$work/tree"
	done
	version=$(version_of "$work/tree/usr/sbin/dockerd")
	rm -rf "${dir:?}/$version"
	mv "$work/tree" "$dir/$version"
	echo "$version" >"$dir/.$suite"
	rm -rf "$work"
	trap - EXIT
}

# present SUITE: the version that was unpacked from it, if it is still there.
present() {
	local version
	version=$(cat "$dir/.$1" 2>/dev/null) && [ -x "$dir/$version/usr/sbin/dockerd" ] && echo "$version"
}

version_of() {
	"$1" --version | sed -E 's/^Docker version ([0-9.]+).*/\1/'
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
uri=$(mirror)
for suite in "${suites[@]}"; do
	if ! present "$suite" >/dev/null; then
		[ -n "$uri" ] || { echo "no Debian mirror in the apt sources of this machine" >&2; exit 1; }
		unpack "$suite" "$uri" >&2
	fi
done

[ ! -x /usr/sbin/dockerd ] || echo /usr/sbin/dockerd
for suite in "${suites[@]}"; do
	echo "$dir/$(present "$suite")/usr/sbin/dockerd"
done
