#!/usr/bin/env bash
# The main job, end to end, on a real swarm, as a story. `make demo` runs it:
# swarmdr is on PATH, and dockerd is installed. It ends non-zero unless every
# sentence that begins with "ok" was checked.
set -euo pipefail

LAB=$(mktemp -d /tmp/swarmdr-demo.XXXX)
export DOCKER_HIDE_LEGACY_COMMANDS=1 DOCKER_CLI_HINTS=false
on() { local node=$1; shift; swarmdr lab exec --dir "$LAB/lab" "$node" -- "$@"; }
lab() { local verb=$1; shift; swarmdr lab "$verb" --dir "$LAB/lab" "$@"; }
trap 'code=$?; lab down >/dev/null 2>&1 || true; rm -rf "$LAB"; [ $code = 0 ] || echo "demo: FAILED with exit code $code" >&2; exit $code' EXIT

bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "== $*"; fi; }
say() { printf '%s\n' "   $*"; }
ok() { printf '%s\n' "ok $*"; }
die() { printf '%s\n' "NOT OK $*"; exit 1; }
show() { printf '%s\n' "\$ $(pretty "$@")"; "$@" 2>&1 | indent; }
indent() { sed "s|$LAB/||g; s/^/   | /"; }
pretty() { # "on m1 docker ..." is shown as "[m1] docker ..."
	local words="$*"
	[ "$1" != on ] || words="[$2] ${*:3}"
	printf '%s' "${words//$LAB\//}"
}
fails() { # NODE COMMAND...: must fail; a leader takes some seconds to notice that it is one no more
	printf '%s\n' "\$ [$1] ${*:2}"
	local code=0
	for _ in $(seq 60); do
		code=0
		out=$(on "$1" timeout 40 "${@:2}" 2>&1 </dev/null) || code=$?
		[ $code = 0 ] || break
		sleep 0.5
	done
	printf '%s\n' "$out" | indent
	[ $code != 0 ] || die "this should have failed"
	[ $code != 124 ] || say "(no answer within 40 s)"
}
objects() { # ids and names of all that the swarm holds
	on "$1" docker service ls -q | sort
	on "$1" docker secret ls -q | sort
	on "$1" docker config ls -q | sort
	on "$1" docker network ls -q --no-trunc --filter scope=swarm | sort
}

bold "1. A swarm: three managers with autolock, and a worker, each a real dockerd"
lab up --managers 3 --workers 1 --autolock 2>&1 | indent

bold "2. It has work to do: networks, configs, secrets, services with running tasks"
{
	on m1 docker network create -d overlay front
	on m1 docker network create -d overlay back
	printf 'workers=4\n' | on m1 docker config create app.conf -
	for s in db-password api-token tls-key; do head -c 32 /dev/urandom | on m1 docker secret create "$s" -; done
	on m1 docker service create -d --no-resolve-image --name web --network front --secret api-token --config app.conf --replicas 3 swarmdr/task:1
	on m1 docker service create -d --no-resolve-image --name db --network back --secret db-password --constraint node.role==worker swarmdr/task:1
} >/dev/null
for _ in $(seq 100); do
	running=$(on m1 docker service ls --format '{{.Replicas}}' | tr '\n' ' ')
	[ "$running" = "3/3 1/1 " ] || [ "$running" = "1/1 3/3 " ] && break
	sleep 0.3
done
show on m1 docker service ls --format 'table {{.Name}}\t{{.Mode}}\t{{.Replicas}}'
[ "$(on m1 docker service ls --format '{{.Replicas}}' | sort -u | tr '\n' ' ')" = "1/1 3/3 " ] || die "the services do not run"
show on m1 swarmdr quorum

bold "3. A backup of a follower. The recipient's key stays away from the managers"
recipient=$(swarmdr key new "$LAB/identity.txt")
store=file://$LAB/snapshots
follower=m2
show on $follower swarmdr backup --store "$store" --recipient "$recipient"
show swarmdr snapshot verify latest --store "$store" --identity "$LAB/identity.txt" --unlock-key-file "$LAB/lab/unlock.key"
down_ms=$(swarmdr snapshot list --store "$store" -o json | sed -n 's/.*"down_ms": \([0-9]*\).*/\1/p')
ok "the manager was down for $down_ms ms; its snapshot opens, decrypts and replays"
on m1 swarmdr quorum >/dev/null || die "the backup cost a manager"
ok "three of three managers are well after it"

bold "4. One more write is acknowledged, then two of three managers are lost with their disks"
survivor=$(on m1 docker node ls --format '{{.Hostname}} {{.ManagerStatus}}' | awk '$2 == "Leader" { print $1 }')
lost=$(printf 'm1\nm2\nm3\n' | grep -v "$survivor")
before=$(objects "$survivor")
last=$(printf 'the last words' | on "$survivor" docker secret create last-words -)
before=$(printf '%s\n%s\n' "$before" "$last" | sort)
containers=$(on w1 docker ps -q --no-trunc | sort)
lab kill $lost 2>&1 | indent
for m in $lost; do rm -rf "$LAB/lab/$m/data/swarm"; done
say "$survivor survives; $(echo $lost | sed 's/ / and /') are gone"

bold "5. What docker has to say to that"
fails "$survivor" docker service ls
fails "$survivor" docker swarm init --force-new-cluster --advertise-addr "$(lab ls -o json | grep -A2 "\"name\": \"$survivor\"" | sed -n 's/.*"address": "\(.*\)".*/\1/p')"
say "the documented way out fails on every engine: moby#36852, open since 2018"
fails "$survivor" docker service ls

bold "6. swarmdr: first a plan. Nothing is touched"
flags=()
for m in $lost; do flags+=(--manager "$m=unix://$LAB/lab/$m/docker.sock"); done
show on "$survivor" swarmdr recover plan "${flags[@]}"
token=$(on "$survivor" swarmdr recover plan "${flags[@]}" -o json | sed -n 's/.*"token": "\(.*\)".*/\1/p')
[ -n "$token" ] || die "no token"

bold "7. New machines for the lost managers; then the plan is carried out"
lab start $lost 2>&1 | indent
show on "$survivor" swarmdr recover run --confirm "$token" "${flags[@]}"

bold "8. What is there now"
show on "$survivor" swarmdr quorum
on "$survivor" swarmdr quorum >/dev/null || die "the quorum is not well"
ok "three of three managers are reachable"
[ "$(objects "$survivor" | sort)" = "$before" ] || die "objects are missing"
ok "every service, secret, config and network is there, the last acknowledged secret too"
[ "$(on "$survivor" docker swarm unlock-key -q)" = "$(cat "$LAB/lab/unlock.key")" ] || die "another unlock key"
ok "autolock is on, with the same unlock key"
[ "$(on w1 docker ps -q --no-trunc | sort)" = "$containers" ] || die "containers on the worker changed"
ok "the $(printf '%s\n' "$containers" | wc -l) containers on the worker never stopped"
for m in $lost; do on "$m" docker node ls >/dev/null || die "$m does not serve"; done
ok "each manager serves the API"
for _ in $(seq 200); do
	[ "$(on "$survivor" docker service ls --format '{{.Replicas}}' | sort -u | tr '\n' ' ')" = "1/1 3/3 " ] && break
	sleep 0.3
done
[ "$(on "$survivor" docker service ls --format '{{.Replicas}}' | sort -u | tr '\n' ' ')" = "1/1 3/3 " ] || die "the services do not run"
ok "the services run with all their replicas"

bold "The swarm is whole again. ($SECONDS s)"
