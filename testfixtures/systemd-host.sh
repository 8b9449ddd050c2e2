#!/usr/bin/env bash
# Makes the root directory of a Debian host with a real systemd and Docker and
# prints its path. Made once, then taken from the cache.
#
#	systemd-host.sh [DIR]
#
# DIR is ${XDG_CACHE_HOME:-/var/cache}/swarmdr/systemd-host by default.
# Needs root and the Debian package debootstrap; mirror, suite and components
# are those of this machine.
set -euo pipefail

dir=${1:-${XDG_CACHE_HOME:-/var/cache}/swarmdr/systemd-host}
packages=systemd,systemd-sysv,dbus,iproute2,procps,docker.io,iptables

mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [[ -d $dir ]]; then
	echo "$dir"
	exit
fi

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# "URI SUITE COMPONENT", a line for each that this machine installs from
targets=$(apt-get indextargets --no-release-info \
	--format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u)
mirror=$(awk -v s="$suite" '$2 == s {print $1; exit}' <<<"$targets")
components=$(awk -v s="$suite" '$2 == s {print $3}' <<<"$targets" | sort -u | paste -sd,)

# Half a root must never be taken for a whole one: the rename comes last.
rm -rf "$dir.part"
debootstrap --variant=minbase --components="$components" \
	--include="$packages" "$suite" "$dir.part" "$mirror" >&2
rm -rf "$dir.part"/var/cache/apt/archives/*.deb "$dir.part"/var/lib/docker
: >"$dir.part/etc/machine-id"
mv "$dir.part" "$dir"
echo "$dir"
