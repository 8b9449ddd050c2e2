package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// outputOptions choose the form of the answer on stdout: a table, JSON, or what
// else the command has.
type outputOptions struct {
	format string
	more   []string
}

func (o *outputOptions) forms() []string { return append([]string{"table", "json"}, o.more...) }

func (o *outputOptions) words() string {
	forms := o.forms()
	last := len(forms) - 1
	return strings.Join(forms[:last], ", ") + " or " + forms[last]
}

func (o *outputOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVarP(&o.format, "output", "o", "table", "form of the answer: "+o.words())
	must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.forms(), cobra.ShellCompDirectiveNoFileComp)))
}

func (o *outputOptions) Validate() error {
	if !slices.Contains(o.forms(), o.format) {
		return usagef("unknown output format %q: %s", o.format, o.words())
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
		fmt.Fprint(t.w, printable(fmt.Sprint(cell)))
	}
	fmt.Fprintln(t.w)
}

// printable escapes what would break a row or move a cursor: names may come from
// nodes that nobody trusts.
func printable(text string) string {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.IndexFunc(text, unprintable) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (t table) flush() error { return t.w.Flush() }

// must is for errors that only a mistake in our own command tree can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
