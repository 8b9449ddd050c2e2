#!/usr/bin/env bash
# Installs what is missing, from Debian's packages and, for S3, by go install:
#   engine   a docker engine, for the demo and the lab
#   tests    what the tests need besides: further engines, a systemd host, sshd,
#            S3 servers
set -euo pipefail
cd "$(dirname "$0")"

if [ "$(id -u)" != 0 ]; then
	echo "setup: root is needed for network namespaces and dockerd: run it with sudo" >&2
	exit 1
fi

missing=()
need() { # COMMAND PACKAGE
	[ -x "/usr/sbin/$1" ] || [ -x "/usr/bin/$1" ] || [ -x "/sbin/$1" ] || missing+=("$2")
}

install_missing() {
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "setup: installing ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# A package must not start a daemon on this machine: the lab has its own.
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.swarmdr
	chmod +x /usr/sbin/policy-rc.d.swarmdr
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		mv /usr/sbin/policy-rc.d.swarmdr /usr/sbin/policy-rc.d
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	else
		rm -f /usr/sbin/policy-rc.d.swarmdr
	fi
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

servers=${SWARMDR_SERVERS:-/var/cache/swarmdr/servers}

server() { # NAME PACKAGE VERSION
	local work
	[ ! -x "$servers/$1" ] || return 0
	echo "setup: building $2@$3" >&2
	mkdir -p "$servers"
	work=$(mktemp -d "$servers/.work.XXXXXX")
	GOBIN=$work GOFLAGS= "${GO:-go}" install "$2@$3"
	mv "$work/${2##*/}" "$servers/$1"
	rmdir "$work"
}

for what in "$@"; do
	case $what in
	engine)
		need dockerd docker.io
		need iptables iptables
		;;
	tests)
		need debootstrap debootstrap
		need systemd-nspawn systemd-container
		need dbus-daemon dbus
		need sshd openssh-server
		need age age
		need zstd zstd
		;;
	*)
		echo "setup: unknown part $what" >&2
		exit 2
		;;
	esac
done
install_missing

for what in "$@"; do
	if [ "$what" = tests ]; then
		./engines.sh "${SWARMDR_ENGINES:-/var/cache/swarmdr/engines}" >&2
		# Programs of their own, never linked. The client of toxiproxy is in go.mod.
		server minio github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c
		server versitygw github.com/versity/versitygw/cmd/versitygw v1.8.0
		server toxiproxy-server github.com/Shopify/toxiproxy/v2/cmd/server v2.12.0
	fi
done
