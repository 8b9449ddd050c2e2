# Read by record.sh: managers in states that pass in a moment or come from a
# fault. Each function has a lab that is up with one manager, m1, and leaves its
# engine down.

states=({20.10.24,26.1.5,28.5.2}-{raft-snapshots,rotating,torn}
	28.5.2-{repaired,rotation-owed,rotated,external-ca,root-rotation})
undoing=() # commands that undo what a state needed

undo() {
	local command
	for command in "${undoing[@]}"; do
		eval "$command" || echo "record: $command failed" >&2
	done
	undoing=()
}

# record_state VERSION STATE: makes it and keeps it, without worker/, which is
# no part of it.
record_state() {
	local name=$1-$2 workers=0
	declare -F "state_$2" >/dev/null || fail "unknown fixture $name"
	[ "$2" != root-rotation ] || workers=1
	up "$1" --managers 1 --workers $workers
	swarm=$lab/m1/data/swarm
	"state_$2"
	undo
	keep m1 "states/$name"
	rm -rf "states/$name/swarm/worker"
	zeros=1
}

fail() {
	echo "record: $1" >&2
	exit 1
}

kill_m1() { "$swarmdr" lab kill --dir "$lab" m1; }

secret() { printf "swarmdr-canary-%s" "$1" | docker_on m1 secret create "$1" -; }

# until_header TEXT: waits until the node key has it.
until_header() {
	local i
	for i in $(seq 100); do
		grep -q "^$1" "$swarm/certificates/swarm-node.key" && return
		sleep 0.1
	done
	fail "no $1 in the node key"
}

autolock() {
	docker_on m1 swarm update --autolock=true | sed -n 's/^ *\(SWMKEY.*\)/\1/p' >"$lab/unlock.key"
}

# Two older raft snapshots are kept.
state_raft-snapshots() {
	docker_on m1 swarm update --snapshot-interval 6 --max-snapshots 2
	fill
	secret one && secret two && docker_on m1 secret rm one two
	objects >"$lab/objects"
	kill_m1
}

# The raft snapshot that would end the rotation cannot be written, and is tried
# again with each entry: their markers stay without a file.
state_rotating() {
	docker_on m1 network create --driver overlay early
	undoing+=("chattr -i $swarm/raft/snap-v3-encrypted")
	chattr +i "$swarm/raft/snap-v3-encrypted"
	autolock
	until_header raft-dek-pending
	fill && objects >"$lab/objects"
	kill_m1
}

# A raft snapshot that hangs keeps the rotation from beginning: its file is a
# pipe that nobody reads.
state_rotation-owed() {
	local i
	fill
	for i in $(seq 20 60); do
		mkfifo "$(printf '%s/raft/snap-v3-encrypted/%016x-%016x.snap' "$swarm" 2 "$i")"
	done
	docker_on m1 swarm update --snapshot-interval 1
	secret hangs && docker_on m1 secret rm hangs
	autolock
	until_header raft-dek-needs-rotation
	objects >"$lab/objects"
	kill_m1
	find "$swarm" -type p -delete
}

# The whole rotation: what was written before is in the same segment.
state_rotated() {
	fill
	autolock
	until_header raft-dek
	sleep 2
	if grep -q raft-dek- "$swarm/certificates/swarm-node.key"; then
		fail "the rotation is not finished"
	fi
	docker_on m1 secret rm last-write
	printf swarmdr-canary-last | docker_on m1 secret create last-write -
	objects >"$lab/objects"
	kill_m1
}

# A file system that allocates nothing in advance, and then is full: the last
# record is written in part, and raft stops (ext2 has no fallocate).
state_torn() {
	small_disk
	fill && objects >"$lab/objects"
	fill_disk
	if head -c 9000 /dev/zero | tr '\0' x | docker_on m1 config create too-big -; then
		fail "the disk was not full"
	fi
	zeros=20
	kill_m1
}

# The same, after the disk had space again and the engine repaired its log.
state_repaired() {
	state_torn
	rm "$disk/ballast"
	"$swarmdr" lab start --dir "$lab" m1
	sleep 3
	docker_on m1 secret ls
	kill_m1
}

# small_disk moves the swarm directory to one of 80 MB.
small_disk() {
	disk=$(dirname "$lab")/disk
	"$swarmdr" lab stop --dir "$lab" m1
	truncate -s 80M "$disk.img"
	mkfs.ext2 -q -m 0 -b 1024 "$disk.img"
	mkdir "$disk"
	mount -o loop "$disk.img" "$disk"
	undoing+=("take_back")
	cp -a --sparse=always "$swarm/." "$disk"
	rm -r "$swarm"
	ln -s "$disk" "$swarm"
	"$swarmdr" lab start --dir "$lab" m1
	sleep 3
}

# take_back puts what is on the small disk where it was.
take_back() {
	"$swarmdr" lab kill --dir "$lab" m1
	rm -f "$swarm" "$disk/ballast"
	mkdir -m 700 "$swarm"
	cp -a --sparse=always "$disk/." "$swarm"
	rm -rf "$swarm/lost+found"
	umount "$disk"
}

# fill_disk leaves some kilobytes.
fill_disk() {
	dd if=/dev/zero of="$disk/ballast" bs=1024 status=none 2>/dev/null || true
	truncate -s -6K "$disk/ballast"
}

# The root is replaced by one that only an authority outside can sign for.
state_external-ca() {
	local ca
	ca=$(dirname "$lab")/ca
	mkdir "$ca"
	(cd .. && CGO_ENABLED=0 go build -o "$ca/externalca" ./testfixtures/externalca)
	"$swarmdr" lab exec --dir "$lab" m1 -- "$ca/externalca" "$ca" "$swarm/certificates/swarm-root-ca.crt" >"$ca/url" &
	undoing+=("kill $!")
	sleep 2
	docker_on m1 swarm ca --rotate --quiet --ca-cert "$ca/root.pem" \
		--external-ca "protocol=cfssl,url=$(cat "$ca/url"),cacert=$ca/root.pem"
	fill && objects >"$lab/objects"
	"$swarmdr" lab stop --dir "$lab" m1
}

# The rotation of the root waits for a worker that is down.
state_root-rotation() {
	"$swarmdr" lab kill --dir "$lab" w1
	fill
	docker_on m1 swarm ca --rotate --detach --quiet
	sleep 2
	objects >"$lab/objects"
	"$swarmdr" lab stop --dir "$lab" m1
}
