package unlock

import (
	"fmt"
	"io"
	"log/slog" //nolint:depguard // for the type that LogValue returns, nothing is logged
	"strconv"
)

const (
	redactedKey  = keyPrefix + "(redacted)"
	redactedDEKs = "raft-dek (redacted)"
	redactedNode = "swarm-node.key (redacted)"
)

// String returns a constant, as all printing of a Key does. See Reveal.
func (k Key) String() string { return redactedKey }

// GoString returns a constant.
func (k Key) GoString() string { return redactedKey }

// Format writes a constant, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { printConstant(f, redactedKey) }

// MarshalText returns a constant.
func (k Key) MarshalText() ([]byte, error) { return []byte(redactedKey), nil }

// MarshalJSON returns a constant.
func (k Key) MarshalJSON() ([]byte, error) { return quoteConstant(redactedKey), nil }

// LogValue returns a constant.
func (k Key) LogValue() slog.Value { return slog.StringValue(redactedKey) }

// String returns a constant, as all printing of a DEKSet does.
func (d DEKSet) String() string { return redactedDEKs }

// GoString returns a constant.
func (d DEKSet) GoString() string { return redactedDEKs }

// Format writes a constant, whatever the verb.
func (d DEKSet) Format(f fmt.State, _ rune) { printConstant(f, redactedDEKs) }

// MarshalText returns a constant.
func (d DEKSet) MarshalText() ([]byte, error) { return []byte(redactedDEKs), nil }

// MarshalJSON returns a constant.
func (d DEKSet) MarshalJSON() ([]byte, error) { return quoteConstant(redactedDEKs), nil }

// LogValue returns a constant.
func (d DEKSet) LogValue() slog.Value { return slog.StringValue(redactedDEKs) }

// String returns a constant, as all printing of a NodeKey does.
func (k NodeKey) String() string { return redactedNode }

// GoString returns a constant.
func (k NodeKey) GoString() string { return redactedNode }

// Format writes a constant, whatever the verb.
func (k NodeKey) Format(f fmt.State, _ rune) { printConstant(f, redactedNode) }

// MarshalText returns a constant.
func (k NodeKey) MarshalText() ([]byte, error) { return []byte(redactedNode), nil }

// MarshalJSON returns a constant.
func (k NodeKey) MarshalJSON() ([]byte, error) { return quoteConstant(redactedNode), nil }

// LogValue returns a constant.
func (k NodeKey) LogValue() slog.Value { return slog.StringValue(redactedNode) }

func printConstant(w io.Writer, s string) {
	_, _ = io.WriteString(w, s)
}

func quoteConstant(s string) []byte {
	return []byte(strconv.Quote(s))
}
