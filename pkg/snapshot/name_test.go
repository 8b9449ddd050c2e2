package snapshot_test

import (
	"slices"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestName(t *testing.T) {
	at := time.Date(2026, 11, 20, 20, 4, 5, 123_999_999, time.FixedZone("", 3600))
	for _, cluster := range []string{"tln1bsq9vm2f", "FIPS.tln1bsq9vm2f"} {
		name := snapshot.NewName(cluster, "node1", at)
		if want := snapshot.Name(cluster + "/node1/20261120T190405.123Z"); name != want {
			t.Errorf("got %s, want %s", name, want)
		}
		if name.Cluster() != cluster || name.Node() != "node1" || !name.Time().Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("%s: %s, %s, %s", name, name.Cluster(), name.Node(), name.Time())
		}
		if name.Archive() != string(name)+".tar.zst.age" || name.Manifest() != string(name)+".json" {
			t.Errorf("%s, %s", name.Archive(), name.Manifest())
		}
		if got, err := snapshot.ParseName(string(name)); err != nil || got != name {
			t.Errorf("parsed %s, %v", got, err)
		}
	}
}

func TestNamesSortByAge(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 59, 59, 998_000_000, time.UTC)
	var names []snapshot.Name
	for i := range 5 {
		names = append(names, snapshot.NewName("c", "n", at.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(names) {
		t.Errorf("not in order: %s", names)
	}
}

func TestParseNameRefuses(t *testing.T) {
	for _, s := range []string{
		"", "c", "c/n", "/n/20261120T190405.123Z", "c//20261120T190405.123Z", "c/n/",
		"c/n/20261120T190405.123Z/x", "c/n/20261120T190405Z", "c/n/20261120T190405.1234Z",
		"c/n/20261120T190405,123Z", "c/n/20261320T190405.123Z", "c/n/20261120T250405.123Z",
		"../n/20261120T190405.123Z", ".c/n/20261120T190405.123Z", "c-d/n/20261120T190405.123Z",
		"c/n n/20261120T190405.123Z", "ç/n/20261120T190405.123Z", "c/n/20261120T190405.123Z\n",
	} {
		if name, err := snapshot.ParseName(s); err == nil || name != "" {
			t.Errorf("parsed %q as %q", s, name)
		}
	}
}

func TestMalformedNameHasNoParts(t *testing.T) {
	n := snapshot.Name("x")
	if n.Node() != "" || !n.Time().IsZero() {
		t.Errorf("%q, %v", n.Node(), n.Time())
	}
}

// What ParseName takes, NewName composes.
func FuzzParseName(f *testing.F) {
	seeds := []string{"c/n/20261120T190405.123Z", "FIPS.c/n/00010101T000000.000Z", "c/n/20261120T190405,123Z", "//"}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := snapshot.ParseName(s)
		if err != nil {
			return
		}
		if again := snapshot.NewName(name.Cluster(), name.Node(), name.Time()); again != name || string(name) != s {
			t.Errorf("%q became %q and %q", s, name, again)
		}
	})
}
