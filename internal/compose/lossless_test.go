package compose_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/swarmdr/swarmdr/internal/compose"
)

// TestNothingIsLost fills every field that swarmkit knows, takes one after
// another away, and wants each to be missed: in the file or in the list of what
// was not exported. A field of a later swarmkit is in it by itself.
func TestNothingIsLost(t *testing.T) {
	for choice := range 4 {
		t.Run(fmt.Sprintf("service %d", choice), func(t *testing.T) {
			svc := &api.Service{ID: "service-id"}
			filled(&svc.Spec, choice)
			wantMissed(t, 350, func() (any, func() string) {
				c := svc.Copy()
				return &c.Spec, func() string { return exported(t, compose.Swarm{Services: []*api.Service{c}}, "service-id") }
			})
		})
	}
	t.Run("network", func(t *testing.T) {
		n := &api.Network{ID: "network-id"}
		filled(&n.Spec, 0)
		n.Spec.Ingress = false
		wantMissed(t, 20, func() (any, func() string) {
			c := n.Copy()
			return &c.Spec, func() string {
				own(&c.Spec.Annotations)
				return exported(t, compose.Swarm{Services: attached(), Networks: []*api.Network{c}}, "shop_web")
			}
		})
	})
}

// TestNothingIsLostOfObjects: the same of secrets and configs.
func TestNothingIsLostOfObjects(t *testing.T) {
	secret, config := &api.Secret{ID: "secret-id"}, &api.Config{ID: "config-id"}
	filled(&secret.Spec, 0)
	filled(&config.Spec, 0)
	for _, withDriver := range []bool{true, false} {
		if !withDriver {
			secret.Spec.Driver = nil
		}
		wantMissed(t, 16, func() (any, func() string) {
			s := secret.Copy()
			return &s.Spec, func() string { return exportedObjects(t, s, config) }
		})
	}
	wantMissed(t, 16, func() (any, func() string) {
		c := config.Copy()
		return &c.Spec, func() string { return exportedObjects(t, secret, c) }
	})
}

func exportedObjects(t *testing.T, secret *api.Secret, config *api.Config) string {
	t.Helper()
	secret, config = secret.Copy(), config.Copy()
	own(&secret.Spec.Annotations)
	own(&config.Spec.Annotations)
	p, err := compose.Stack(compose.Swarm{Services: attached(), Secrets: []*api.Secret{secret}, Configs: []*api.Config{config}}, "shop", true)
	if err != nil {
		return err.Error() // without a name
	}
	return everything(p) + fmt.Sprint(contents(p))
}

func contents(p *compose.Project) []string {
	var all []string
	for _, f := range p.Files {
		all = append(all, string(f.Data))
	}
	return all
}

// wantMissed takes each of more than atLeast leaves from what fresh returns.
func wantMissed(t *testing.T, atLeast int, fresh func() (spec any, export func() string)) {
	t.Helper()
	_, export := fresh()
	whole, count := export(), 0
	for ; ; count++ {
		spec, export := fresh()
		n := count
		path := clearLeaf(reflect.ValueOf(spec).Elem(), &n, "")
		if path == "" {
			break
		}
		if export() == whole && !slices.ContainsFunc(notMissed(), func(part string) bool { return strings.Contains(path, part) }) {
			t.Errorf("%s is lost: nothing tells when it is gone", path)
		}
	}
	if count < atLeast {
		t.Errorf("only %d leaves were filled", count)
	}
}

// notMissed are the IDs of this swarm, which mean nothing in another, and what
// is told as a whole.
func notMissed() []string { return []string{".SecretID", ".ConfigID", ".Platforms["} }

func exported(t *testing.T, s compose.Swarm, service string) string {
	t.Helper()
	p, err := compose.Service(s, service, true)
	if err != nil {
		t.Fatal(err)
	}
	return string(p.YAML) + fmt.Sprintln(p.NotExported, p.Notes, p.Files)
}

func own(notes *api.Annotations) {
	labels := map[string]string{"com.docker.stack.namespace": "shop"}
	for name, value := range notes.Labels {
		labels[name] = value
	}
	notes.Labels = labels
}

// attached is a service of the stack shop in the network network-id.
func attached() []*api.Service {
	svc := &api.Service{ID: "service-id"}
	svc.Spec.Annotations.Name = "shop_web"
	own(&svc.Spec.Annotations)
	svc.Spec.Task.Runtime = &api.TaskSpec_Container{Container: &api.ContainerSpec{Image: "web:1"}}
	svc.Spec.Task.Networks = []*api.NetworkAttachmentConfig{{Target: "network-id"}}
	svc.Spec.Mode = &api.ServiceSpec_Global{Global: &api.GlobalService{}}
	return []*api.Service{svc}
}
