package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the three streams of a run. The answer goes to Out, everything
// else to Err; Terminal says that Err is watched by a person.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool
}

// StandardStreams are those of this process.
func StandardStreams() *Streams {
	return &Streams{
		In:       os.Stdin,
		Out:      os.Stdout,
		Err:      os.Stderr,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
}
