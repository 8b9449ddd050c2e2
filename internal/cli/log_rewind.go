package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type logRewindOptions struct {
	sourceOptions
	outputOptions
	to, out string
}

func newLogRewindCommand(s *Streams) *cobra.Command {
	o := logRewindOptions{}
	c := &cobra.Command{
		Use:   "rewind --to INDEX|TIME --out DIR",
		Short: "Write a new swarm directory with the state of an earlier moment",
		Long: `Write a new swarm directory whose state is that of an earlier moment: what was
removed since by accident is back, and what was made since is lost. The directory
that is read stays as it is, the swarm too; the answer lists what comes back and
what is lost, and the commands that put the new directory to use.

` + momentHelp + `
` + "`swarmdr log show`" + ` finds it, ` + "`swarmdr log diff`" + ` shows what lies between.

The new directory has this manager as the only one of its swarm; the others join
again. Services, tasks, networks, secrets, configs, volumes and nodes are those of
the moment. What certificates and workers depend on stays as it is now: node id,
CA, join tokens, autolock and unlock key, the keys of the networks, and who was
shut out. The node key stays locked if it is.
` + exitHelp,
		Example: `  swarmdr log rewind --to 4711 --out /root/rewound
  swarmdr log rewind --to "2026-11-21 14:02" --out /root/rewound --unlock-key-file /root/unlock.key
  swarmdr log rewind --to 90m --out /root/rewound --snapshot latest -i /root/identity.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runLogRewind(c.Context(), s, &o) },
	}
	o.AddFlags(c)
	return c
}

func (o *logRewindOptions) AddFlags(c *cobra.Command) {
	o.sourceOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().StringVar(&o.to, "to", "", "the last entry that counts: `INDEX|TIME`")
	c.Flags().StringVar(&o.out, "out", "", "new `DIRECTORY` to write")
	must(c.MarkFlagRequired("to"))
	must(c.MarkFlagRequired("out"))
}

func runLogRewind(ctx context.Context, s *Streams, o *logRewindOptions) error {
	if err := o.outputOptions.Validate(); err != nil {
		return err
	}
	to, err := parseMoment(o.to, time.Now())
	if err != nil {
		return err
	}
	if to == (moment{}) || o.out == "" {
		return usagef("--to and --out are needed")
	}
	src, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	a, err := o.rewind(ctx, src, to)
	if err := closeAfter(src, err); err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, a)
	}
	return a.print(s.Out)
}

func (o *logRewindOptions) rewind(ctx context.Context, src *source, to moment) (*rewindAnswer, error) {
	out, err := filepath.Abs(o.out)
	if err != nil {
		return nil, err
	}
	err = refuseInside(src, out)
	if errors.Is(err, errInsideSource) {
		return nil, usagef("--out %s lies in the swarm directory that is read: name another place", out)
	}
	if err != nil {
		return nil, err
	}
	proof, err := snapshot.Prove(src, src.key)
	if err != nil {
		return nil, err
	}
	index, err := to.resolve(proof.Log)
	if err != nil {
		return nil, err
	}
	r := recovery.Rewinding{Source: src, Proof: proof, Key: src.key, Index: index}
	then, err := r.State()
	if errors.Is(err, raftlog.ErrNoCluster) {
		return nil, fmt.Errorf("%w: at %d the swarm had not been founded", raftlog.ErrNotInLog, index)
	}
	if err != nil {
		return nil, err
	}
	a, err := o.answer(out, proof, then)
	if err != nil {
		return nil, err
	}
	return a, notOverwritten(out, r.Write(ctx, out))
}
