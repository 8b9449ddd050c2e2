package wire

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	_ "github.com/gogo/protobuf/types"  // registers the files of google/protobuf
	_ "github.com/moby/swarmkit/v2/api" // registers its own
)

// files are the descriptors that hold all that a swarm stores, by the names
// they are registered under.
func files() []string {
	const api = "github.com/docker/swarmkit/api/"
	return []string{
		api + "ca.proto", api + "control.proto", api + "dispatcher.proto", api + "health.proto",
		api + "logbroker.proto", api + "objects.proto", api + "raft.proto", api + "resource.proto",
		api + "snapshot.proto", api + "specs.proto", api + "types.proto", api + "watch.proto",
		"google/protobuf/any.proto", "google/protobuf/duration.proto",
		"google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
	}
}

// registered returns all messages and enums by their full names, with a dot in
// front as descriptors refer to them. A file that cannot be read is left out,
// and [Type] returns nil for what needs it.
func registered() (map[string]*descriptor.DescriptorProto, map[string]*descriptor.EnumDescriptorProto) {
	messages, enums := map[string]*descriptor.DescriptorProto{}, map[string]*descriptor.EnumDescriptorProto{}
	for _, name := range files() {
		file := readDescriptor(proto.FileDescriptor(name))
		prefix := "." + file.GetPackage() + "."
		for _, e := range file.GetEnumType() {
			enums[prefix+e.GetName()] = e
		}
		for _, m := range file.GetMessageType() {
			register(messages, enums, prefix, m)
		}
	}
	return messages, enums
}

func register(messages map[string]*descriptor.DescriptorProto, enums map[string]*descriptor.EnumDescriptorProto, prefix string, m *descriptor.DescriptorProto) {
	name := prefix + m.GetName()
	messages[name] = m
	for _, e := range m.EnumType {
		enums[name+"."+e.GetName()] = e
	}
	for _, nested := range m.NestedType {
		register(messages, enums, name+".", nested)
	}
}

// readDescriptor returns nil, which reads as an empty file, for what is none.
func readDescriptor(packed []byte) *descriptor.FileDescriptorProto {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	var file descriptor.FileDescriptorProto
	if err := proto.Unmarshal(plain, &file); err != nil {
		return nil
	}
	return &file
}
