package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type snapshotVerifyOptions struct {
	snapshotOptions
	identityOptions
	keyOptions
	all    bool
	sample string
	mark   bool
}

func newSnapshotVerifyCommand(s *Streams) *cobra.Command {
	o := snapshotVerifyOptions{}
	c := &cobra.Command{
		Use:   "verify [NAME|latest]",
		Short: "Check that a snapshot can be restored from",
		Long: `Check a stored snapshot: manifest, signature and digest; and with an identity
everything else: open it, compare each file, decrypt and replay the log, compare
the objects with the manifest. NAME may be any part that occurs in one name.

With --all every snapshot is checked, and whether they follow from each other:
logs that go backwards, forks and gaps are told. --sample has only a part of
them read, another one each day for a percentage; the manifests are all read.
--mark notes beside a snapshot that it is bad, so that snapshot expire does not
count on it, and takes the note away from one that is good.
` + exitHelp,
		Example: `  swarmdr snapshot verify latest
  swarmdr snapshot verify latest -i /root/identity.txt --unlock-key-file /root/unlock.key
  swarmdr snapshot verify --all --sample 10% --mark`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeName(&o.snapshotOptions),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return runSnapshotVerify(c.Context(), s, &o, args)
		},
	}
	o.snapshotOptions.AddFlags(c)
	o.identityOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	c.Flags().BoolVar(&o.all, "all", false, "check every snapshot")
	c.Flags().StringVar(&o.sample, "sample", "", "with --all: read this `PART` of the archives, as 10% or 2/7")
	c.Flags().BoolVar(&o.mark, "mark", false, "note the outcome in the store")
	return c
}

func (o *snapshotVerifyOptions) validate(args []string) error {
	if len(args) == 0 && !o.all {
		return usagef("want the name of one snapshot, or latest, got 0 arguments")
	}
	if len(args) == 1 && o.all || o.sample != "" && !o.all {
		return usagef("--all takes no name, and --sample needs --all")
	}
	return nil
}

// verifier checks snapshots one after the other.
type verifier struct {
	*library
	o   *snapshotVerifyOptions
	ids *snapshot.Identities
	key unlock.Key
}

// verdict is what was found of one snapshot. Replayed says that its log was
// decrypted and replayed, Marked that it is noted as bad.
type verdict struct {
	Name     snapshot.Name     `json:"name"`
	Created  time.Time         `json:"created,omitzero"`
	SignedBy string            `json:"signed_by,omitempty"`
	Replayed bool              `json:"replayed"`
	Contents snapshot.Contents `json:"contents,omitzero"`
	Error    string            `json:"error,omitempty"`
	Marked   bool              `json:"marked,omitempty"`
	err      error
}

func runSnapshotVerify(ctx context.Context, s *Streams, o *snapshotVerifyOptions, args []string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	v := &verifier{library: lib, o: o}
	if v.ids, err = o.identityOptions.read(); err != nil {
		return err
	}
	if v.key, err = o.keyOptions.read(ctx, lib.cfg); err != nil {
		return err
	}
	if o.all {
		return v.all(ctx, s)
	}
	name, err := snapshot.Find(ctx, lib.Store, args[0])
	if err != nil {
		return err
	}
	d := v.verify(ctx, snapshot.LoadAll(ctx, lib.Store, []snapshot.Name{name}, lib.trusted)[0])
	if d.err != nil {
		return d.err
	}
	if o.json() {
		return writeJSON(s.Out, d)
	}
	return d.print(s)
}

// verify checks one snapshot, and notes the outcome if it is to.
func (v *verifier) verify(ctx context.Context, l snapshot.Loaded) verdict {
	d := verdict{Name: l.Name, SignedBy: l.SignedBy, err: l.Err}
	if l.Err == nil {
		d.Created, d.Contents = l.Manifest.Created, l.Manifest.Contents
		d.Replayed, d.err = v.content(ctx, l.Manifest)
	}
	if v.o.mark && ctx.Err() == nil {
		marked, err := snapshot.Record(ctx, v.Store, l.Name, d.err, d.Replayed, person())
		d.Marked, d.err = marked, errors.Join(d.err, err)
	}
	d.Error = text(d.err)
	return d
}

