package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sample chooses a part of the snapshots for a verification that takes long.
// The zero value chooses none.
type Sample struct {
	share uint64 // of 10000, another part each day
	part  uint64 // of parts, always the same
	parts uint64
}

const wholeSample = 10000

// ParseSample reads "10%", a tenth of the snapshots, each day another, or
// "2/7", the second of seven parts. A percentage has at most two decimals.
func ParseSample(text string) (Sample, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		share, ok := hundredths(percent)
		if ok && share > 0 && share <= wholeSample {
			return Sample{share: share}, nil
		}
	} else if part, parts, ok := strings.Cut(text, "/"); ok {
		n, err1 := strconv.ParseUint(part, 10, 31)
		t, err2 := strconv.ParseUint(parts, 10, 31)
		if err1 == nil && err2 == nil && n >= 1 && n <= t {
			return Sample{part: n, parts: t}, nil
		}
	}
	return Sample{}, fmt.Errorf("parse sample %q: want a percentage as 10%%, or a part as 2/7", text)
}

// hundredths reads a decimal number, "1.5" as 150.
func hundredths(text string) (uint64, bool) {
	whole, fraction, pointed := strings.Cut(text, ".")
	if pointed && (fraction == "" || len(fraction) > 2) {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+(fraction + "00")[:2], 10, 31)
	return n, err == nil && whole != "" && whole[0] != '+'
}

// Pick returns those of names that are to be verified on the day of now, in
// their order. Which day a name falls on depends on the name alone: a share of
// 10 % meets each snapshot once in any ten days in a row, whatever comes and
// goes meanwhile.
func (s Sample) Pick(names []Name, now time.Time) []Name {
	picked := []Name{}
	for _, name := range names {
		if s.has(name, now) {
			picked = append(picked, name)
		}
	}
	return picked
}

func (s Sample) has(name Name, now time.Time) bool {
	sum := sha256.Sum256([]byte(name))
	place := binary.BigEndian.Uint64(sum[:])
	if s.parts > 0 {
		return place%s.parts == s.part-1
	}
	day := uint64(max(0, now.Unix()) / (24 * 60 * 60))
	begin := day * s.share % wholeSample
	return (place%wholeSample+wholeSample-begin)%wholeSample < s.share
}
