package cli

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/swarmdr/swarmdr/internal/compose"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// advice is what a person is told of one kind of error, and the exit code of
// the process. The first that matches counts, so the graver ones stand first.
type advice struct {
	err  error
	code int
	hint string
}

const quorumMayBeLost = "the quorum may be lost: `swarmdr quorum` tells; the engine waits on until the others are unlocked too, or it is killed"

func advices() []advice {
	return []advice{
		{errInterrupted, exitInterrupted, ""},
		{snapshot.ErrEngineDown, exitEngine, "start dockerd by hand and unlock it: systemctl start docker && docker swarm unlock"},
		{keyring.ErrNotSaved, exitFailed, "the swarm has the new key: run the same command again, or `swarmdr key escrow`"},

		{engine.ErrUnsafe, exitRefused, "look at `swarmdr quorum`; `swarmdr backup --mode hot` stops nothing"},
		{recovery.ErrRevivable, exitRefused, "start and unlock them: with them the quorum comes back; --abandon NAME gives a manager's log up, --method recovers an only manager all the same"},
		{recovery.ErrQuorumAlive, exitRefused, "repair the others and this manager will follow; a recovery would destroy what the majority wrote"},
		{recovery.ErrEvidenceChanged, exitRefused, "look at `swarmdr recover plan` again, with the same flags, and confirm its token"},
		{recovery.ErrNothingToDo, exitRefused, "look at `swarmdr quorum`"},
		{recovery.ErrNotVoter, exitRefused, "recover on a manager that was not removed"},
		{recovery.ErrOtherSwarm, exitRefused, "let it leave that swarm first, or name another daemon"},
		{engine.ErrBusy, exitRefused, "wait for it to end"},
		{durable.ErrLocked, exitRefused, "another swarmdr works on this manager: wait for it to end"},

		{keyring.ErrMissed, exitRefused, "start them and unlock them with `swarmdr key unlock`; with --allow-missed they keep the old key"},
		{keyring.ErrJustRotated, exitRefused, "it is done; --again rotates once more"},
		{errInsideSource, exitRefused, "name another place with --out"},
		{errOnTerminal, exitRefused, "pipe it to where it is needed, or give --reveal"},

		{unlock.ErrLocked, exitKey, "give the unlock key with --unlock-key-file, --unlock-key-command or the configuration"},
		{unlock.ErrWrongKey, exitKey, "the key may have been rotated: find the one whose fingerprint the manifest names"},
		{errNoIdentity, exitKey, "give the identity with --identity FILE"},
		{snapshot.ErrNeedPassphrase, exitKey, "give it with --identity-passphrase-file"},
		{snapshot.ErrBadPassphrase, exitKey, ""},
		{snapshot.ErrNoIdentity, exitKey, "`swarmdr snapshot show NAME` names the recipients: one of their identities is needed"},
		{unlock.ErrNoIdentity, exitKey, "an identity of one of the recipients that it was sealed to is needed"},
		{errUnproven, exitKey, "name with --dir a locked directory that it opens"},
		{engine.ErrLocked, exitKey, "`swarmdr key unlock` unlocks managers"},
		{engine.ErrUnlockRefused, exitKey, "the key may have been rotated"},

		{errDelivery, exitStore, "the snapshot is good where it is; the next backup, or `swarmdr snapshot drain`, delivers what the spool keeps"},
		{snapshot.ErrStore, exitStore, "`swarmdr store check` tells what it does not do"},
		{snapshot.ErrNotExist, exitStore, "`swarmdr snapshot list` names those there are"},
		{snapshot.ErrEmptyPolicy, exitUsage, "give --keep flags, or retention in the configuration"},
		{snapshot.ErrStalePlan, exitRefused, "run it again: it makes a new plan"},
		{snapshot.ErrAmbiguous, exitUsage, "give more of the name: `swarmdr snapshot list`"},

		{raftlog.ErrNotSwarmDir, exitDamaged, "name the directory that holds raft/ and certificates/: usually /var/lib/docker/swarm"},
		{raftlog.ErrWorkerDir, exitDamaged, "workers hold no raft log: name the directory of a manager"},
		{snapshot.ErrNotManager, exitDamaged, "name the swarm directory of a manager: usually /var/lib/docker/swarm"},
		{raftlog.ErrNotInLog, exitFailed, "`swarmdr log show` tells what there is; for what is older: `swarmdr snapshot list`"},
		{raftlog.ErrOldKey, exitFailed, "the log tells no state before its raft snapshot; an older snapshot may: `swarmdr snapshot list`"},
		{raftlog.ErrNewerFormat, exitDamaged, "use a newer swarmdr"},
		{snapshot.ErrNewerFormat, exitDamaged, "use a newer swarmdr"},
		{snapshot.ErrBadVerifier, exitUsage, "trusted_signers takes the contents of signing.pub of a manager"},
		{snapshot.ErrDamaged, exitDamaged, "the archive was sealed damaged: use another snapshot"},
		{snapshot.ErrUntrusted, exitDamaged, "whoever can write the store may have planted it; add its signer to trusted_signers only if you know it"},
		{snapshot.ErrDigest, exitDamaged, "the object was changed or cut after it was stored: use another snapshot"},
		{snapshot.ErrNotSealed, exitDamaged, "the object was replaced after it was stored: use another snapshot"},
		{snapshot.ErrMismatch, exitDamaged, "directories of different managers were mixed: use another copy"},
		{snapshot.ErrNotArchive, exitDamaged, "it was not made by swarmdr"},
		{snapshot.ErrContents, exitDamaged, "do not restore from it: use another snapshot"},
		{snapshot.ErrMalformed, exitDamaged, "the manifest was changed or cut after it was stored: use another snapshot"},
		{snapshot.ErrIncomplete, exitDamaged, "use another copy"},
		{raftlog.ErrNoCluster, exitDamaged, "use another copy"},
		{unlock.ErrCannotDecrypt, exitDamaged, "the node key and the log are of different times or managers: use another copy"},
		{unlock.ErrNotEscrow, exitDamaged, "name a file that `swarmdr key escrow` made"},
		{snapshot.ErrChanged, exitFailed, "the log is being compacted or its key rotated: try again"},

		{keyring.ErrNotTaken, exitFailed, "keep the old key: `swarmdr key check` on each manager tells which one it needs"},
		{engine.ErrNoAutolock, exitFailed, "docker swarm update --autolock=true switches it on"},
		{engine.ErrUnlockHangs, exitFailed, quorumMayBeLost},
		{keyring.ErrNoAnswer, exitFailed, quorumMayBeLost},
		{recovery.ErrLost, exitFailed, "the old directory is kept beside the new one: `swarmdr recover status` names it"},
		{recovery.ErrNoJournal, exitFailed, "`swarmdr recover plan` begins one"},
		{recovery.ErrTimeout, exitFailed, "run the same command again: it goes on where it stopped"},
		{recovery.ErrUnknownManager, exitUsage, "name managers by their host names: `swarmdr log state node`"},
		{compose.ErrNotFound, exitFailed, "`swarmdr log state service` names those there are"},
		{engine.ErrUnavailable, exitFailed, "is dockerd running? --host or DOCKER_HOST names it"},
		{engine.ErrNoLeader, exitFailed, "the quorum may be lost: `swarmdr quorum` tells, `swarmdr recover plan` shows the way out"},
		{engine.ErrNotManager, exitFailed, "run it on a manager"},
		{lab.ErrInside, exitRefused, "leave it first: it would end itself"},
		{lab.ErrGone, exitFailed, "a lab does not outlive a reboot: `swarmdr lab up` makes it anew"},
		{lab.ErrNotOurs, exitRefused, "name an empty or a new directory with --dir"},
		{lab.ErrNoNode, exitUsage, "`swarmdr lab ls` names those there are"},
		{lab.ErrNoLab, exitFailed, "`swarmdr lab up` makes one; --dir names another"},
		{lab.ErrNoEngine, exitFailed, "apt-get install docker.io, or name another engine with --dockerd"},
		{lab.ErrNotStatic, exitFailed, "build it with CGO_ENABLED=0"},
		{lab.ErrNotRoot, exitFailed, "run it with sudo"},

		{syscall.ENOSPC, exitFailed, "make room, or set state_dir to a larger file system"},
		{context.DeadlineExceeded, exitFailed, ""},
		{fs.ErrPermission, exitFailed, "run it as root"},
	}
}

