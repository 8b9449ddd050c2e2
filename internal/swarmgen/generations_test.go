package swarmgen_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// Markers have a conf_state from 23.0 on, in recordings as in what is written
// here.
func TestMarkers(t *testing.T) {
	dirs := map[string]bool{
		fixture.Dir(t, "20.10.24-raft-snapshots") + "/swarm/raft/wal-v3-encrypted": false,
		fixture.Dir(t, "26.1.5-raft-snapshots") + "/swarm/raft/wal-v3-encrypted":   true,
		fixture.Dir(t, "28.5.2-raft-snapshots") + "/swarm/raft/wal-v3-encrypted":   true,
	}
	for name, want := range map[string]bool{
		"docker-1.12-raft-snapshot/raft/wal": false, "development-raft-snapshot/raft/wal-v3": false,
		"old-markers/raft/wal-v3-encrypted": false, "raft-snapshots/raft/wal-v3-encrypted": true,
	} {
		root := t.TempDir()
		swarmgen.Named(t, filepath.Dir(filepath.Dir(name))).Build(t, filepath.Join(root, filepath.Dir(filepath.Dir(name))))
		dirs[filepath.Join(root, name)] = want
	}
	for dir, want := range dirs {
		count := 0
		records(t, dir, func(rec *walpb.Record) {
			var marker walpb.Snapshot
			if rec.Type != wal.SnapshotType {
				return
			}
			must(t, marker.Unmarshal(rec.Data))
			if marker.Index == 0 {
				return // the marker of an empty log has none anywhere
			}
			if count++; (marker.ConfState != nil) != want {
				t.Errorf("%s: marker %d has conf_state %v", dir, marker.Index, marker.ConfState)
			}
		})
		if count == 0 {
			t.Errorf("%s has no marker", dir)
		}
	}
}

// In 1.12 frames are not padded and nothing is behind the last one.
func TestFrames(t *testing.T) {
	for name, want := range map[string]bool{"docker-1.12/raft/wal": false, "development/raft/wal-v3": true} {
		root := t.TempDir()
		c := filepath.Dir(filepath.Dir(name))
		swarmgen.Named(t, c).Build(t, filepath.Join(root, c))
		data, err := os.ReadFile(filepath.Join(root, name, "0000000000000000-0000000000000000.wal"))
		must(t, err)
		padded := true
		for at := 0; at+8 <= len(data) && binary.LittleEndian.Uint64(data[at:]) != 0; {
			field := binary.LittleEndian.Uint64(data[at:])
			padded = padded && at%8 == 0
			at += 8 + int(field&(1<<56-1)) + int(field>>56&7)
		}
		if zeros := bytes.HasSuffix(data, make([]byte, 512)); padded != want || zeros != want {
			t.Errorf("%s: padded %v, zeros at its end %v, want %v", name, padded, zeros, want)
		}
	}
}

// records hands each record of the log to f, in order.
func records(t *testing.T, walDir string, f func(*walpb.Record)) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(walDir, "*.wal"))
	must(t, err)
	for _, name := range segments {
		file, err := os.Open(name)
		must(t, err)
		decoder := wal.NewDecoder(fileutil.NewFileReader(file))
		var rec walpb.Record
		for decoder.Decode(&rec) == nil {
			if rec.Type == wal.CrcType {
				decoder.UpdateCRC(rec.Crc)
			}
			f(&rec)
		}
		must(t, file.Close())
	}
}
