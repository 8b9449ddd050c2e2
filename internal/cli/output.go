package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// outputOptions choose the form of the answer on stdout.
type outputOptions struct{ format string }

func (o *outputOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVarP(&o.format, "output", "o", "table", "form of the answer: table or json")
	must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)))
}

func (o *outputOptions) Validate() error {
	if o.format != "table" && o.format != "json" {
		return usagef("unknown output format %q: table or json", o.format)
	}
	return nil
}

func (o *outputOptions) json() bool { return o.format == "json" }

// writeJSON prints v indented, with a newline at its end.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table lines its rows up in columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, header ...any) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(header...)
	return t
}

func (t table) row(cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, cell)
	}
	fmt.Fprintln(t.w)
}

func (t table) flush() error { return t.w.Flush() }

// must is for errors that only a mistake in our own command tree can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
