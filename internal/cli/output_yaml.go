package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (o *outputOptions) yaml() bool { return o.format == "yaml" }

// writeYAML prints the tree that writeJSON prints, as YAML.
func writeYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return jsonToYAML(w, text)
}

// jsonToYAML keeps the order of the fields.
func jsonToYAML(w io.Writer, text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return fmt.Errorf("convert JSON to YAML: %v", err)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return err
	}
	return enc.Close()
}

// yamlNode reads one JSON value.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		return yamlBranch(dec, token)
	case string:
		return yamlScalar("!!str", token), nil
	case json.Number:
		return yamlScalar(numberTag(token), token.String()), nil
	case bool:
		return yamlScalar("!!bool", fmt.Sprint(token)), nil
	}
	return yamlScalar("!!null", "null"), nil
}

// yamlBranch reads the names and values behind { or the values behind [.
func yamlBranch(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	branch := &yaml.Node{Kind: yaml.MappingNode}
	if open == '[' {
		branch.Kind = yaml.SequenceNode
	}
	for dec.More() {
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		branch.Content = append(branch.Content, child)
	}
	if len(branch.Content) == 0 {
		branch.Style = yaml.FlowStyle
	}
	_, err := dec.Token() // the end
	return branch, err
}

func yamlScalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func numberTag(n json.Number) string {
	if strings.ContainsAny(n.String(), ".eE") {
		return "!!float"
	}
	return "!!int"
}
