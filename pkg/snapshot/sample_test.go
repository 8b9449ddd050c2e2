package snapshot_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func manyNames(n int) []snapshot.Name {
	var names []snapshot.Name
	for i := range n {
		names = append(names, snapshot.NewName("c", "n", retentionNow.Add(-time.Duration(i)*time.Hour)))
	}
	return names
}

func parseSample(t *testing.T, text string) snapshot.Sample {
	t.Helper()
	s, err := snapshot.ParseSample(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Ten per cent on ten days in a row meet each snapshot once, from any day on.
func TestSampleCoversAll(t *testing.T) {
	names := manyNames(1000)
	for text, days := range map[string]int{"10%": 10, "100%": 1, "50%": 2, "12.5%": 8, "2%": 50} {
		s, met := parseSample(t, text), map[snapshot.Name]int{}
		for day := range days {
			picked := s.Pick(names, retentionNow.AddDate(0, 0, day+3))
			if share := 1000 / days; len(picked) < share/2 || len(picked) > share*2 {
				t.Errorf("%s, day %d: %d picked", text, day, len(picked))
			}
			for _, name := range picked {
				met[name]++
			}
		}
		for _, name := range names {
			if met[name] != 1 {
				t.Errorf("%s: %s was picked %d times", text, name, met[name])
			}
		}
	}
}

// Where the days do not come out even, each is met once or twice.
func TestSampleOfAnOddShare(t *testing.T) {
	s, names := parseSample(t, "30%"), manyNames(300)
	for first := range 10 {
		met := map[snapshot.Name]int{}
		for day := range 4 {
			for _, name := range s.Pick(names, retentionNow.AddDate(0, 0, first+day)) {
				met[name]++
			}
		}
		if len(met) != len(names) {
			t.Errorf("from day %d: %d of %d", first, len(met), len(names))
		}
	}
}

// The day of a snapshot does not depend on the others, and not on the hour.
func TestSampleIsSteady(t *testing.T) {
	s, names := parseSample(t, "10%"), manyNames(200)
	want := s.Pick(names, retentionNow)
	got := s.Pick(names[100:], retentionNow.Add(11*time.Hour))
	if !slices.Equal(got, slices.DeleteFunc(want, func(n snapshot.Name) bool { return !slices.Contains(names[100:], n) })) {
		t.Errorf("got %v", got)
	}
}

func TestSampleParts(t *testing.T) {
	names, met := manyNames(500), 0
	for _, text := range []string{"1/3", "2/3", "3/3"} {
		picked := parseSample(t, text).Pick(names, retentionNow)
		met += len(picked)
		if again := parseSample(t, text).Pick(names, retentionNow.AddDate(0, 0, 1)); !slices.Equal(picked, again) {
			t.Errorf("%s: another part on another day", text)
		}
	}
	if met != len(names) {
		t.Errorf("%d of %d", met, len(names))
	}
}

func TestParseSampleRefuses(t *testing.T) {
	for _, text := range []string{
		"", "%", "0%", "0.00%", "101%", "100.01%", "-1%", "+1%", "1e1%", ".5%", "1.%", "1.234%", "NaN%", " 10%", "10",
		"0/3", "4/3", "1/0", "a/3", "1/3/3", "-1/3", "99999999999999999999%",
	} {
		if s, err := snapshot.ParseSample(text); err == nil {
			t.Errorf("parsed %q as %v", text, s)
		}
	}
}

// Whatever share: enough days in a row leave none out.
func TestSampleLaw(t *testing.T) {
	names := manyNames(50)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[1-9][0-9]?(\.[0-9]{1,2})?%`).Draw(t, "share")
		s, err := snapshot.ParseSample(text)
		if err != nil {
			t.Fatal(err)
		}
		first, met := rapid.IntRange(0, 100_000).Draw(t, "day"), map[snapshot.Name]bool{}
		for day := range 100 { // at 1 %
			for _, name := range s.Pick(names, time.Unix(int64(first+day)*86400, 0)) {
				met[name] = true
			}
		}
		if len(met) != len(names) {
			t.Fatalf("%d of %d", len(met), len(names))
		}
	})
}
