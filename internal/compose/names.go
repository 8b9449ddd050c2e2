package compose

import (
	"fmt"
	"strings"
)

// names are those that are taken.
type names map[string]bool

// key is the wanted key, in the characters that Compose allows and with a
// number behind it if it is taken.
func (n names) key(wanted string) string {
	return n.free(onlyWith(wanted, ".-"))
}

// variable is the name of a value that the file leaves to the environment. It
// begins with its owner's name: ${PATH} would find a value in any shell.
func (n names) variable(owner, name string) string {
	wanted := strings.ToUpper(onlyWith(owner+"_"+name, ""))
	if '0' <= wanted[0] && wanted[0] <= '9' {
		wanted = "_" + wanted
	}
	return n.free(wanted)
}

func (n names) free(wanted string) string {
	name := wanted
	for i := 2; n[name]; i++ {
		name = fmt.Sprintf("%s_%d", wanted, i)
	}
	n[name] = true
	return name
}

// onlyWith replaces all but letters, digits, underscores and more.
func onlyWith(text, more string) string {
	if text == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if isWord(r) || strings.ContainsRune(more, r) {
			return r
		}
		return '_'
	}, text)
}
