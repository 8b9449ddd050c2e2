package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type snapshotResealOptions struct {
	snapshotOptions
	identityOptions
	sealOptions
	to storeOptions
}

func newSnapshotResealCommand(s *Streams) *cobra.Command {
	o := snapshotResealOptions{}
	c := &cobra.Command{
		Use:   "reseal NAME|latest --identity FILE --to URL",
		Short: "Seal a snapshot to other recipients, into another store",
		Long: `Open a snapshot and seal it to other recipients, under the same name, in another
store or below another prefix. The one that it was made of stays: remove it with
snapshot expire, or the store's own means, once the new one has verified.
` + exitHelp,
		Example:           "  swarmdr snapshot reseal latest -i /root/old-identity.txt -R /etc/swarmdr/recipients.txt --to file:///mnt/backup/resealed",
		Args:              oneArg("the name of one snapshot, or latest"),
		ValidArgsFunction: completeName(&o.snapshotOptions),
		RunE:              func(c *cobra.Command, args []string) error { return runSnapshotReseal(c.Context(), s, &o, args[0]) },
	}
	o.snapshotOptions.AddFlags(c)
	o.identityOptions.AddFlags(c)
	o.sealOptions.AddFlags(c)
	c.Flags().StringArrayVar(&o.to.urls, "to", nil, "`URL` of the store for the new one")
	must(c.MarkFlagRequired("to"))
	return c
}

func runSnapshotReseal(ctx context.Context, s *Streams, o *snapshotResealOptions, ref string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	r, err := o.options(s, lib)
	if err != nil {
		return err
	}
	l, err := lib.find(ctx, ref)
	if err != nil {
		return err
	}
	r.Manifest, r.SignedBy = l.Manifest, l.SignedBy
	m, err := snapshot.Reseal(ctx, r)
	if err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, m)
	}
	_, err = fmt.Fprintf(s.Out, "%s: sealed anew and stored in %s, read back\n", m.Name, r.To.URL())
	return err
}

// options reads all but the manifest.
func (o *snapshotResealOptions) options(s *Streams, lib *library) (r snapshot.ResealOptions, err error) {
	r = snapshot.ResealOptions{From: lib.Store, Tool: "swarmdr " + version, Progress: progress(s)}
	if r.With, err = o.identityOptions.read(); err != nil {
		return r, err
	}
	if r.With == nil {
		return r, keyError{errNoIdentity}
	}
	if r.Recipients, err = o.recipients(lib.cfg); err != nil {
		return r, err
	}
	if r.To, err = o.to.open(lib.cfg); err != nil {
		return r, err
	}
	if r.Signer, err = signer(lib.cfg); err != nil {
		return r, err
	}
	r.ScratchDir, err = scratchDir(lib.cfg)
	return r, err
}
