package wire

import (
	"strconv"
	"strings"
	"sync"

	"github.com/gogo/protobuf/gogoproto"
	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
)

const swarmkitPackage = ".docker.swarmkit.v1."

// Type returns the shape of a message of package docker.swarmkit.v1, such as
// "Task" or "Mount.VolumeOptions", with all below it. It is nil for a name that
// is unknown, and for the messages of raft itself, which are of another package.
func Type(name string) *Message {
	return shapes().get(name)
}

var shapes = sync.OnceValue(func() *builder {
	messages, enums := registered()
	b := &builder{messages: messages, enums: enums, built: map[place]*Message{}}
	b.differs.New = func() any { return &differ{} }
	return b
})

// place is a type below two names; no rule on secrets looks further up.
type place struct{ name, grandparent, parent string }

type builder struct {
	messages map[string]*descriptor.DescriptorProto
	enums    map[string]*descriptor.EnumDescriptorProto

	mu    sync.Mutex
	built map[place]*Message

	differs sync.Pool
}

func (b *builder) get(name string) *Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.message(place{name: swarmkitPackage + name}, 0)
}

// message returns nil for what has fields of forms that are not known here, or
// nests too deep. What it builds stays as it is from then on.
func (b *builder) message(at place, depth int) *Message {
	if m, ok := b.built[at]; ok {
		return m
	}
	d := b.messages[at.name]
	if d == nil || depth == maxDepth {
		return nil
	}
	m := &Message{name: strings.TrimPrefix(at.name, swarmkitPackage), form: formOf(at.name)}
	for _, f := range d.Field {
		if !b.addField(m, at, f, depth) {
			return nil
		}
	}
	m.mixed = hasChoice(d)
	b.built[at] = m
	return m
}

// hasChoice tells of a oneof: gogo puts the member where the last of its
// members would be.
func hasChoice(d *descriptor.DescriptorProto) bool {
	members := map[int32]int{}
	for _, f := range d.Field {
		if f.OneofIndex != nil {
			members[f.GetOneofIndex()]++
		}
	}
	for _, n := range members {
		if n > 1 {
			return true
		}
	}
	return false
}

func formOf(name string) form {
	name, known := strings.CutPrefix(name, ".google.protobuf.")
	switch {
	case !known:
		return formObject
	case name == "Timestamp":
		return formTimestamp
	case name == "Duration":
		return formDuration
	case name == "Any":
		return formAny
	}
	return formWrapper
}

func (b *builder) addField(m *Message, at place, d *descriptor.FieldDescriptorProto, depth int) bool {
	f := field{number: int(d.GetNumber()), name: d.GetJsonName(), list: d.IsRepeated()}
	f.label = strconv.Quote(f.name) + ":"
	value := d
	if entry := b.entry(d); entry != nil {
		f.list, f.isMap, value = false, true, entry.Field[1]
		if entry.Field[0].GetType() != descriptor.FieldDescriptorProto_TYPE_STRING {
			return false
		}
	}
	f.kind = kindOf(value)
	if d.OneofIndex != nil {
		f.oneof = uint8(*d.OneofIndex) + 1
	}
	switch f.kind {
	case kindUnknown:
		return false
	case kindEnum:
		f.words = wordsOf(b.enums[value.GetTypeName()])
	case kindMessage, kindStdDuration:
		below := place{name: value.GetTypeName(), grandparent: at.parent, parent: f.name}
		if f.child = b.message(below, depth+1); f.child == nil {
			return false
		}
	}
	f.always = f.kind == kindMessage && !f.list && !f.isMap && f.oneof == 0 && !gogoproto.IsNullable(d)
	f.cover(at, m.form)
	return m.add(f)
}

// entry returns the message of the entries of a map, nil for other fields.
func (b *builder) entry(d *descriptor.FieldDescriptorProto) *descriptor.DescriptorProto {
	m := b.messages[d.GetTypeName()]
	if m == nil || !m.GetOptions().GetMapEntry() {
		return nil
	}
	return m
}

// cover marks what is secret.
func (f *field) cover(at place, parent form) {
	path := []string{at.grandparent, at.parent, f.name}
	switch {
	case parent == formAny:
		f.secret = f.number == anyValue && isSecret("@value")
	case f.isMap:
		f.secret = isSecret(append(path, "\x00any key")...)
	case f.child == nil:
		f.secret = isSecret(path...)
		f.env = f.secret && f.name == "env" && f.list
	}
}

func kindOf(d *descriptor.FieldDescriptorProto) kind {
	switch d.GetType() {
	case descriptor.FieldDescriptorProto_TYPE_BOOL:
		return kindBool
	case descriptor.FieldDescriptorProto_TYPE_INT32:
		return kindInt32
	case descriptor.FieldDescriptorProto_TYPE_INT64:
		return kindInt64
	case descriptor.FieldDescriptorProto_TYPE_UINT32:
		return kindUint32
	case descriptor.FieldDescriptorProto_TYPE_UINT64:
		return kindUint64
	case descriptor.FieldDescriptorProto_TYPE_ENUM:
		return kindEnum
	case descriptor.FieldDescriptorProto_TYPE_FLOAT:
		return kindFloat
	case descriptor.FieldDescriptorProto_TYPE_STRING:
		return kindString
	case descriptor.FieldDescriptorProto_TYPE_BYTES:
		return kindBytes
	case descriptor.FieldDescriptorProto_TYPE_MESSAGE:
		if gogoproto.IsStdDuration(d) {
			return kindStdDuration
		}
		return kindMessage
	}
	return kindUnknown
}

// add refuses lists and maps of forms that no message of swarmkit has.
func (m *Message) add(f field) bool {
	if f.list && (f.kind == kindFloat || f.kind == kindStdDuration) || f.isMap && f.kind != kindString && f.kind != kindMessage {
		return false
	}
	for len(m.fields) <= f.number {
		m.fields = append(m.fields, field{})
	}
	f.op = op{step: f.step(), child: noChild}
	if f.child != nil {
		f.op.child = uint8(len(m.children))
		m.children = append(m.children, f.child)
	}
	f.wire = f.wireType()
	if tag := f.number<<3 | f.wire; tag < 0x80 {
		m.ops[tag] = f.op
	}
	m.fields[f.number] = f
	m.always = nil
	for number := range m.fields {
		if m.fields[number].always {
			m.always = append(m.always, number)
		}
	}
	return len(m.children) < noChild
}

func wordsOf(d *descriptor.EnumDescriptorProto) []word {
	var words []word
	for _, v := range d.GetValue() {
		words = append(words, word{value: v.GetNumber(), text: strconv.Quote(v.GetName())})
	}
	return words
}
