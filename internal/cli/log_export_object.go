package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"golang.org/x/term"
)

func newLogExportObjectCommand(s *Streams, kind raftlog.Kind) *cobra.Command {
	o := exportOptions{}
	c := &cobra.Command{
		Use:   string(kind) + " NAME --reveal --out FILE",
		Short: "Write the content of a " + string(kind) + " to a file, byte for byte",
		Long: fmt.Sprintf(`Write the content of a %[1]s, by its name or the beginning of its ID, to a new
FILE (0600, never overwritten), byte for byte. --out - is stdout, if that is no
terminal. It is written in clear, so --reveal must be given.

`, kind) + momentHelp + "\n" + exitHelp,
		Example: fmt.Sprintf(`  swarmdr log export %[1]s db-pass --reveal --out /root/db-pass
  swarmdr log export %[1]s db-pass --reveal --out - --snapshot latest -i /root/identity.txt`, kind),
		Args: oneArg("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return runLogExportObject(c.Context(), s, &o, kind, args[0])
		},
	}
	o.addFlags(c, "new `FILE` for the content, or - for stdout")
	return c
}

func runLogExportObject(ctx context.Context, s *Streams, o *exportOptions, kind raftlog.Kind, name string) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if !o.reveal {
		return usagef("a %s is written in clear: give --reveal", kind)
	}
	if o.out == "-" && isTerminal(s) {
		return usagef("stdout is a terminal: a %s may be binary", kind)
	}
	return o.withState(ctx, s, func(state *raftlog.State) error {
		object, err := findObject(state, kind, name)
		if err != nil {
			return err
		}
		data, err := contentOf(object)
		if err != nil {
			return err
		}
		return o.writeContent(s, object, data)
	})
}

func isTerminal(s *Streams) bool {
	f, ok := s.Out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// findObject takes a name, or the beginning of one ID.
func findObject(state *raftlog.State, kind raftlog.Kind, name string) (raftlog.Object, error) {
	all := state.OfKind(kind)
	if i := slices.IndexFunc(all, func(o raftlog.Object) bool { return o.Name == name }); i >= 0 {
		return all[i], nil
	}
	found := slices.DeleteFunc(all, func(o raftlog.Object) bool { return name == "" || !strings.HasPrefix(o.ID, name) })
	switch len(found) {
	case 0:
		return raftlog.Object{}, fmt.Errorf("no %s %q in the log", kind, name)
	case 1:
		return found[0], nil
	}
	return raftlog.Object{}, usagef("%d IDs begin with %q", len(found), name)
}

var errNoContent = errors.New("the swarm does not hold its content")

func contentOf(o raftlog.Object) ([]byte, error) {
	value, err := o.Value()
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case *api.Config:
		return v.Spec.Data, nil
	case *api.Secret:
		if v.Spec.Driver != nil && len(v.Spec.Data) == 0 {
			return nil, fmt.Errorf("%s: %w, its driver %q does", o, errNoContent, v.Spec.Driver.Name)
		}
		return v.Spec.Data, nil
	}
	return nil, fmt.Errorf("%s: %w", o, errNoContent)
}

// exportedObject is the answer of log export secret and config.
type exportedObject struct {
	File  string `json:"file"`
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

func (o *exportOptions) writeContent(s *Streams, object raftlog.Object, data []byte) error {
	if o.out == "-" {
		_, err := s.Out.Write(data)
		return err
	}
	if err := notOverwritten(o.out, writeSecret(o.out, data)); err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, exportedObject{o.out, string(object.Kind), object.ID, object.Name, len(data)})
	}
	_, err := fmt.Fprintf(s.Out, "%s: %s, %d bytes\n", o.out, object, len(data))
	return err
}
