package cli

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"

	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// canaryStem is what all canaries begin with.
const canaryStem = "swarmdr-canary"

// canaries hands out secrets, each with a number.
type canaries struct{ n int }

func canary(n int) string { return fmt.Sprintf("%s-%03d-canary", canaryStem, n) }

func (c *canaries) text() string {
	c.n++
	return canary(c.n)
}

func (c *canaries) bytes() []byte { return []byte(c.text()) }

func (c *canaries) options(name string) *api.Driver {
	return &api.Driver{Name: name, Options: map[string]string{"option": c.text()}}
}

func (c *canaries) container(o ids) api.TaskSpec {
	target := &api.FileTarget{Name: "x", UID: "0", GID: "0", Mode: 0o400}
	return api.TaskSpec{
		LogDriver: c.options("gelf"),
		Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
			Image:       "registry.example.com/shop/web:1",
			Env:         []string{"NAME=" + c.text(), "A=b=" + c.text(), c.text()},
			PullOptions: &api.ContainerSpec_PullOptions{RegistryAuth: c.text()},
			Mounts: []api.Mount{{Type: api.MountTypeVolume, Source: "data", Target: "/data",
				VolumeOptions: &api.Mount_VolumeOptions{DriverConfig: c.options("nfs")}}},
			Secrets: []*api.SecretReference{{SecretID: o.id("secret"), SecretName: o.name("secret"), Target: &api.SecretReference_File{File: target}}},
			Configs: []*api.ConfigReference{{ConfigID: o.id("config"), ConfigName: o.name("config"), Target: &api.ConfigReference_File{File: target}}},
		}},
	}
}

// ids names the objects of one of the stacks, shop and gone.
type ids string

func (o ids) id(kind string) string   { return kind + "-of-" + string(o) }
func (o ids) name(kind string) string { return string(o) + "_" + kind }

func (o ids) notes(kind string) api.Annotations {
	return api.Annotations{Name: o.name(kind), Labels: map[string]string{"com.docker.stack.namespace": string(o)}}
}

// objects is one of each kind that a stack can have, full of canaries.
func (c *canaries) objects(o ids) []api.StoreObject {
	volume := &api.Volume{
		ID: o.id("volume"),
		Spec: api.VolumeSpec{
			Annotations: o.notes("volume"), Driver: c.options("csi"), Secrets: []*api.VolumeSecret{{Key: "key", Secret: o.id("secret")}},
			AccessMode: &api.VolumeAccessMode{AccessType: &api.VolumeAccessMode_Mount{
				Mount: &api.VolumeAccessMode_MountVolume{MountFlags: []string{c.text()}},
			}},
		},
		VolumeInfo:    &api.VolumeInfo{VolumeID: "v", VolumeContext: map[string]string{"key": c.text()}},
		PublishStatus: []*api.VolumePublishStatus{{NodeID: "n", PublishContext: map[string]string{"key": c.text()}}},
	}
	network := &api.Network{ID: o.id("network"), Spec: api.NetworkSpec{Annotations: o.notes("network"), DriverConfig: &api.Driver{Name: "overlay"}}}
	replicated := &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 2}}
	plugin := api.TaskSpec{Runtime: &api.TaskSpec_Generic{Generic: &api.GenericRuntimeSpec{
		Kind: "plugin", Payload: &types.Any{TypeUrl: "types.docker.com/RuntimePlugin", Value: c.bytes()},
	}}}
	return []api.StoreObject{
		&api.Secret{ID: o.id("secret"), Spec: api.SecretSpec{Annotations: o.notes("secret"), Data: c.bytes(), Templating: c.options("golang")}},
		&api.Config{ID: o.id("config"), Spec: api.ConfigSpec{Annotations: o.notes("config"), Data: c.bytes()}},
		network,
		&api.Service{
			ID: o.id("web"), Spec: api.ServiceSpec{Annotations: o.notes("web"), Task: c.container(o), Mode: replicated},
			PreviousSpec: &api.ServiceSpec{Annotations: o.notes("web"), Task: c.container(o), Mode: replicated},
		},
		&api.Service{ID: o.id("plugin"), Spec: api.ServiceSpec{Annotations: o.notes("plugin"), Task: plugin, Mode: replicated}},
		&api.Task{
			ID: o.id("task"), ServiceID: o.id("web"), Slot: 1, Spec: c.container(o), LogDriver: c.options("gelf"), ServiceAnnotations: o.notes("web"),
			Networks: []*api.NetworkAttachment{{Network: &api.Network{ID: "x", Extra: &types.Any{TypeUrl: "x", Value: c.bytes()}}, DriverAttachmentOpts: map[string]string{}}},
		},
		&api.Extension{ID: o.id("extension"), Annotations: o.notes("extension"), Description: "kind"},
		&api.Resource{ID: o.id("resource"), Annotations: o.notes("resource"), Kind: o.name("extension"), Payload: &types.Any{TypeUrl: "x", Value: c.bytes()}},
		volume,
	}
}

// cluster fills what a cluster object can hide.
func (c *canaries) cluster(cluster *api.Cluster) {
	secret := &api.AcceptancePolicy_RoleAdmissionPolicy_Secret{Data: c.bytes()}
	cluster.Spec.AcceptancePolicy = api.AcceptancePolicy{Policies: []*api.AcceptancePolicy_RoleAdmissionPolicy{{Secret: secret}}}
	cluster.Spec.CAConfig.SigningCAKey = c.bytes()
	cluster.Spec.CAConfig.ExternalCAs = []*api.ExternalCA{{URL: "https://ca.example.com", Options: map[string]string{"token": c.text()}}}
	cluster.Spec.TaskDefaults.LogDriver = c.options("gelf")
	cluster.RootCA.CAKey = c.bytes()
	cluster.RootCA.JoinTokens = api.JoinTokens{Worker: c.text(), Manager: c.text()}
	cluster.RootCA.RootRotation = &api.RootRotation{CAKey: c.bytes(), CACert: cluster.RootCA.CACert, CrossSignedCACert: cluster.RootCA.CACert}
	cluster.NetworkBootstrapKeys = []*api.EncryptionKey{{Subsystem: "networking:gossip", Key: c.bytes()}, {Subsystem: "networking:ipsec", Key: c.bytes()}}
}

