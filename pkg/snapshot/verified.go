package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// Loaded is a manifest, or why there is none.
type Loaded struct {
	Name     Name
	Manifest *Manifest
	SignedBy string
	Err      error
}

// LoadAll loads the manifests of names as Load does, several at once, and
// returns them in the order of names.
func LoadAll(ctx context.Context, s Store, names []Name, trusted []string) []Loaded {
	all := make([]Loaded, len(names))
	inParallel(len(names), func(i int) {
		m, signedBy, err := Load(ctx, s, names[i], trusted)
		all[i] = Loaded{names[i], m, signedBy, err}
	})
	return all
}

// Candidates says of each snapshot in entries what retention needs to know. It
// reads the manifests, several at once, and no archive.
//
// Backup proves a snapshot before it writes the manifest. So a snapshot counts
// as verified when its manifest loads with the signature of one of the trusted
// verifiers, the archive has the size that it tells, and no later verification
// failed. Without any trusted verifier the signature is not looked at, as in
// OpenManifest.
//
// A manifest that vanished meanwhile is passed over. Errors are those of the
// store and of trusted; one manifest that cannot be read is not taken for a bad
// one.
func Candidates(ctx context.Context, s Store, entries []Entry, trusted []string) ([]Candidate, error) {
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !e.Manifest })
	candidates, errs := make([]Candidate, len(entries)), make([]error, len(entries))
	inParallel(len(entries), func(i int) {
		candidates[i], errs[i] = candidate(ctx, s, entries[i], trusted)
	})
	var present []Candidate
	for i, err := range errs {
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		present = append(present, candidates[i])
	}
	return present, nil
}

func candidate(ctx context.Context, s Store, e Entry, trusted []string) (Candidate, error) {
	c := Candidate{Name: e.Name, Size: e.Size, Protected: e.Protected}
	m, _, err := Load(ctx, s, e.Name, trusted)
	switch {
	case err != nil && tellsOfManifest(err):
		c.Problem = err.Error()
		return c, nil
	case err != nil:
		return c, err
	case !e.Archive:
		c.Problem = "the archive is missing"
	case e.Size != m.SealedSize:
		c.Problem = fmt.Sprintf("the archive has %d bytes, %d in the manifest", e.Size, m.SealedSize)
	case e.Bad:
		c.Problem, c.Bad = "a verification failed", true
	}
	c.Verified = c.Problem == ""
	return c, nil
}

func tellsOfManifest(err error) bool {
	return isAny(err, ErrUntrusted, ErrMalformed, ErrNewerFormat, ErrMismatch)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// Condemns says whether an error of Check, Fetch or ProveManifest tells that
// the snapshot itself is damaged; a store that cannot be reached, another
// identity or another unlock key say nothing about it.
func Condemns(err error) bool {
	damage := (*raftlog.DamageError)(nil)
	return errors.As(err, &damage) ||
		isAny(err, ErrDigest, ErrNotSealed, ErrDamaged, ErrNotArchive, ErrContents, ErrMismatch, ErrIncomplete)
}

// Record keeps the outcome of a verification for retention: a bad marker if the
// error condemns the snapshot, none any more if full is true and there was no
// error. by is for people. It says whether the snapshot is marked bad now, as
// far as this verification tells. Errors are those of the store.
func Record(ctx context.Context, s Store, name Name, outcome error, full bool, by string) (marked bool, err error) {
	switch {
	case outcome == nil && full:
		err = s.Delete(ctx, name.bad())
	case Condemns(outcome):
		err = putMarker(ctx, s, name.bad(), Marker{Name: name, Reason: shortened(outcome), By: by})
		return err == nil || errors.Is(err, ErrExist), ignoreExist(err)
	}
	if err != nil {
		return false, storeError(s, err)
	}
	return false, nil
}

func ignoreExist(err error) error {
	if errors.Is(err, ErrExist) {
		return nil
	}
	return err
}

// shortened is the text of err as far as a marker takes it.
func shortened(err error) string {
	text := err.Error()
	return text[:min(len(text), maxReason/2)]
}

// Failures reads the bad markers of all snapshots whose name begins with
// prefix, as Protections reads the keep markers.
func Failures(ctx context.Context, s Store, prefix string) ([]Marker, error) {
	return markers(ctx, s, prefix, func(e Entry) string {
		if e.Bad {
			return e.Name.bad()
		}
		return ""
	})
}
