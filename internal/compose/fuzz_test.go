package compose_test

import (
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"go.yaml.in/yaml/v3"

	"github.com/swarmdr/swarmdr/internal/compose"
)

// FuzzService: whatever a log may hold, the file is YAML or there is an error.
func FuzzService(f *testing.F) {
	seeds := shop().Services
	for choice := range 4 {
		svc := &api.Service{ID: "filled"}
		filled(&svc.Spec, choice)
		seeds = append(seeds, svc)
	}
	for _, svc := range seeds {
		raw, err := svc.Marshal()
		if err != nil || len(raw) == 0 {
			f.Fatalf("seed of %d bytes, %v", len(raw), err)
		}
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, reveal bool) {
		svc := &api.Service{}
		if svc.Unmarshal(raw) != nil {
			return
		}
		s := shop()
		s.Services = []*api.Service{svc}
		p, err := compose.Service(s, svc.ID, reveal)
		if err != nil {
			return
		}
		var file map[string]any
		if err := yaml.Unmarshal(p.YAML, &file); err != nil {
			t.Errorf("%v in\n%s", err, p.YAML)
		}
	})
}