// planted is an autolocked manager whose log is full of canaries, and what lies
// beside it.
type planted struct {
	work, dir, damaged      string
	keyFile, wrongKey       string
	malformed, failing      string // a key with more behind it; a command that shows it and fails
	identity, escrow, token string
	canaries                int
	before                  uint64 // index before the last changes
	secrets                 map[string][]byte
}

func plant(t *testing.T) *planted {
	t.Helper()
	p := &planted{work: t.TempDir()}
	p.dir, p.damaged = filepath.Join(p.work, "swarm"), filepath.Join(p.work, "damaged")
	s := swarmgen.New(t, p.dir, swarmgen.Options{Autolock: true})
	c := &canaries{}
	all := func(o ids, do func(store.Tx, api.StoreObject) error) {
		for _, object := range c.objects(o) {
			s.Update(func(tx store.Tx) error { return do(tx, object) })
		}
	}
	fillCluster := func(tx store.Tx) error {
		cluster := store.GetCluster(tx, s.ClusterID())
		c.cluster(cluster)
		return store.UpdateCluster(tx, cluster)
	}
	s.Update(fillCluster)
	all("shop", create)
	all("gone", create)
	p.before = s.Index()
	s.Update(fillCluster)
	all("shop", update)
	p.canaries = c.n
	for _, object := range slices.Backward(c.objects("gone")) { // its canaries are nowhere
		s.Update(func(tx store.Tx) error { return remove(tx, object) })
	}
	s.Close()
	p.damage(t, s)
	p.keys(t, s)
	return p
}

// damage flips a byte in the middle of a copy.
func (p *planted) damage(t *testing.T, s *swarmgen.Swarm) {
	t.Helper()
	noError(t, os.CopyFS(p.damaged, os.DirFS(p.dir)))
	names, err := filepath.Glob(filepath.Join(strings.Replace(s.WALDir(), p.dir, p.damaged, 1), "*.wal"))
	noError(t, err)
	data, err := os.ReadFile(names[0])
	noError(t, err)
	data[len(data)/50] ^= 1
	noError(t, os.WriteFile(names[0], data, 0o600))
}

// keys writes the files that open all of it, and takes a snapshot.
func (p *planted) keys(t *testing.T, s *swarmgen.Swarm) {
	t.Helper()
	key, err := unlock.ParseKey(s.UnlockKey())
	noError(t, err)
	other, err := unlock.GenerateKey()
	noError(t, err)
	identity, recipient, err := snapshot.GenerateIdentity()
	noError(t, err)
	signer, _, err := snapshot.GenerateSigner("swarmdr/test")
	noError(t, err)
	recipients, err := snapshot.ParseRecipients([]string{recipient})
	noError(t, err)
	write := func(name, text string) string {
		path := filepath.Join(p.work, name)
		noError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	p.keyFile, p.wrongKey = write("unlock.key", key.Reveal()), write("wrong.key", other.Reveal())
	p.malformed = write("malformed.key", key.Reveal()+"=\n"+other.Reveal())
	p.failing = write("failing.sh", "#!/bin/sh\ncat "+p.keyFile+"\ncat "+p.keyFile+" >&2\nexit 1\n")
	noError(t, os.Chmod(p.failing, 0o700))
	p.identity, p.token = write("identity.txt", identity), recipient
	t.Setenv("SWARMDR_CONFIG", write("config.yaml", fmt.Sprintf("host: unix://%[1]s/none.sock\nstate_dir: %[1]s/state\nstores: [file://%[1]s/store]\n", p.work)))
	_, err = snapshot.Backup(context.Background(), snapshot.BackupOptions{
		Dir: p.dir, ScratchDir: t.TempDir(), Mode: snapshot.Hot, Key: key, Store: file.New(filepath.Join(p.work, "store")),
		Recipients: recipients, Signer: signer, Tool: "swarmdr test", Hostname: "m1", Progress: func(string) {},
	})
	noError(t, err)
	p.escrow = filepath.Join(p.work, "escrow.age")
	p.secrets = map[string][]byte{
		"unlock key": []byte(key.Reveal()), "another unlock key": []byte(other.Reveal()), "identity": []byte(strings.TrimSpace(identity)),
	}
	maps.Copy(p.secrets, nodeSecrets(t, p.dir, key))
}

// nodeSecrets are what the bytes of the unlock key, the DEK and the private key
// of the node are.
func nodeSecrets(t *testing.T, dir string, key unlock.Key) map[string][]byte {
	t.Helper()
	locked, err := os.ReadFile(filepath.Join(dir, "certificates/swarm-node.key"))
	noError(t, err)
	opened, err := unlock.OpenNodeKey(locked, key)
	noError(t, err)
	stripped, err := opened.Strip()
	noError(t, err)
	block, _ := pem.Decode(stripped)
	record, err := base64.StdEncoding.DecodeString(block.Headers["raft-dek"])
	noError(t, err)
	private, err := opened.Signer().(*ecdsa.PrivateKey).Bytes()
	noError(t, err)
	kek, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(key.Reveal(), "SWMKEY-1-"))
	noError(t, err)
	return map[string][]byte{"KEK": kek, "DEK": record[len(record)-32:], "private key": private}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
