package cli

import (
	"fmt"
	"io"
	"strings"

	recovery "github.com/swarmdr/swarmdr/pkg/recover"
)

// printPlan writes a plan for a person who has to decide at 3 am.
func printPlan(w io.Writer, p *recovery.Plan) error {
	var b strings.Builder
	e := p.Evidence
	fmt.Fprintln(&b, "SITUATION")
	fmt.Fprintf(&b, "  survivor  %s, node %s, %s\n", e.Hostname, e.Contents.NodeID, e.Contents.Address)
	fmt.Fprintf(&b, "  engine    %s\n", engineWords(&e))
	fmt.Fprintf(&b, "  log       term %d, index %d, %s\n", e.Contents.Term, e.Contents.Index, lockWords(&e))
	o := e.Contents.Objects
	fmt.Fprintf(&b, "  objects   %d services, %d secrets, %d configs, %d networks, %d nodes\n", o["service"], o["secret"], o["config"], o["network"], o["node"])
	for _, peer := range e.Peers {
		fmt.Fprintf(&b, "  voter     %s, %s: %s\n", peer.Hostname, peer.Addr, aliveWords(peer.Alive))
	}
	for _, m := range e.Managers {
		fmt.Fprintf(&b, "  daemon    %s, %s: %s\n", m.Name, m.Host, managerWords(m))
	}
	printTail(&b, p)
	fmt.Fprintf(&b, "\nPLAN  %s: %s\n", p.Method, p.Why)
	for i, step := range p.Steps {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, step.Text)
	}
	printWarnings(&b, p)
	fmt.Fprintf(&b, "\nTo do just this: swarmdr recover run --confirm %s, with the same flags\n", p.Token)
	_, err := io.WriteString(w, b.String())
	return err
}

func engineWords(e *recovery.Evidence) string {
	if e.EngineError != "" {
		return "does not answer: " + e.EngineError
	}
	return strings.TrimSpace(fmt.Sprintf("%s, %s %s", e.Engine.Engine, e.Engine.State, e.Engine.Error))
}

func lockWords(e *recovery.Evidence) string {
	if e.Contents.Autolock {
		return "autolocked, the key at hand opens it (" + e.Contents.KeyFingerprint + ")"
	}
	return "not autolocked"
}

func aliveWords(alive bool) string {
	if alive {
		return "answers"
	}
	return "silent"
}

func managerWords(m recovery.Manager) string {
	if m.Error != "" {
		return "does not answer yet"
	}
	return m.Status.State
}

func printTail(b *strings.Builder, p *recovery.Plan) {
	tail := p.Evidence.Tail
	if len(tail) == 0 {
		fmt.Fprintln(b, "  tail      none: every entry is committed on disk")
		return
	}
	fate := "kept, acknowledged writes are among them"
	if p.DiscardTail {
		fate = "LOST as asked with --discard-tail"
	}
	fmt.Fprintf(b, "  tail      %d entries beyond the commit index %d on disk: %s\n", len(tail), p.Evidence.Contents.Commit, fate)
	for _, t := range tail {
		fmt.Fprintf(b, "            %d  %s\n", t.Index, t.What)
	}
}

func printWarnings(b *strings.Builder, p *recovery.Plan) {
	var silent []string
	for _, peer := range p.Evidence.Peers {
		if !peer.Alive {
			silent = append(silent, peer.Hostname)
		}
	}
	if len(silent) > 0 {
		fmt.Fprintf(b, "\nThe token is your word that %s will not come back by themselves with\ntheir old logs: stopped, or cut off, until this recovery asks for them.\n", strings.Join(silent, " and "))
	}
	if p.Address != p.Evidence.Contents.Address {
		fmt.Fprintf(b, "\nThe address changes from %s to %s. Workers know the old\naddresses only: each must be told (docs/runbooks/quorum-lost.md).\n", p.Evidence.Contents.Address, p.Address)
	}
}

// printJournal writes how far a recovery got.
func printJournal(w io.Writer, j *recovery.Journal) error {
	var b strings.Builder
	state := "unfinished: run the same command again"
	if !j.Finished.IsZero() {
		state = fmt.Sprintf("finished after %.1f s", j.Finished.Sub(j.Begun).Seconds())
	}
	fmt.Fprintf(&b, "recovery %s, %s, %s\n", j.Plan.Token, j.Plan.Method, state)
	for i, step := range j.Plan.Steps {
		mark := " "
		if j.IsDone(i) {
			mark = "x"
		}
		fmt.Fprintf(&b, "  [%s] %s\n", mark, step.Text)
	}
	if j.Aside != "" {
		fmt.Fprintf(&b, "the old directory is %s\n", j.Aside)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
