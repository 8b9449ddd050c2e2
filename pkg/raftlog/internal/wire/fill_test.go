package wire_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// message is what all types of the api package are.
type message interface {
	proto.Message
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// sample is a type under test: its shape and how to get an empty one.
type sample struct {
	name  string
	shape *wire.Message
	empty func() message
}

func of[T any, P interface {
	*T
	message
}]() sample {
	name := reflect.TypeFor[T]().Name()
	return sample{name, wire.Type(name), func() message { return P(new(T)) }}
}

// samples are the kinds of objects and what they are stored in.
func samples() []sample {
	return []sample{
		of[api.Node](), of[api.Service](), of[api.Network](), of[api.Task](), of[api.Cluster](),
		of[api.Secret](), of[api.Resource](), of[api.Extension](), of[api.Config](), of[api.Volume](),
		of[api.InternalRaftRequest](), of[api.StoreAction](), of[api.Snapshot](), of[api.ClusterSnapshot](),
		of[api.StoreSnapshot](), of[api.RaftMember](), of[api.ServiceSpec](), of[api.JoinResponse](),
	}
}

func marshal(t testing.TB, m message) []byte {
	t.Helper()
	raw, err := m.Marshal()
	must(t, err)
	return raw
}

// filler fills messages by reflection.
type filler struct {
	rng *rand.Rand
	// chance of a field being set, in percent
	chance int
	// member, if set, chooses that one of each oneof, else chance does
	member func(n int) int
	// text returns what a string or bytes below a path holds
	text func(path string) string
}

func newFiller(seed uint64, chance int) *filler {
	f := &filler{rng: rand.New(rand.NewPCG(seed, 7)), chance: chance}
	f.member = f.rng.IntN
	f.text = func(string) string { return f.word() }
	return f
}

func (f *filler) word() string {
	words := []string{
		"a", "web", "nginx:1.27", "NAME=value", "with \"quotes\" and \\", "tab\tline\n\x01", "<&>", "grüße", "日本語 \u2028", "=",
		"a text of more than one hundred and twenty-eight bytes, so that its length takes two bytes on the wire, as many a label and variable does",
	}
	return words[f.rng.IntN(len(words))]
}

func (f *filler) fill(m any) { f.message(reflect.ValueOf(m).Elem(), "") }

func (f *filler) skips() bool { return f.rng.IntN(100) >= f.chance }

func (f *filler) message(v reflect.Value, path string) {
	switch m := v.Addr().Interface().(type) {
	case *types.Timestamp:
		m.Seconds, m.Nanos = f.rng.Int64N(1e10)-1e9, f.nanos()
		return
	case *types.Duration:
		m.Seconds, m.Nanos = f.rng.Int64N(1e6), f.nanos()
		if f.rng.IntN(2) == 0 {
			m.Seconds, m.Nanos = -m.Seconds, -m.Nanos
		}
		return
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if len(name) > 4 && name[:4] == "XXX_" || f.skips() {
			continue
		}
		f.value(v.Field(i), v, path+"."+name)
	}
}

func (f *filler) nanos() int32 {
	return []int32{0, 5e8, 1e6, 123000, 123456789}[f.rng.IntN(5)]
}

func (f *filler) value(v, parent reflect.Value, path string) {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		v.SetInt(int64(f.rng.IntN(1e9)) * 1e6)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(path))
	case reflect.Bool:
		v.SetBool(f.rng.IntN(4) > 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(f.number())
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.number()))
	case reflect.Float32:
		v.SetFloat([]float64{0.5, 1e-9, 3e22, 0.1}[f.rng.IntN(4)])
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.message(v.Elem(), path)
	case reflect.Struct:
		f.message(v, path)
	case reflect.Slice:
		f.slice(v, path)
	case reflect.Map:
		f.fillMap(v, path)
	case reflect.Interface:
		f.oneof(v, parent, path)
	default:
		panic(fmt.Sprint("no filling for ", v.Type()))
	}
}

// number is small, and of enums mostly a value that has a name.
func (f *filler) number() int64 {
	return []int64{1, 2, 64, 512, 1000, 1 << 30}[f.rng.IntN(6)]
}

func (f *filler) slice(v reflect.Value, path string) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte(f.text(path)))
		return
	}
	n := 1 + f.rng.IntN(3)
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		f.value(v.Index(i), v, path)
	}
}

func (f *filler) fillMap(v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	for i := range 1 + f.rng.IntN(4) {
		value := reflect.New(v.Type().Elem()).Elem()
		f.value(value, v, path+"/*")
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key%d", i)), value)
	}
}

func (f *filler) oneof(v, parent reflect.Value, path string) {
	all := parent.Addr().Interface().(interface{ XXX_OneofWrappers() []any }).XXX_OneofWrappers()
	var fitting []reflect.Type
	for _, w := range all {
		if reflect.TypeOf(w).Implements(v.Type()) {
			fitting = append(fitting, reflect.TypeOf(w).Elem())
		}
	}
	w := reflect.New(fitting[f.member(len(fitting))])
	f.value(w.Elem().Field(0), w.Elem(), path+"."+w.Elem().Type().Field(0).Name)
	v.Set(w)
}
