package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/compose"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

const exportHelp = `
The new DIRECTORY will hold compose.yaml. What Compose has no word for is listed at
its head and on stderr; swarmdr log state shows it.

Without --reveal no value is written: secrets and configs are external, so they
must be in the swarm before, and a variable stands for each value of the
environment and of the options of log and volume drivers. With --reveal all
values are there, and DIRECTORY/secrets and DIRECTORY/configs hold theirs byte
for byte. Either way only its owner can read it. Credentials of registries are
never written.

` + momentHelp + `
` + exitHelp

func newLogExportStackCommand(s *Streams) *cobra.Command {
	o := exportOptions{}
	c := &cobra.Command{
		Use:   "stack NAME --out DIRECTORY",
		Short: "Write a stack as a Compose file that docker stack deploy takes",
		Long: `Write the services of a stack as a Compose file that docker stack deploy takes,
with the stack's networks, volumes, secrets and configs. What they use of others
is external: the file's head has the commands that make it.
` + exportHelp,
		Example: `  swarmdr log export stack shop --out /root/shop
  swarmdr log export stack shop --reveal --out /root/shop --at "2026-11-21 14:02"
  swarmdr log export stack shop --reveal --out /root/shop --snapshot latest -i /root/identity.txt`,
		Args: oneArg("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return runLogExportCompose(c.Context(), s, &o, compose.Stack, args[0])
		},
	}
	o.addFlags(c, "new `DIRECTORY` for compose.yaml and what goes with it")
	return c
}

func newLogExportServiceCommand(s *Streams) *cobra.Command {
	o := exportOptions{}
	c := &cobra.Command{
		Use:   "service NAME --out DIRECTORY",
		Short: "Write a service as a Compose file that docker stack deploy takes",
		Long: `Write one service, by its name or its ID, as a Compose file that docker stack
deploy takes. A service of a stack is deployed into that stack. A service of none
becomes one of a stack, and has its name before its own.
` + exportHelp,
		Example: `  swarmdr log export service shop_web --out /root/web
  swarmdr log export service web --reveal --out /root/web --dir /mnt/copy/swarm`,
		Args: oneArg("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return runLogExportCompose(c.Context(), s, &o, compose.Service, args[0])
		},
	}
	o.addFlags(c, "new `DIRECTORY` for compose.yaml and what goes with it")
	return c
}

func runLogExportCompose(ctx context.Context, s *Streams, o *exportOptions, export func(compose.Swarm, string, bool) (*compose.Project, error), name string) error {
	if err := o.Validate(); err != nil {
		return err
	}
	return o.withState(ctx, s, func(state *raftlog.State) error {
		swarm, err := swarmOf(state)
		if err != nil {
			return err
		}
		p, err := export(swarm, name, o.reveal)
		if err != nil {
			return err
		}
		if err := notOverwritten(o.out, writeProject(o.out, p)); err != nil {
			return err
		}
		return reportProject(s, o, p)
	})
}

func writeProject(dir string, p *compose.Project) error {
	return durable.CreateDir(dir, func(partial string) error {
		for _, f := range append([]compose.File{{Path: compose.FileName, Data: p.YAML}}, p.Files...) {
			path := filepath.Join(partial, f.Path)
			if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
				return err
			}
			if err := writeSecret(path, f.Data); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeSecret makes a new file that its owner alone can read.
func writeSecret(path string, data []byte) error {
	return durable.CreateFile(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// exportedProject is the answer of log export stack and service.
type exportedProject struct {
	Stack       string   `json:"stack"`
	Files       []string `json:"files"`
	Variables   []string `json:"variables"`
	NotExported []string `json:"not_exported"`
	Notes       []string `json:"notes"`
}

func reportProject(s *Streams, o *exportOptions, p *compose.Project) error {
	files := []string{filepath.Join(o.out, compose.FileName)}
	for _, f := range p.Files {
		files = append(files, filepath.Join(o.out, f.Path))
	}
	each := func(title string, lines []string) {
		for _, line := range lines {
			fmt.Fprintf(s.Err, "%s: %s\n", title, line)
		}
	}
	each("not exported", p.NotExported)
	each("to know before", p.Notes)
	each("needed in the environment", p.Variables)
	if o.json() {
		return writeJSON(s.Out, exportedProject{
			p.Stack, files, append([]string{}, p.Variables...), append([]string{}, p.NotExported...), append([]string{}, p.Notes...),
		})
	}
	for _, file := range files {
		fmt.Fprintln(s.Out, file)
	}
	return nil
}
