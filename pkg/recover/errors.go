package recover

import "errors"

var (
	// ErrQuorumAlive is returned by NewPlan and Run: a majority of the voters
	// is alive, and a recovery would destroy what they agreed on.
	ErrQuorumAlive = errors.New("a majority of the managers is alive")
	// ErrRevivable is returned by NewPlan and Run: daemons of silent managers
	// run with their logs, and would make a majority with the survivor.
	ErrRevivable = errors.New("managers can be brought back without a recovery")
	// ErrNothingToDo is returned by NewPlan when the survivor serves a swarm
	// that has its quorum.
	ErrNothingToDo = errors.New("the swarm has its quorum")
	// ErrEvidenceChanged is returned by Run when the plan that the token
	// confirms is no longer the plan that the evidence leads to.
	ErrEvidenceChanged = errors.New("the evidence changed since the plan was made")
	// ErrLost is returned by Run when an object of the log is missing in the
	// recovered swarm.
	ErrLost = errors.New("objects are missing after the recovery")
	// ErrOtherSwarm is returned by Run for a manager that belongs to another
	// swarm and is not touched, and by NewPlan for a survivor whose daemon is
	// another node than its log.
	ErrOtherSwarm = errors.New("the daemon is in another swarm")
	// ErrNotVoter is returned by NewPlan for a survivor that was removed from
	// the managers: its own log says so, and raft never lets it in again.
	ErrNotVoter = errors.New("not a manager of the swarm any more")
	// ErrTimeout is in the error's tree when the engine did not get somewhere
	// in time.
	ErrTimeout = errors.New("timed out")
	// ErrNoJournal is returned by OpenJournal when no recovery was begun.
	ErrNoJournal = errors.New("no recovery was begun")
	// ErrUnknownManager is returned by NewPlan for a --manager whose name is
	// not the host name of any manager in the log.
	ErrUnknownManager = errors.New("no manager of that name in the log")
)
