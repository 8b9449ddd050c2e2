package raftlog

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// text is a value without the quotes of JSON. Escapes stay.
func text(value string) string {
	if len(value) >= 2 && value[0] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// word is the value of an enum as Docker writes it; zero stands for the one
// that is left out.
func word(value, zero string) string {
	if value == "" {
		return zero
	}
	return strings.ToLower(text(value))
}

func textOr(value, zero string) string {
	if value == "" {
		return zero
	}
	return text(value)
}

// arrow has no redacted values.
func arrow(c *wire.Change, zero string) string {
	return textOr(c.Before, zero) + " -> " + textOr(c.After, zero)
}

func wordArrow(c *wire.Change, zero string) string {
	return word(c.Before, zero) + " -> " + word(c.After, zero)
}

// setPhrase shows values as far as they are short and tell something.
func setPhrase(name string, c *wire.Change) string {
	before, after := text(c.Before), text(c.After)
	long := len(before) > shortValue || len(after) > shortValue || strings.Contains(before+after, Redacted)
	switch {
	case c.Before == "" && c.After == "" || before == after:
		return name + " changed"
	case c.Before == "" && long:
		return name + " added"
	case c.After == "" && long:
		return name + " removed"
	case long:
		return name + " changed"
	case c.Before == "":
		return name + " set to " + after
	case c.After == "":
		return name + " removed, was " + before
	}
	return name + " " + before + " -> " + after
}

// oneSided tells what happened to something that only one version has, by its
// name; ok is false where both have it.
func oneSided(what string, c *wire.Change, name func(map[string]any) string) (phrase string, ok bool) {
	value, verb := c.After, " added"
	if c.After == "" {
		value, verb = c.Before, " removed"
	}
	if c.Before != "" && c.After != "" {
		return "", false
	}
	var tree map[string]any
	if json.Unmarshal([]byte(value), &tree) != nil {
		return "", false
	}
	return what + " " + name(tree) + verb, true
}

func member(name string) func(map[string]any) string {
	return func(tree map[string]any) string { return fmt.Sprint(tree[name]) }
}

// imageArrow leaves out digests unless they are all that changed.
func imageArrow(c *wire.Change) string {
	before, after := textOr(c.Before, "none"), textOr(c.After, "none")
	if imageName(before) != imageName(after) {
		return imageName(before) + " -> " + imageName(after)
	}
	return shortDigest(before) + " -> " + shortDigest(after)
}

func imageName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	return name
}

// shortDigest has the twelve digits that docker shows of an id.
func shortDigest(image string) string {
	name, digest, ok := strings.Cut(image, "@sha256:")
	if !ok {
		return image
	}
	return name + "@" + digest[:min(12, len(digest))]
}

// sizeArrow is for bytes.
func sizeArrow(c *wire.Change) string { return size(c.Before) + " -> " + size(c.After) }

func size(value string) string {
	n, err := strconv.ParseInt(text(value), 10, 64)
	if err != nil {
		return "none"
	}
	units := []string{"B", "KiB", "MiB", "GiB"}
	i := 0
	for ; i < len(units)-1 && n != 0 && n%1024 == 0; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// cpuArrow is for billionths of a CPU.
func cpuArrow(c *wire.Change) string { return cpus(c.Before) + " -> " + cpus(c.After) }

func cpus(value string) string {
	n, err := strconv.ParseInt(text(value), 10, 64)
	if err != nil {
		return "none"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64)
}

// below tells whether path is name or a field below it.
func below(path, name string) bool {
	rest, ok := strings.CutPrefix(path, name)
	return ok && (rest == "" || rest[0] == '.')
}
