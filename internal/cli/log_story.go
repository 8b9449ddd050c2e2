package cli

import (
	"errors"
	"fmt"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// story knows the swarm before the entry that is told next.
type story struct {
	state *raftlog.State
	// whole tells that state holds all objects, not only those that the
	// entries so far have shown.
	whole   bool
	members map[uint64]raftlog.Member
}

// newStory is before the entry at index. Where the log does not lead there, it
// begins with nothing.
func newStory(log *raftlog.Log, index uint64) (*story, error) {
	if index <= 1 {
		return storyOf(raftlog.NewState(), true), nil
	}
	state, err := log.State(raftlog.StateOptions{Through: index - 1})
	if errors.Is(err, raftlog.ErrNotInLog) || errors.Is(err, raftlog.ErrOldKey) {
		return storyOf(raftlog.NewState(), false), nil
	}
	if err != nil {
		return nil, err
	}
	return storyOf(state, true), nil
}

func storyOf(state *raftlog.State, whole bool) *story {
	st := &story{state: state, whole: whole, members: map[uint64]raftlog.Member{}}
	for _, m := range state.Members {
		st.members[m.RaftID] = m
	}
	return st
}

// reach goes on to the entry at index. Behind its newest raft snapshot a log can
// always tell the state.
func (st *story) reach(log *raftlog.Log, index uint64) error {
	if base := log.RaftSnapshot().Index; st.whole || base == 0 || index != base+1 {
		return nil
	}
	fresh, err := newStory(log, index)
	if err != nil {
		return err
	}
	*st = *fresh
	return nil
}

// tell puts an action in words.
func (st *story) tell(e *raftlog.Entry, action int) string {
	if before, ok := earlier(e, action); ok {
		return raftlog.Describe(before, e.Actions[action])
	}
	return st.state.Describe(e.Actions[action])
}

// before is the object that an update finds.
func (st *story) before(e *raftlog.Entry, action int) raftlog.Object {
	a := &e.Actions[action]
	if a.Op != raftlog.Update {
		return raftlog.Object{}
	}
	if before, ok := earlier(e, action); ok {
		return before
	}
	before, _ := st.state.Object(a.Object.Kind, a.Object.ID)
	return before
}

// earlier is the object as an action before has left it in the same entry.
func earlier(e *raftlog.Entry, action int) (raftlog.Object, bool) {
	o := &e.Actions[action].Object
	for i := action - 1; i >= 0; i-- {
		if before := e.Actions[i].Object; before.ID == o.ID && before.Kind == o.Kind {
			return before, e.Actions[i].Op != raftlog.Remove
		}
	}
	return raftlog.Object{}, false
}

// other tells of entries that change no object.
func (st *story) other(e *raftlog.Entry) string {
	switch e.Kind {
	case raftlog.EntryConfChange:
		return st.membership(e.ConfChange)
	case raftlog.EntryEmpty:
		return fmt.Sprintf("a leader begins term %d", e.Term)
	case raftlog.EntryUnreadable:
		return "unreadable: written with a key that the manager has dropped"
	}
	return "nothing"
}

func (st *story) membership(c *raftlog.ConfChange) string {
	m, known := st.members[c.Member.RaftID]
	if c.Op != raftlog.Remove { // which has the raft ID alone
		m = c.Member
	}
	name := "manager"
	if node, ok := st.state.Object(raftlog.KindNode, m.NodeID); ok && node.Name != "" {
		name += " " + node.Name
	} else if m.NodeID != "" {
		name += " " + m.NodeID
	}
	name += fmt.Sprintf(" (raft id %x)", c.Member.RaftID)
	switch {
	case c.Op == raftlog.Remove:
		return name + " leaves"
	case c.Op == raftlog.Update || known:
		return name + " moves to " + c.Member.Addr
	}
	return name + " joins at " + c.Member.Addr
}

// apply takes the entry in, and returns why it has no effect if it has none.
func (st *story) apply(e raftlog.Entry) (refused string, err error) {
	if c := e.ConfChange; c != nil && c.Op != raftlog.Remove {
		st.members[c.Member.RaftID] = c.Member
	}
	st.whole = st.whole && e.Kind != raftlog.EntryUnreadable
	if !st.whole {
		return "", st.note(e)
	}
	st.state.Refused = nil
	st.state.Apply(e)
	if len(st.state.Refused) > 0 {
		return st.state.Refused[0].What, nil
	}
	return "", nil
}

// note keeps what an entry shows of a swarm that is not known.
func (st *story) note(e raftlog.Entry) error {
	for _, a := range e.Actions {
		if a.Op == raftlog.Remove {
			st.state.Delete(a.Object.Kind, a.Object.ID)
		} else if err := st.state.Put(a.Object); err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
	}
	return nil
}
