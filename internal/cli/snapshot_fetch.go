package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type snapshotFetchOptions struct {
	snapshotOptions
	identityOptions
	keyOptions
	out string
}

func newSnapshotFetchCommand(s *Streams) *cobra.Command {
	o := snapshotFetchOptions{}
	c := &cobra.Command{
		Use:   "fetch NAME|latest --identity FILE --out DIR",
		Short: "Open a snapshot into a directory",
		Long: `Fetch a snapshot, check every file against the signed manifest, and write the
swarm directory in it to the new directory DIR. Unless it is autolocked and no
unlock key is given, it is decrypted and replayed first. DIR holds all secrets
of the swarm. A sealed copy is made by snapshot copy.
` + exitHelp,
		Example:           "  swarmdr snapshot fetch latest -i /root/identity.txt --out /root/swarm",
		Args:              oneArg("the name of one snapshot, or latest"),
		ValidArgsFunction: completeName(&o.snapshotOptions),
		RunE:              func(c *cobra.Command, args []string) error { return runSnapshotFetch(c.Context(), s, &o, args[0]) },
	}
	o.snapshotOptions.AddFlags(c)
	o.identityOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	c.Flags().StringVar(&o.out, "out", "", "the new `DIRECTORY`")
	must(c.MarkFlagRequired("out"))
	return c
}

// fetched tells where a snapshot was opened to.
type fetched struct {
	Name   snapshot.Name `json:"name"`
	Dir    string        `json:"dir"`
	Proven bool          `json:"proven"`
}

func runSnapshotFetch(ctx context.Context, s *Streams, o *snapshotFetchOptions, ref string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	ids, err := o.identityOptions.read()
	if err != nil {
		return err
	}
	if ids == nil {
		return keyError{errNoIdentity}
	}
	key, err := o.keyOptions.read(ctx, lib.cfg)
	if err != nil {
		return err
	}
	l, err := lib.find(ctx, ref)
	if err != nil {
		return err
	}
	if err := keyFits(l.Manifest, key); err != nil {
		return err
	}
	opened, err := snapshot.Fetch(ctx, lib.Store, l.Manifest, ids, filepath.Dir(o.out))
	if err != nil {
		return err
	}
	proven := !l.Manifest.Contents.Autolock || !key.IsZero()
	if proven {
		err = snapshot.ProveManifest(opened, l.Manifest, key)
	}
	if err == nil {
		err = opened.Extract(ctx, o.out)
	}
	if err := errors.Join(err, opened.Close()); err != nil {
		return err
	}
	return printFetched(s, fetched{l.Name, o.out, proven}, o.json())
}

func printFetched(s *Streams, f fetched, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, f)
	}
	state := "decrypted and replayed"
	if !f.Proven {
		state = "every file as in the manifest; not decrypted without the unlock key"
	}
	_, err := fmt.Fprintf(s.Out, "%s: opened into %s, %s\n", f.Name, f.Dir, state)
	return err
}
