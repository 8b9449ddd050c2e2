#!/usr/bin/env bash
# Records swarm directories of real engines into testfixtures/swarm and
# testfixtures/states. README.md tells what is in them. Needs root, bin/swarmdr,
# go, and the engines that setup.sh unpacks; takes about six minutes.
#
#	record.sh [NAME...]
#
# NAME is one of the directories in swarm/ or states/; default: all of them.
set -euo pipefail
cd "$(dirname "$0")"

swarmdr=$PWD/../bin/swarmdr
engines=${SWARMDR_ENGINES:-${XDG_CACHE_HOME:-/var/cache}/swarmdr/engines}
task=swarmdr/task:1
lab= # the directory of the lab that is up, if one is

dockerd_of() { # VERSION
	if [ -x "$engines/$1/usr/sbin/dockerd" ]; then
		echo "$engines/$1/usr/sbin/dockerd"
	else
		echo /usr/sbin/dockerd
	fi
}

# up VERSION FLAG...: a lab with that engine, or an error.
up() {
	local version=$1
	shift
	lab=$(mktemp -d /tmp/record.XXXX)/lab
	"$swarmdr" lab up --dir "$lab" --dockerd "$(dockerd_of "$version")" "$@" >&2
	[ "$(docker_on m1 version --format '{{.Server.Version}}' | cut -d+ -f1)" = "$version" ] ||
		{ echo "record: no engine $version: run testfixtures/setup.sh engine tests" >&2; exit 1; }
}

down() {
	[ -n "$lab" ] || return 0
	"$swarmdr" lab down --dir "$lab"
	rm -rf "$(dirname "$lab")"
	lab=
}

docker_on() { # NODE ARG...
	"$swarmdr" lab exec --dir "$lab" "$1" -- docker "${@:2}"
}

# fill: two secrets and one that is removed, a config, a network, a service.
# The last write is a secret: it is the tail of a manager that is killed then.
fill() {
	docker_on m1 network create --driver overlay backend
	printf swarmdr-canary-password | docker_on m1 secret create db-password -
	printf swarmdr-canary-removed | docker_on m1 secret create old-token -
	printf swarmdr-canary-config | docker_on m1 config create web-conf -
	docker_on m1 service create --quiet --no-resolve-image --name web --network backend --secret db-password --config web-conf \
		--env DB_TOKEN=swarmdr-canary-env $task
	docker_on m1 secret rm old-token
	printf swarmdr-canary-last | docker_on m1 secret create last-write -
	sleep 1 # the other managers have it too
}

# objects: what the engine itself says there is: kind, id, name.
objects() {
	local kind
	for kind in config network node secret service; do
		docker_on m1 $kind ls --format "$kind {{.ID}} $(name_of $kind)" |
			grep -Ev '^network .* (bridge|host|none|docker_gwbridge)$'
	done | sort
}

name_of() { # KIND
	if [ "$1" = node ]; then echo '{{.Hostname}}'; else echo '{{.Name}}'; fi
}

# keep NODE DIR: copies the swarm directory of a node whose engine is down.
keep() {
	local to=$2
	rm -rf "$to"
	mkdir -p "$to/swarm"
	cp -a --sparse=always "$lab/$1/data/swarm/." "$to/swarm"
	find "$to" -name '*.tmp' -delete
	find "$to" \( -name '*.wal' -o -name '*.wal.broken' \) -exec perl -e "$cut" "$zeros" {} +
	cp "$lab/objects" "$to/objects.txt"
	if [ -e "$lab/unlock.key" ] && [ -d "$to/swarm/raft" ]; then
		cp "$lab/unlock.key" "$to/unlock.key"
	fi
}

# The engine allocates 64 MB for each segment. One sector of zeros is kept
# beyond that of the last record: a record may end in zeros. A torn record needs
# as many more as it would have had.
zeros=1
cut='my $zeros = shift; for (@ARGV) {
	open my $f, "+<:raw", $_ or die "$_: $!";
	local $/;
	(my $data = <$f>) =~ s/\0+\z//;
	my $end = (int(length($data) / 512) + 1 + $zeros) * 512;
	truncate $f, $end if $end < -s $f;
}'

# record VERSION SUFFIX: makes the swarm and keeps it.
record() {
	local version=$1 name=$1-$2
	case $2 in
	plain)
		up "$version" --managers 1
		fill && objects >"$lab/objects"
		"$swarmdr" lab stop --dir "$lab" m1
		keep m1 "swarm/$name"
		;;
	autolock)
		up "$version" --managers 3 --autolock
		fill && objects >"$lab/objects"
		"$swarmdr" lab kill --dir "$lab" m1 m2 m3
		keep m3 "swarm/$name"
		;;
	raft-snapshot)
		up "$version" --managers 1 --autolock
		docker_on m1 swarm update --snapshot-interval 10
		fill && objects >"$lab/objects"
		"$swarmdr" lab kill --dir "$lab" m1
		keep m1 "swarm/$name"
		;;
	worker)
		up "$version" --managers 1 --workers 1
		fill && objects >"$lab/objects"
		"$swarmdr" lab stop --dir "$lab" w1
		keep w1 "swarm/$name"
		;;
	*) record_state "$version" "$2" ;;
	esac
	down
	echo "recorded $name" >&2
}

. ./states.sh

trap 'undo; down' EXIT
[ $# -gt 0 ] || set -- {20.10.24,26.1.5,28.5.2}-{plain,autolock} 28.5.2-raft-snapshot 28.5.2-worker "${states[@]}"
for name in "$@"; do
	record "${name%%-*}" "${name#*-}"
done
