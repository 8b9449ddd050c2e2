package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/swarmkit/v2/api"
	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/compose"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func newLogExportCommand(s *Streams) *cobra.Command {
	return group("export", "Write a stack, a service, a secret or a config to files",
		newLogExportStackCommand(s),
		newLogExportServiceCommand(s),
		newLogExportObjectCommand(s, raftlog.KindSecret),
		newLogExportObjectCommand(s, raftlog.KindConfig),
	)
}

// exportOptions choose a state and where a part of it goes.
type exportOptions struct {
	logOptions
	at, out string
}

func (o *exportOptions) addFlags(c *cobra.Command, out string) {
	o.logOptions.AddFlags(c)
	c.Flags().StringVar(&o.at, "at", "", "export the state at this `INDEX|TIME` (default: the end of the log)")
	c.Flags().StringVar(&o.out, "out", "", out)
}

func (o *exportOptions) Validate() error {
	if o.out == "" {
		return usagef("no --out: where to write to")
	}
	return o.outputOptions.Validate()
}

// withState replays the log and closes its source after f.
func (o *exportOptions) withState(ctx context.Context, s *Streams, f func(*raftlog.State) error) error {
	at, err := parseMoment(o.at, time.Now())
	if err != nil {
		return err
	}
	src, log, err := o.openLog(ctx)
	if err != nil {
		return err
	}
	state, err := o.stateAt(src, log, at)
	if err != nil {
		return closeAfter(src, err)
	}
	noteTorn(s, log)
	return closeAfter(src, f(state))
}

func (o *exportOptions) stateAt(src *source, log *raftlog.Log, at moment) (*raftlog.State, error) {
	if err := o.refuseInside(src); err != nil {
		return nil, err
	}
	through, err := at.resolve(log)
	if err != nil {
		return nil, err
	}
	return log.State(raftlog.StateOptions{Through: through})
}

func (o *exportOptions) refuseInside(src *source) error {
	if o.out == "-" {
		return nil
	}
	err := refuseInside(src, o.out)
	if errors.Is(err, errInsideSource) {
		return usagef("%s is inside the swarm directory that is read: nothing is written there", o.out)
	}
	return err
}

// swarmOf decodes what a Compose file may refer to.
func swarmOf(state *raftlog.State) (compose.Swarm, error) {
	services, err1 := valuesOf[*api.Service](state, raftlog.KindService)
	networks, err2 := valuesOf[*api.Network](state, raftlog.KindNetwork)
	secrets, err3 := valuesOf[*api.Secret](state, raftlog.KindSecret)
	configs, err4 := valuesOf[*api.Config](state, raftlog.KindConfig)
	return compose.Swarm{Services: services, Networks: networks, Secrets: secrets, Configs: configs}, errors.Join(err1, err2, err3, err4)
}

func valuesOf[T api.StoreObject](state *raftlog.State, kind raftlog.Kind) ([]T, error) {
	var values []T
	for _, o := range state.OfKind(kind) {
		value, err := o.Value()
		if err != nil {
			return nil, err
		}
		v, ok := value.(T)
		if !ok {
			return nil, fmt.Errorf("decode %s: got a %T", o, value)
		}
		values = append(values, v)
	}
	return values, nil
}
