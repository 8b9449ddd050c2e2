// Package compose writes services of a swarm as a Compose file that
// `docker stack deploy` takes, with their networks, volumes, secrets and
// configs. It takes objects as they are decoded from the log and does no I/O.
//
// What Compose has no word for is listed, never dropped in silence. Values of
// secrets, configs, environment variables and of the options of drivers are
// left out unless they are asked for: a variable stands in their place, which
// docker stack deploy takes from its environment.
//
// The file says version 3.9, which the command lines of Docker 20.10 and of all
// later versions read, or a later one if something in it needs that: older ones
// then refuse the file instead of passing something over.
package compose

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
	"go.yaml.in/yaml/v3"
)

var (
	// ErrNotFound is returned by Stack and Service for what the swarm does not
	// hold.
	ErrNotFound = errors.New("not in the swarm")
	// ErrNotContainer is returned by Service for one that runs no containers.
	ErrNotContainer = errors.New("runs no containers")
	// ErrName is returned for a secret or config whose name cannot name a file.
	ErrName = errors.New("name cannot name a file")
)

// Labels that docker stack deploy gives, and needs no file to know.
const (
	stackLabel = "com.docker.stack.namespace"
	imageLabel = "com.docker.stack.image"
)

// FileName is what the file is called that Project.YAML goes into; the paths of
// Project.Files are relative to it.
const FileName = "compose.yaml"

// Swarm is what a swarm holds. Nothing in it is changed.
type Swarm struct {
	Services []*api.Service
	Networks []*api.Network
	Secrets  []*api.Secret
	Configs  []*api.Config
}

// Project is an exported stack or service.
type Project struct {
	// Stack is the name to deploy it under; empty if any will do.
	Stack string
	// YAML is the Compose file. It holds values only if they were asked for.
	YAML []byte
	// Files are the secrets and configs; none unless they were asked for.
	Files []File
	// Variables are those that the deployment needs in its environment.
	Variables []string
	// NotExported names what Compose has no word for, in the words of
	// swarmkit's specs.proto.
	NotExported []string
	// Notes are what to know before the deployment.
	Notes []string
}

// File is the content of a secret or config. Printing it shows the path alone.
type File struct {
	Path string
	Data []byte
}

// String is the path.
func (f File) String() string { return f.Path }

// GoString is String.
func (f File) GoString() string { return f.String() }

// Stack exports the services of a stack and what they refer to. With reveal it
// exports all values, else none.
func Stack(s Swarm, name string, reveal bool) (*Project, error) {
	services := slices.DeleteFunc(slices.Clone(s.Services), func(svc *api.Service) bool {
		return svc.Spec.Annotations.Labels[stackLabel] != name
	})
	if name == "" || len(services) == 0 {
		return nil, fmt.Errorf("stack %q: %w", name, ErrNotFound)
	}
	slices.SortFunc(services, func(a, b *api.Service) int {
		return cmp.Compare(a.Spec.Annotations.Name, b.Spec.Annotations.Name)
	})
	x := newExporter(s, name, reveal)
	x.project.Stack = name
	x.ownObjects()
	for _, svc := range services {
		x.service(svc, x.descope(svc.Spec.Annotations.Name))
	}
	x.noteUnused()
	return x.finish("Stack " + name)
}

// Service exports one service, by its name or its ID, and what it refers to. A
// service of a stack comes as a part of it. Of any other Docker's own commands
// make one that belongs to a stack.
func Service(s Swarm, nameOrID string, reveal bool) (*Project, error) {
	i := slices.IndexFunc(s.Services, func(svc *api.Service) bool {
		return svc.Spec.Annotations.Name == nameOrID || svc.ID == nameOrID
	})
	if i < 0 {
		return nil, fmt.Errorf("service %q: %w", nameOrID, ErrNotFound)
	}
	svc := s.Services[i]
	name := svc.Spec.Annotations.Name
	if container(svc) == nil {
		return nil, fmt.Errorf("service %q: %w", name, ErrNotContainer)
	}
	x := newExporter(s, svc.Spec.Annotations.Labels[stackLabel], reveal)
	if x.namespace != "" {
		x.project.Stack = x.namespace
		x.service(svc, x.descope(name))
		return x.finish("Service " + name + " of stack " + x.namespace)
	}
	stack, short, found := strings.Cut(name, "_")
	if !found || stack == "" || short == "" {
		stack, short = "", name
	}
	x.project.Stack = stack
	x.note("service %s is of no stack: docker stack deploy calls it STACK_%s and gives it labels and an alias of the stack", name, short)
	x.service(svc, short)
	return x.finish("Service " + name)
}

// descope is the name of a thing within its stack.
func (x *exporter) descope(name string) string {
	short, found := strings.CutPrefix(name, x.namespace+"_")
	if !found || short == "" || x.namespace == "" {
		return name
	}
	return short
}

// isScoped tells whether docker stack deploy makes this name of that key.
func (x *exporter) isScoped(key, name string) bool {
	return x.namespace != "" && name == x.namespace+"_"+key
}

// isOwn tells whether something belongs to the stack.
func (x *exporter) isOwn(labels map[string]string) bool {
	return x.namespace != "" && labels[stackLabel] == x.namespace
}

// takeLabels leaves those that docker stack deploy overwrites with others.
func (x *exporter) takeLabels(p *map[string]string) map[string]string {
	labels := take(p)
	if stack, ok := labels[stackLabel]; ok {
		delete(labels, stackLabel)
		if stack != x.namespace {
			*p = map[string]string{stackLabel: stack}
		}
	}
	return labels
}

func (x *exporter) finish(what string) (*Project, error) {
	if x.err != nil {
		return nil, x.err
	}
	file := newSection()
	file.text("version", fmt.Sprintf("3.%d", x.minor))
	file.add("services", x.services.Node)
	file.nonEmpty("networks", x.networks.section)
	file.nonEmpty("volumes", x.volumes.section)
	file.nonEmpty("secrets", x.secrets.section)
	file.nonEmpty("configs", x.configs.section)
	text := bytes.NewBufferString(x.header(what))
	enc := yaml.NewEncoder(text)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(file.Node), enc.Close()); err != nil {
		return nil, fmt.Errorf("encode compose file: %v", err)
	}
	x.project.YAML = text.Bytes()
	return x.project, nil
}
