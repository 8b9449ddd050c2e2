package raftlog

import "github.com/moby/swarmkit/v2/api"

// ObjectsOf wraps what the engine's store saves.
func ObjectsOf(s *api.StoreSnapshot) []Object { return storeObjects(s) }