func find(err error) (advice, bool) {
	for _, a := range advices() {
		if errors.Is(err, a.err) {
			return a, true
		}
	}
	damage, shrink := (*raftlog.DamageError)(nil), (*snapshot.ShrinkError)(nil)
	if errors.As(err, &shrink) {
		return advice{code: exitRefused, hint: "look at the plan; --allow-shrink carries it out"}, true
	}
	if errors.As(err, &damage) {
		return advice{code: exitDamaged, hint: "use another copy; a torn tail would have been tolerated, this is damage"}, true
	}
	return advice{}, false
}

func hint(err error) string {
	if usage := (usageError{}); errors.As(err, &usage) {
		return "see --help"
	}
	if a, ok := find(err); ok {
		return a.hint
	}
	if key := (*unlock.KeyFormatError)(nil); errors.As(err, &key) {
		return "a manager that is unlocked prints the key: docker swarm unlock-key -q"
	}
	if key := (keyError{}); errors.As(err, &key) {
		return "give a file that holds the key, or a command that prints it"
	}
	return ""
}

// exitCode maps errors to codes: first the type, then the table.
func exitCode(err error) int {
	status, usage, key := exitStatus{}, usageError{}, keyError{}
	if errors.As(err, &status) {
		return status.Code
	}
	if errors.As(err, &usage) {
		return exitUsage
	}
	if errors.As(err, &key) && !errors.Is(err, errInterrupted) {
		return exitKey
	}
	if a, ok := find(err); ok {
		return a.code
	}
	format, keyFormat := (*unlock.FormatError)(nil), (*unlock.KeyFormatError)(nil)
	if errors.As(err, &format) || errors.As(err, &keyFormat) {
		return exitDamaged
	}
	return exitFailed
}
