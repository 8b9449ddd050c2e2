package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section is a YAML mapping in the making; it keeps the order in which its
// entries are added. Empty values are left out, as Compose's own files do.
type section struct{ *yaml.Node }

func newSection() section { return section{&yaml.Node{Kind: yaml.MappingNode}} }

func (s section) add(key string, value *yaml.Node) {
	s.Content = append(s.Content, scalar(key), value)
}

// open adds a mapping that is kept even if it stays empty.
func (s section) open(key string) section {
	sub := newSection()
	s.add(key, sub.Node)
	return sub
}

// nonEmpty adds a mapping unless it is empty.
func (s section) nonEmpty(key string, sub section) {
	if len(sub.Content) > 0 {
		s.add(key, sub.Node)
	}
}

func (s section) text(key, value string) {
	if value != "" {
		s.add(key, text(value))
	}
}

func (s section) duration(key string, value *string) {
	if value != nil {
		s.add(key, text(*value))
	}
}

func (s section) list(key string, items []string) {
	if len(items) == 0 {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range items {
		list.Content = append(list.Content, text(item))
	}
	s.add(key, list)
}

// set is list for what Compose refuses to hold twice.
func (s section) set(key string, items []string) {
	var once []string
	for _, item := range items {
		if !slices.Contains(once, item) {
			once = append(once, item)
		}
	}
	s.list(key, once)
}

func (s section) mapping(key string, values map[string]string) {
	sub := newSection()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		sub.add(name, text(values[name]))
	}
	s.nonEmpty(key, sub)
}

func (s section) flag(key string, on bool) {
	if on {
		s.add(key, literal("true"))
	}
}

// items adds a list of mappings.
func (s section) items(key string, items []section) {
	if len(items) == 0 {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range items {
		list.Content = append(list.Content, item.Node)
	}
	s.add(key, list)
}

// number adds a number, zero too.
func number[T ~int32 | ~int64 | ~uint32 | ~uint64](s section, key string, value T) {
	s.add(key, literal(fmt.Sprint(value)))
}

// positive adds a number unless it is zero.
func positive[T ~int32 | ~int64 | ~uint32 | ~uint64](s section, key string, value T) {
	if value != 0 {
		number(s, key, value)
	}
}

// literal is a number or a boolean.
func literal(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

// text is a string in which docker stack deploy finds no variables.
func text(value string) *yaml.Node { return scalar(escape(value)) }

func escape(value string) string { return strings.ReplaceAll(value, "$", "$$") }

// scalar is a string that YAML 1.1 (Docker to 20.10) and 1.2 read alike.
func scalar(value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	if !isPlain(value) || slices.Contains(reservedWords(), strings.ToLower(value)) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// isPlain is narrower than YAML: nothing that could be a number, a date or a
// mapping.
func isPlain(value string) bool {
	odd := func(r rune) bool { return !isWord(r) && !strings.ContainsRune("-./:@", r) }
	if value == "" || value[0] < 'A' && value[0] != '/' || value[0] == '_' {
		return false
	}
	return !strings.ContainsFunc(value, odd) && !strings.HasSuffix(value, ":")
}

func reservedWords() []string {
	return []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
}
