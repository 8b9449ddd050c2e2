package snapshot

import (
	"fmt"
	"strings"
	"time"
)

const (
	archiveSuffix  = ".tar.zst.age"
	manifestSuffix = ".json"
	keepSuffix     = ".keep"
	badSuffix      = ".bad"
	timeLayout     = "20060102T150405.000Z"
)

// Name names a snapshot: CLUSTER/NODE/TIME, times in UTC with milliseconds, so
// that names of one manager sort by age.
type Name string

// NewName composes a name. The ids are those of swarmkit: letters and digits,
// with the prefix "FIPS." for a cluster in FIPS mode.
func NewName(clusterID, nodeID string, at time.Time) Name {
	return Name(clusterID + "/" + nodeID + "/" + at.UTC().Format(timeLayout))
}

// ParseName refuses what NewName cannot have composed.
func ParseName(s string) (Name, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || !isID(parts[0]) || !isID(parts[1]) {
		return "", fmt.Errorf("parse snapshot name %q: want CLUSTER/NODE/TIME", s)
	}
	at, err := time.Parse(timeLayout, parts[2])
	if err != nil {
		return "", fmt.Errorf("parse snapshot name %q: %v", s, err)
	}
	if at.Format(timeLayout) != parts[2] { // Parse takes a comma for the point
		return "", fmt.Errorf("parse snapshot name %q: want a time as %s", s, timeLayout)
	}
	return Name(s), nil
}

func isID(s string) bool {
	other := strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '.'
	})
	return s != "" && s[0] != '.' && other < 0
}

// Cluster is the cluster id in the name, Node the node id.
func (n Name) Cluster() string { return n.part(0) }

// Node is the id of the manager that was copied.
func (n Name) Node() string { return n.part(1) }

// Time is when the copy began, in UTC; zero for a malformed name.
func (n Name) Time() time.Time {
	at, err := time.Parse(timeLayout, n.part(2))
	if err != nil {
		return time.Time{}
	}
	return at
}

func (n Name) part(i int) string {
	parts := strings.Split(string(n), "/")
	if i >= len(parts) {
		return ""
	}
	return parts[i]
}

// Archive is the name of the sealed archive in a store.
func (n Name) Archive() string { return string(n) + archiveSuffix }

// Manifest is the name of the manifest in a store.
func (n Name) Manifest() string { return string(n) + manifestSuffix }

// keep is the name of the marker that protects the snapshot, bad that of the
// marker that says that it did not verify.
func (n Name) keep() string { return string(n) + keepSuffix }
func (n Name) bad() string  { return string(n) + badSuffix }

// manager is CLUSTER/NODE.
func (n Name) manager() string { return n.Cluster() + "/" + n.Node() }

// splitObject tells the objects of snapshots from all else in a store.
func splitObject(object string) (name Name, suffix string, ok bool) {
	end := strings.LastIndexByte(object, '/') + 1 + len(timeLayout)
	if end >= len(object) {
		return "", "", false
	}
	name, err := ParseName(object[:end])
	suffix = object[end:]
	switch suffix {
	case manifestSuffix, archiveSuffix, keepSuffix, badSuffix:
		return name, suffix, err == nil
	}
	return "", "", false
}
