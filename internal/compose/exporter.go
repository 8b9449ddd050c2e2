package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// exporter is one export on its way.
type exporter struct {
	swarm     Swarm
	namespace string // of the stack, empty for a service of none
	reveal    bool
	project   *Project
	minor     int // of the Compose version
	err       error

	services, networks, volumes, secrets, configs shelf
	variables                                     names
}

func newExporter(s Swarm, namespace string, reveal bool) *exporter {
	return &exporter{
		swarm: s, namespace: namespace, reveal: reveal, project: &Project{}, minor: 9,
		services: newShelf(), networks: newShelf(), volumes: newShelf(), secrets: newShelf(), configs: newShelf(),
		variables: names{},
	}
}

// shelf is one of the top-level sections, and the keys of what stands in it.
type shelf struct {
	section
	names names
	keys  map[string]string
}

func newShelf() shelf { return shelf{newSection(), names{}, map[string]string{}} }

// keyOf is the key of the thing with this ID, a new one if it was not known.
func (s *shelf) keyOf(id, wanted string) (key string, known bool) {
	key, known = s.keys[id]
	if !known {
		key = s.names.key(wanted)
		s.keys[id] = key
	}
	return key, known
}

// need asks for at least version 3.minor of Compose.
func (x *exporter) need(minor int) { x.minor = max(x.minor, minor) }

func (x *exporter) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

func (x *exporter) note(format string, args ...any) {
	x.project.Notes = append(x.project.Notes, printable(fmt.Sprintf(format, args...)))
}

// lose lists what was not exported of something.
func (x *exporter) lose(what string, paths ...string) {
	for _, path := range paths {
		line := what + ": " + path
		if reason := reasons()[path]; reason != "" {
			line += " (" + reason + ")"
		}
		x.project.NotExported = append(x.project.NotExported, printable(line))
	}
}

// reasons are given where a reader might wonder.
func reasons() map[string]string {
	return map[string]string{
		"task.placement.platforms":                  "docker stack deploy asks the registry for them",
		"task.force_update":                         "a counter",
		"task.container.pull_options.registry_auth": "docker stack deploy --with-registry-auth gives it anew",
		"replicated_job.max_concurrent":             "Compose makes it the number of completions",
	}
}

// printable keeps what the swarm holds from leaving its line.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, line)
}

// value is a value that is exported only if asked for.
func (x *exporter) value(owner, name, value string) *yaml.Node {
	if x.reveal {
		return text(value)
	}
	return scalar(x.variable(owner, name))
}

// variable is what docker stack deploy replaces, or asks for if its environment
// does not hold it.
func (x *exporter) variable(owner, name string) string {
	v := x.variables.variable(owner, name)
	x.project.Variables = append(x.project.Variables, v)
	return "${" + v + "?its value was not exported}"
}

// options adds the options of a driver, whose values are secrets.
func (x *exporter) options(s section, key, owner string, values map[string]string) {
	sub := newSection()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		sub.add(name, x.value(owner, name, values[name]))
	}
	s.nonEmpty(key, sub)
}

// header is the comment at the head of the file.
func (x *exporter) header(what string) string {
	lines := []string{"# " + printable(what) + ", exported by swarmdr. To deploy it:", "#   " + printable(deployCommand(x.project.Stack))}
	lines = append(lines, paragraph("Needed in the environment:", x.project.Variables)...)
	lines = append(lines, paragraph("Not exported, since Compose has no word for it:", x.project.NotExported)...)
	lines = append(lines, paragraph("To know before:", x.project.Notes)...)
	return strings.Join(lines, "\n") + "\n\n"
}

func paragraph(title string, lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	out := []string{"#", "# " + title}
	for _, line := range lines {
		out = append(out, "#   "+line)
	}
	return out
}
