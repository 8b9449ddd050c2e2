package quorum

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Describe draws the verdict, a line that sums it up, a line a manager, and
// the warnings:
//
//	ok: 1 more manager may fail (3 managers, 3 reachable, 2 needed)
//	  m1  10.0.0.1:2377  reachable  leader
//	  m2  10.0.0.2:2377  reachable
//	  m3  10.0.0.3:2377  reachable
//
// The text is for people; its form may change.
func (d Verdict) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", d.Status, d.sentence())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.TabIndent)
	for _, m := range d.View.Voters {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", m.name(), m.Addr, m.Reach, mark(m.Leader, "leader"))
	}
	// A strings.Builder takes every write.
	_ = w.Flush()
	for _, text := range d.Warnings {
		fmt.Fprintf(&b, "  ! %s\n", text)
	}
	return trimLines(b.String())
}

func (d Verdict) sentence() string {
	count := fmt.Sprintf("(%s, %d reachable, %d needed)", managers(d.Voters), d.Reachable, d.Majority)
	switch {
	case d.Voters == 0:
		return "no manager is known"
	case d.Status == StatusUnknown:
		return fmt.Sprintf("whether there is a quorum depends on %s that could not be asked %s", managers(d.Unasked), count)
	case !d.HasQuorum:
		return "the quorum is lost " + count
	case d.Status == StatusCritical:
		return "there is no leader " + count
	case d.MayFail == 0:
		return "no more managers may fail " + count
	default:
		return fmt.Sprintf("%d more %s may fail %s", d.MayFail, plural(d.MayFail, "manager"), count)
	}
}

func (m Voter) name() string {
	if m.Hostname != "" {
		return m.Hostname
	}
	return m.ID
}

func managers(n int) string { return fmt.Sprintf("%d %s", n, plural(n, "manager")) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func mark(on bool, word string) string {
	if on {
		return word
	}
	return ""
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
