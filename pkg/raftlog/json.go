package raftlog

import (
	"encoding/json"
	"fmt"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// Redacted stands where a secret was.
const Redacted = wire.Redacted

// AppendJSON appends the object in the JSON form of protobuf: fields in
// lowerCamelCase, enums as words, bytes in base64, 64-bit integers as strings,
// fields that have their zero value left out. Secrets read [Redacted] unless
// reveal is true.
//
// Redacted are private keys, join tokens, unlock keys, gossip keys, the data
// of secrets and configs, registry auth, values of environment variables,
// driver options other than those of networks, and payloads of plugins. Labels,
// commands and arguments are shown.
func (o Object) AppendJSON(dst []byte, reveal bool) ([]byte, error) {
	at := rank(o.Kind)
	if at < 0 || o.raw == nil {
		return dst, fmt.Errorf("encode %s: no value", o)
	}
	dst, err := kinds[at].shape.AppendJSON(dst, o.raw, reveal)
	if err != nil {
		return dst, fmt.Errorf("encode %s: %w", o, err)
	}
	return dst, nil
}

// JSON is AppendJSON as a tree of maps, slices, strings, numbers and booleans.
func (o Object) JSON(reveal bool) (map[string]any, error) {
	text, err := o.AppendJSON(nil, reveal)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("encode %s: %v", o, err)
	}
	return tree, nil
}
