package snapshot

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"slices"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// checkState checks that the objects of the state are those of one swarm, and
// that this manager is one of it.
func (i *inspector) checkState() {
	if i.state == nil {
		return
	}
	self := i.log.Self()
	if n := i.state.Newer(); n > 0 {
		i.note("format", StatusWarning, "%d objects hold fields of an engine newer than this program knows; they are kept", n)
	}
	voter := slices.ContainsFunc(i.state.Members, func(m raftlog.Member) bool { return m.RaftID == self.RaftID })
	i.require("membership", voter, "this manager (raft ID %x) is one of %d voters", self.RaftID, len(i.state.Members))
	_, known := i.state.Object(raftlog.KindNode, self.NodeID)
	i.require("node-object", known, "its node %s is in the swarm", self.NodeID)
	cluster, err := i.state.Cluster()
	if err != nil {
		i.note("cluster", StatusDamaged, "%v", err)
		return
	}
	i.require("cluster", cluster.Spec.Annotations.Name == "default", "there is one cluster object, %s, and its name is default", cluster.ID)
	i.checkUnlockKey(cluster)
	if len(cluster.RootCA.CAKey) > 0 {
		i.note("ca-key", StatusOK, "the log holds the CA key: certificates can be renewed from it")
	} else {
		i.note("ca-key", StatusWarning, "an external CA: certificates cannot be renewed from the log")
	}
}

// require notes a sentence that is true, or else is damage.
func (i *inspector) require(check string, holds bool, format string, args ...any) {
	if holds {
		i.note(check, StatusOK, format, args...)
		return
	}
	i.note(check, StatusDamaged, "not true: "+format, args...)
}

// checkUnlockKey compares the node key with what the swarm says of its unlock
// key. They differ while a manager is down.
func (i *inspector) checkUnlockKey(cluster *api.Cluster) {
	const check = "unlock-key"
	if i.nodeKey == nil {
		return
	}
	current, err := UnlockKey(cluster)
	if err != nil {
		i.note(check, StatusDamaged, "that of the cluster object: %v", err)
		return
	}
	version, latest := i.nodeKey.KEKVersion(), cluster.Meta.Version.Index
	switch {
	case version > latest:
		i.note(check, StatusWarning, "kek-version %d of the node key is beyond version %d of the cluster: the engine would not take a new unlock key", version, latest)
	case i.nodeKey.Locked() && current.IsZero():
		i.note(check, StatusWarning, "the node key is locked, the swarm is not: autolock was switched off while this manager was down")
	case !i.nodeKey.Locked() && !current.IsZero():
		i.note(check, StatusWarning, "the swarm is locked, the node key is not: autolock was switched on while this manager was down, or the key was stripped")
	case i.nodeKey.Locked() && !current.Equal(i.o.Key):
		i.note(check, StatusWarning, "it is an older one (%s): the swarm has rotated to %s", i.o.Key.Fingerprint(), current.Fingerprint())
	case i.nodeKey.Locked():
		i.note(check, StatusOK, "it is the current one (%s)", current.Fingerprint())
	default:
		i.note(check, StatusOK, "neither the swarm nor the node key is locked")
	}
}

// UnlockKey returns the unlock key that a cluster object holds, the zero Key if
// autolock is off. The error is a *unlock.KeyFormatError.
func UnlockKey(cluster *api.Cluster) (unlock.Key, error) {
	for _, k := range cluster.UnlockKeys {
		if k.Subsystem == "swarm-manager" { // ca.ManagerRole of swarmkit
			return unlock.NewKey(k.Key)
		}
	}
	return unlock.Key{}, nil
}

// checkCertificates checks the certificates against log, key and cluster, as far
// as those are there.
func (i *inspector) checkCertificates() {
	const check = "certificates"
	chain, err := readCertificates(i.fsys, nodeCertPath)
	if err == nil {
		var roots []*x509.Certificate
		if roots, err = readCertificates(i.fsys, rootCertPath); err == nil {
			i.checkChain(chain, roots)
			return
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		i.note(check, StatusSkipped, "%v", err)
		return
	}
	i.note(check, StatusDamaged, "%v", err)
}

func (i *inspector) checkChain(chain, roots []*x509.Certificate) {
	leaf := chain[0]
	i.require("certificate-chain", issued(roots, chain), "the node certificate is from the CA in %s", rootCertPath)
	i.require("certificate-role", slices.Contains(leaf.Subject.OrganizationalUnit, "swarm-manager"), "it is that of a manager")
	if i.log != nil {
		i.require("certificate-node", leaf.Subject.CommonName == i.log.Self().NodeID, "it is that of the node which wrote the log")
	}
	if i.nodeKey != nil {
		i.require("certificate-key", samePublicKey(leaf, i.nodeKey) == nil, "it belongs to the node key")
	}
	i.checkIssuer(chain, roots)
	i.checkDates(leaf)
}

func (i *inspector) checkIssuer(chain, roots []*x509.Certificate) {
	if i.state == nil {
		return
	}
	cluster, err := i.state.Cluster()
	if err != nil {
		return // the check of the cluster has told
	}
	i.require("certificate-cluster", slices.Equal(chain[0].Subject.Organization, []string{cluster.ID}), "it is for cluster %s", cluster.ID)
	const check = "certificate-ca"
	own, err := parseCertificates(rootCertPath, cluster.RootCA.CACert)
	known := err == nil && issued(own, chain)
	switch {
	case !known && cluster.RootCA.RootRotation != nil:
		i.note(check, StatusWarning, "the swarm is changing its CA, and this certificate is from the other one")
	case known && !slices.EqualFunc(roots, own, (*x509.Certificate).Equal):
		i.note(check, StatusWarning, "it is from the CA of the cluster object, which is not byte for byte that in %s; join tokens name its digest", rootCertPath)
	default:
		i.require(check, known, "it is from the CA of the cluster object")
	}
}

func (i *inspector) checkDates(leaf *x509.Certificate) {
	const check = "certificate-dates"
	switch {
	case i.o.Now.After(leaf.NotAfter):
		i.note(check, StatusWarning, "it expired on %s; force-new-cluster takes it all the same (swarmkit#1919)", leaf.NotAfter.Format("2006-01-02 15:04 MST"))
	case i.o.Now.Before(leaf.NotBefore):
		i.note(check, StatusWarning, "it is not valid before %s: the engine will not start; is the clock right?", leaf.NotBefore.Format("2006-01-02 15:04 MST"))
	default:
		i.note(check, StatusOK, "valid until %s", leaf.NotAfter.Format("2006-01-02 15:04 MST"))
	}
}
