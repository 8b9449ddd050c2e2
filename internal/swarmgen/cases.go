package swarmgen

import "slices"

// Case is a directory that an engine can have left.
type Case struct {
	Name   string
	What   string // what is in it
	Source string // where it is known from
	build  func(t TB, dir string) *Swarm
}

// Build writes the case into dir, which must not exist, and tells what a reader
// has to find there.
func (c Case) Build(t TB, dir string) Expect {
	t.Helper()
	return c.build(t, dir).Expect()
}

// Cases is the table of all of them. Their names do not change.
func Cases() []Case {
	return slices.Concat(keyCases(), plaintextCases(), rotationCases(), snapshotCases(), logCases(), tornCases())
}

// Named is the case of that name.
func Named(t TB, name string) Case {
	t.Helper()
	all := Cases()
	i := slices.IndexFunc(all, func(c Case) bool { return c.Name == name })
	if i < 0 {
		t.Fatal("no case " + name)
	}
	return all[i]
}

// filled writes a swarm with o, and more does the rest.
func filled(o Options, more func(s *Swarm)) func(t TB, dir string) *Swarm {
	return func(t TB, dir string) *Swarm {
		t.Helper()
		s := New(t, dir, o)
		s.Fill()
		more(s)
		if !s.closed {
			s.Close()
		}
		return s
	}
}

func nothing(*Swarm) {}