// content checks the archive, as deep as the keys at hand allow.
func (v *verifier) content(ctx context.Context, m *snapshot.Manifest) (replayed bool, err error) {
	if v.ids == nil {
		return false, snapshot.Check(ctx, v.Store, m)
	}
	if err := keyFits(m, v.key); err != nil {
		return false, err
	}
	scratch, err := scratchDir(v.cfg)
	if err != nil {
		return false, err
	}
	opened, err := snapshot.Fetch(ctx, v.Store, m, v.ids, scratch)
	if err != nil {
		return false, err
	}
	defer opened.Close()
	return true, snapshot.ProveManifest(opened, m, v.key)
}

func (d verdict) print(s *Streams) error {
	fmt.Fprintf(s.Out, "%s: good\n", d.Name)
	if d.SignedBy != "" {
		fmt.Fprintf(s.Out, "  signed by %s\n", d.SignedBy)
	} else {
		fmt.Fprintln(s.Out, "  signature not checked: no trusted_signers in the configuration")
	}
	c := d.Contents
	if !d.Replayed {
		_, err := fmt.Fprintln(s.Out, "  digest as in the manifest; not opened: no --identity given")
		return err
	}
	_, err := fmt.Fprintf(s.Out, "  opened, decrypted and replayed to index %d: %d services, %d secrets, %d configs, %d networks, %d nodes\n",
		c.Index, c.Objects["service"], c.Objects["secret"], c.Objects["config"], c.Objects["network"], c.Objects["node"])
	return err
}

// verdicts is what was found of a whole store. Skipped counts what the sample
// left out.
type verdicts struct {
	Snapshots []verdict        `json:"snapshots"`
	Skipped   int              `json:"skipped"`
	Breaks    []snapshot.Break `json:"breaks"`
}

func (v *verifier) all(ctx context.Context, s *Streams) error {
	every, err := snapshot.List(ctx, v.Store, "")
	if err != nil {
		return err
	}
	chosen, err := v.chosen(every)
	if err != nil {
		return err
	}
	result, failed := verdicts{Snapshots: []verdict{}}, error(nil)
	var manifests []*snapshot.Manifest
	for _, l := range snapshot.LoadAll(ctx, v.Store, every, v.trusted) {
		if l.Err == nil {
			manifests = append(manifests, l.Manifest)
		}
		if !slices.Contains(chosen, l.Name) {
			result.Skipped++
			failed = errors.Join(failed, l.Err)
			continue
		}
		slog.Info("verify " + string(l.Name))
		d := v.verify(ctx, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result.Snapshots, failed = append(result.Snapshots, d), errors.Join(failed, d.err)
	}
	result.Breaks = snapshot.Chain(manifests)
	return errors.Join(result.print(s, v.o.json()), failed)
}

// chosen are those whose archives are read.
func (v *verifier) chosen(every []snapshot.Name) ([]snapshot.Name, error) {
	if v.o.sample == "" {
		return every, nil
	}
	sample, err := snapshot.ParseSample(v.o.sample)
	if err != nil {
		return nil, usageError{err}
	}
	return sample.Pick(every, time.Now()), nil
}

func (r *verdicts) print(s *Streams, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, r)
	}
	t := newTable(s.Out, "NAME", "RESULT", "INDEX")
	for _, d := range r.Snapshots {
		t.row(d.Name, d.result(), d.Contents.Index)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, b := range r.Breaks {
		fmt.Fprintf(s.Out, "%s: %s\n", b.Kind, b.Words)
	}
	_, err := fmt.Fprintf(s.Out, "%d verified, %d left out, %d breaks\n", len(r.Snapshots), r.Skipped, len(r.Breaks))
	return err
}

func (d verdict) result() string {
	switch {
	case d.err != nil:
		return d.Error
	case d.Replayed:
		return "good"
	}
	return "digest good, not opened"
}
