package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func newSnapshotVerifyCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	ids, keys := identityOptions{}, keyOptions{}
	c := &cobra.Command{
		Use:   "verify NAME|latest",
		Short: "Check that a snapshot can be restored from",
		Long: `Check a stored snapshot: manifest, signature and digest; and with an identity
everything else: open it, compare each file, decrypt and replay the log, compare
the objects with the manifest. NAME may be any part that occurs in one name.
` + exitHelp,
		Example: `  swarmdr snapshot verify latest
  swarmdr snapshot verify latest -i /root/identity.txt --unlock-key-file /root/unlock.key`,
		Args: oneArg("the name of one snapshot, or latest"),
		RunE: func(c *cobra.Command, args []string) error {
			v := verifier{s: s, o: &o, ids: &ids, keys: &keys}
			return v.run(c.Context(), args[0])
		},
	}
	o.AddFlags(c)
	ids.AddFlags(c)
	keys.AddFlags(c)
	return c
}

type verifier struct {
	s    *Streams
	o    *snapshotOptions
	ids  *identityOptions
	keys *keyOptions
}

// verdict is the answer of snapshot verify. Replayed says that the log was
// decrypted and replayed.
type verdict struct {
	Name     snapshot.Name     `json:"name"`
	Created  time.Time         `json:"created"`
	SignedBy string            `json:"signed_by,omitempty"`
	Replayed bool              `json:"replayed"`
	Contents snapshot.Contents `json:"contents"`
}

func (v *verifier) run(ctx context.Context, ref string) error {
	cfg, store, err := v.o.openStore()
	if err != nil {
		return err
	}
	ids, err := v.ids.read()
	if err != nil {
		return err
	}
	key, err := v.keys.read(ctx, cfg)
	if err != nil {
		return err
	}
	name, err := snapshot.Find(ctx, store, ref)
	if err != nil {
		return err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return err
	}
	m, signedBy, err := snapshot.Load(ctx, store, name, trusted)
	if err != nil {
		return err
	}
	if ids == nil {
		err = snapshot.Check(ctx, store, m)
	} else {
		err = v.full(ctx, store, m, ids, key)
	}
	if err != nil {
		return err
	}
	return v.print(verdict{name, m.Created, signedBy, ids != nil, m.Contents})
}

func (v *verifier) full(ctx context.Context, store snapshot.Store, m *snapshot.Manifest, ids *snapshot.Identities, key unlock.Key) error {
	if err := keyFits(m, key); err != nil {
		return err
	}
	opened, err := snapshot.Fetch(ctx, store, m, ids, os.TempDir())
	if err != nil {
		return err
	}
	defer opened.Close()
	return snapshot.ProveManifest(opened, m, key)
}

func (v *verifier) print(d verdict) error {
	if v.o.json() {
		return writeJSON(v.s.Out, d)
	}
	fmt.Fprintf(v.s.Out, "%s: good\n", d.Name)
	if d.SignedBy != "" {
		fmt.Fprintf(v.s.Out, "  signed by %s\n", d.SignedBy)
	} else {
		fmt.Fprintln(v.s.Out, "  signature not checked: no trusted_signers in the configuration")
	}
	c := d.Contents
	if !d.Replayed {
		_, err := fmt.Fprintln(v.s.Out, "  digest as in the manifest; not opened: no --identity given")
		return err
	}
	_, err := fmt.Fprintf(v.s.Out, "  opened, decrypted and replayed to index %d: %d services, %d secrets, %d configs, %d networks, %d nodes\n",
		c.Index, c.Objects["service"], c.Objects["secret"], c.Objects["config"], c.Objects["network"], c.Objects["node"])
	return err
}
