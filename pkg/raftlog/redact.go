package raftlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"
)

// Redacted stands where a secret was.
const Redacted = "(redacted)"

// secretPaths lists the fields that hold secrets, each by the end of its path
// in the JSON form of an object; * is any one name. What is named env keeps
// the part before its equals sign.
func secretPaths() []string {
	return []string{
		"caKey", "signingCaKey", "joinTokens/*", // RootCA, RootRotation, CAConfig
		"unlockKeys/key", "networkBootstrapKeys/key", // Cluster
		"data",         // SecretSpec, ConfigSpec, the secrets of AcceptancePolicy
		"registryAuth", // ContainerSpec.PullOptions
		"env",          // ContainerSpec
		"logDriver/options/*", "driver/options/*", "templating/options/*",
		"volumeOptions/driverConfig/options/*", "externalCas/options/*",
		"volumeContext/*", "publishContext/*", "mountFlags", // CSI
		"@value", // payloads of plugins, of unknown form: see opaque
	}
}

// JSON returns the object as a tree of maps, slices, strings, numbers and
// booleans, in the JSON form of protobuf: fields in lowerCamelCase, enums as
// words, bytes in base64, 64-bit integers as strings, fields that have their
// zero value left out. Secrets read [Redacted] unless reveal is true.
//
// Redacted are private keys, join tokens, unlock keys, gossip keys, the data
// of secrets and configs, registry auth, values of environment variables,
// driver options other than those of networks, and payloads of plugins. Labels,
// commands and arguments are shown.
func (o Object) JSON(reveal bool) (map[string]any, error) {
	m, ok := o.Value.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("encode %s: no value", o)
	}
	var text bytes.Buffer
	if err := (&jsonpb.Marshaler{AnyResolver: opaqueResolver{}}).Marshal(&text, m); err != nil {
		return nil, fmt.Errorf("encode %s: %v", o, err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text.Bytes(), &tree); err != nil {
		return nil, fmt.Errorf("encode %s: %v", o, err)
	}
	if !reveal {
		Redact(tree)
	}
	return tree, nil
}

// MarshalJSON renders kind, ID, name and the redacted value.
func (o Object) MarshalJSON() ([]byte, error) {
	tree, err := o.JSON(false)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"kind": o.Kind, "id": o.ID, "name": o.Name, "value": tree})
}

// Redact replaces the secrets in a tree of the form that [Object.JSON] returns.
func Redact(tree map[string]any) {
	redactMap(tree, nil, secretPaths())
}

func redactMap(tree map[string]any, path []string, secrets []string) {
	for name, value := range tree {
		if name == "labels" {
			continue // names of the user, none of ours
		}
		tree[name] = redact(value, append(slices.Clone(path), name), secrets)
	}
}

func redact(value any, path []string, secrets []string) any {
	if isSecret(path, secrets) {
		return cover(value, path[len(path)-1])
	}
	switch v := value.(type) {
	case map[string]any:
		redactMap(v, path, secrets)
	case []any:
		for i := range v {
			v[i] = redact(v[i], path, secrets)
		}
	}
	return value
}

func isSecret(path []string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		names := strings.Split(secret, "/")
		if len(names) > len(path) {
			return false
		}
		end := path[len(path)-len(names):]
		for i := range names {
			if names[i] != "*" && names[i] != end[i] {
				return false
			}
		}
		return true
	})
}

// cover hides a value whatever its form, and of variables all but the name.
func cover(value any, field string) any {
	list, ok := value.([]any)
	if !ok {
		return Redacted
	}
	covered := make([]any, len(list))
	for i, item := range list {
		covered[i] = Redacted
		text, _ := item.(string)
		if name, _, found := strings.Cut(text, "="); found && field == "env" {
			covered[i] = name + "=" + Redacted
		}
	}
	return covered
}

// opaque is a payload whose type is that of a plugin: it is shown as its bytes
// under a name no message uses, since there is no telling what is in it.
type opaque struct{ content []byte }

type opaqueResolver struct{}

func (opaqueResolver) Resolve(string) (proto.Message, error) { return &opaque{}, nil }

func (p *opaque) Reset()         { p.content = nil }
func (p *opaque) String() string { return Redacted }
func (p *opaque) ProtoMessage()  {}

func (p *opaque) Unmarshal(content []byte) error {
	p.content = bytes.Clone(content)
	return nil
}

func (p *opaque) MarshalJSONPB(*jsonpb.Marshaler) ([]byte, error) {
	return json.Marshal(map[string]any{"@value": p.content})
}
