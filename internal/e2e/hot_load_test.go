package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// A writer makes objects, gives each the label turn 1, 2, ..., and removes all but the
// newest few.
type writer struct {
	*client.Client
	ledger *ledger
	name   string
	kind   raftlog.Kind
	data   []byte        // of a secret or config
	pause  time.Duration // between two objects
	keep   int
	create func(ctx context.Context, spec swarm.Annotations) (id string, err error)
	update func(ctx context.Context, id string, spec swarm.Annotations) error
	remove func(ctx context.Context, id string) error
}

// load writes through all managers until it is stopped.
func (f *fixture) load(l *ledger) (stop func()) {
	ctx, cancel := context.WithCancel(f.Context())
	var wg sync.WaitGroup
	var clients []*client.Client
	for i, w := range []*writer{
		{kind: raftlog.KindSecret, name: "a", data: []byte(canary), keep: 30},
		{kind: raftlog.KindConfig, name: "b", data: []byte(canary), keep: 30},
		{kind: raftlog.KindService, name: "c", keep: 10},
		// A segment of the log is cut after 64 MB.
		{kind: raftlog.KindConfig, name: "big", data: []byte(strings.Repeat("0123456789", 40_000)), keep: 3},
	} {
		w.Client, w.ledger = f.client(fmt.Sprintf("m%d", i%3+1)), l
		w.bind()
		clients = append(clients, w.Client)
		wg.Go(func() { w.run(ctx) })
	}
	return func() {
		cancel()
		wg.Wait()
		for _, c := range clients {
			c.Close()
		}
	}
}

func (w *writer) run(ctx context.Context) {
	var live []string
	for i := 0; ctx.Err() == nil; i++ {
		spec := swarm.Annotations{Name: fmt.Sprintf("%s-%d", w.name, i), Labels: map[string]string{turnLabel: "0"}}
		id, err := w.create(ctx, spec)
		w.ledger.created(ctx, w.kind, id, err)
		if err != nil {
			continue
		}
		live = append(live, id)
		for turn := 1; turn <= 2; turn++ {
			spec.Labels = map[string]string{turnLabel: fmt.Sprint(turn)}
			w.ledger.updated(ctx, id, turn, w.update(ctx, id, spec))
		}
		if len(live) > w.keep {
			w.ledger.removing(live[0])
			w.ledger.removed(ctx, live[0], w.remove(ctx, live[0]))
			live = live[1:]
		}
		time.Sleep(w.pause)
	}
}

func (w *writer) bind() {
	switch w.kind {
	case raftlog.KindSecret:
		w.create, w.update, w.remove = w.createSecret, w.updateSecret, w.removeSecret
	case raftlog.KindConfig:
		w.create, w.update, w.remove = w.createConfig, w.updateConfig, w.removeConfig
	case raftlog.KindService:
		w.create, w.update, w.remove = w.createService, w.updateService, w.removeService
	}
}

func (w *writer) createSecret(ctx context.Context, notes swarm.Annotations) (string, error) {
	r, err := w.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: notes, Data: w.data}})
	return r.ID, err
}

func (w *writer) updateSecret(ctx context.Context, id string, notes swarm.Annotations) error {
	r, err := w.SecretInspect(ctx, id, client.SecretInspectOptions{})
	if err != nil {
		return err
	}
	_, err = w.SecretUpdate(ctx, id, client.SecretUpdateOptions{Version: r.Secret.Version, Spec: swarm.SecretSpec{Annotations: notes}})
	return err
}

func (w *writer) removeSecret(ctx context.Context, id string) error {
	_, err := w.SecretRemove(ctx, id, client.SecretRemoveOptions{})
	return err
}

func (w *writer) createConfig(ctx context.Context, notes swarm.Annotations) (string, error) {
	r, err := w.ConfigCreate(ctx, client.ConfigCreateOptions{Spec: swarm.ConfigSpec{Annotations: notes, Data: w.data}})
	return r.ID, err
}

func (w *writer) updateConfig(ctx context.Context, id string, notes swarm.Annotations) error {
	r, err := w.ConfigInspect(ctx, id, client.ConfigInspectOptions{})
	if err != nil {
		return err
	}
	_, err = w.ConfigUpdate(ctx, id, client.ConfigUpdateOptions{Version: r.Config.Version, Spec: swarm.ConfigSpec{Annotations: notes, Data: w.data}})
	return err
}

func (w *writer) removeConfig(ctx context.Context, id string) error {
	_, err := w.ConfigRemove(ctx, id, client.ConfigRemoveOptions{})
	return err
}

func idleService(notes swarm.Annotations) swarm.ServiceSpec {
	none := uint64(0)
	return swarm.ServiceSpec{
		Annotations:  notes,
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: lab.TaskImage}},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &none}},
	}
}

func (w *writer) createService(ctx context.Context, notes swarm.Annotations) (string, error) {
	r, err := w.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: idleService(notes)})
	return r.ID, err
}

func (w *writer) updateService(ctx context.Context, id string, notes swarm.Annotations) error {
	r, err := w.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	if err != nil {
		return err
	}
	_, err = w.ServiceUpdate(ctx, id, client.ServiceUpdateOptions{Version: r.Service.Version, Spec: idleService(notes)})
	return err
}

func (w *writer) removeService(ctx context.Context, id string) error {
	_, err := w.ServiceRemove(ctx, id, client.ServiceRemoveOptions{})
	return err
}
