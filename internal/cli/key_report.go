package cli

import (
	"context"
	"errors"

	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// keyReport is the answer of key check.
type keyReport struct {
	Source      string         `json:"source"`
	Verdict     unlock.Verdict `json:"verdict"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Locked      bool           `json:"locked"`
	Opens       bool           `json:"opens"`
	ClusterID   string         `json:"cluster_id,omitempty"`
	// NodeKey is nil when only the manifest of a snapshot was looked at.
	NodeKey *jsonNodeKey `json:"node_key,omitempty"`
	// Log, Swarm and History are what each says the swarm's key is.
	Log        *jsonKnown `json:"log,omitempty"`
	Swarm      *jsonKnown `json:"swarm,omitempty"`
	SwarmError string     `json:"swarm_error,omitempty"`
	History    *jsonKnown `json:"history,omitempty"`
	// Known is what the history has of the key at hand, Needs of the one that
	// opens the source.
	Known *keyring.Entry `json:"known,omitempty"`
	Needs *jsonNeeds     `json:"needs,omitempty"`
	// SwarmHas says that the swarm's key is the one at hand.
	SwarmHas bool `json:"swarm_has"`

	newest *unlock.Known
}

type jsonNodeKey struct {
	KEKVersion    uint64 `json:"kek_version"`
	PendingDEK    bool   `json:"pending_dek"`
	NeedsRotation bool   `json:"needs_rotation"`
}

type jsonKnown struct {
	Autolock    bool   `json:"autolock"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Version     uint64 `json:"version"`
}

type jsonNeeds struct {
	Fingerprint string   `json:"fingerprint"`
	Escrows     []string `json:"escrows,omitempty"`
}

func newJSONKnown(k *unlock.Known) *jsonKnown {
	if k == nil {
		return nil
	}
	return &jsonKnown{k.Fingerprint != "", k.Fingerprint, k.Version}
}

// newKeyReport gathers all there is to know. With a report and an error the
// log could not be read, and the rest could.
func newKeyReport(ctx context.Context, o *sourceOptions) (*keyReport, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	key, err := o.keyOptions.read(ctx, cfg)
	if err != nil {
		return nil, err
	}
	history, err := keyring.Load(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	r := &keyReport{Fingerprint: key.Fingerprint()}
	inLog, logErr := r.look(ctx, o, cfg, key)
	if r.Source == "" {
		return nil, logErr
	}
	r.judge(ctx, o.hostOptions.resolve(cfg), key, inLog, history)
	return r, logErr
}

// look fills in what the source tells, and returns the key that its log names.
func (r *keyReport) look(ctx context.Context, o *sourceOptions, cfg config.Config, key unlock.Key) (*unlock.Known, error) {
	if o.snapshot != "" && len(o.files) == 0 {
		return nil, r.lookAtManifest(ctx, o, cfg, key)
	}
	src, name, err := openUnproven(ctx, o, cfg)
	if err != nil {
		return nil, err
	}
	src.key = key
	known, err := r.lookAtFiles(src, name)
	return known, closeAfter(src, err)
}

// openUnproven opens a source that the key at hand need not open.
func openUnproven(ctx context.Context, o *sourceOptions, cfg config.Config) (src *source, name string, err error) {
	if o.snapshot != "" {
		src, err = o.openSnapshot(ctx, cfg, unlock.Key{})
		return src, "snapshot " + o.snapshot, err
	}
	at := *o
	if at.dir, err = thisDir(ctx, cfg, o.hostOptions.resolve(cfg), o.dir); err != nil {
		return nil, "", err
	}
	src, err = at.openSource(ctx)
	return src, at.dir, err
}

func (r *keyReport) lookAtManifest(ctx context.Context, o *sourceOptions, cfg config.Config, key unlock.Key) error {
	store, err := o.storeOptions.open(cfg)
	if err != nil {
		return err
	}
	name, err := snapshot.Find(ctx, store, o.snapshot)
	if err != nil {
		return err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return err
	}
	m, _, err := snapshot.Load(ctx, store, name, trusted)
	if err != nil {
		return err
	}
	c := m.Contents
	r.Source, r.Locked, r.ClusterID = "snapshot "+string(name), c.Autolock, c.ClusterID
	r.Opens = !c.Autolock || c.KeyFingerprint == key.Fingerprint()
	if c.Autolock {
		r.Needs = &jsonNeeds{Fingerprint: c.KeyFingerprint}
	}
	return nil
}

func (r *keyReport) lookAtFiles(src *source, name string) (*unlock.Known, error) {
	file, info, err := readNodeKey(src)
	if err != nil {
		return nil, err
	}
	_, err = unlock.OpenNodeKey(file, src.key)
	if err != nil && !errors.Is(err, unlock.ErrWrongKey) && !errors.Is(err, unlock.ErrLocked) {
		return nil, err
	}
	r.Source, r.Locked, r.Opens, r.ClusterID = name, info.Locked, err == nil, clusterOf(src)
	r.NodeKey = &jsonNodeKey{info.KEKVersion, info.HasPendingDEK, info.NeedsRotation}
	if !r.Opens {
		return nil, nil
	}
	return unlockKeyInLog(src)
}

// judge compares with what the log, the living swarm and the history know.
func (r *keyReport) judge(ctx context.Context, host string, key unlock.Key, inLog *unlock.Known, history *keyring.History) {
	var inSwarm *unlock.Known
	living, err := askSwarm(ctx, host, r.ClusterID)
	if err != nil {
		r.SwarmError = err.Error()
	} else {
		inSwarm = &living.known
	}
	noted := history.Newest(r.ClusterID)
	r.newest = unlock.Newest(inSwarm, inLog, noted)
	r.Log, r.Swarm, r.History = newJSONKnown(inLog), newJSONKnown(inSwarm), newJSONKnown(noted)
	r.Known = history.Find(r.ClusterID, r.Fingerprint)
	r.SwarmHas = !key.IsZero() && r.newest != nil && r.newest.Fingerprint == r.Fingerprint
	r.Verdict = unlock.Judge(r.Locked, r.Opens, key, r.newest)
	r.findNeeds(history)
}

// findNeeds names the key that opens what the one at hand does not.
func (r *keyReport) findNeeds(history *keyring.History) {
	if !r.Locked || r.Opens {
		r.Needs = nil
		return
	}
	if r.Needs == nil {
		if e := history.At(r.ClusterID, r.NodeKey.KEKVersion); e != nil && e.Fingerprint != r.Fingerprint {
			r.Needs = &jsonNeeds{Fingerprint: e.Fingerprint}
		}
	}
	if r.Needs == nil {
		return
	}
	if e := history.Find(r.ClusterID, r.Needs.Fingerprint); e != nil {
		r.Needs.Escrows = e.Escrows
	}
}
