package compose_test

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
)

// filler gives every field below a value a value of its own. Of a oneof it
// takes the member number choice, or the last. The elements of a list of
// messages differ: each has another member of its oneofs and another value of
// its enums.
type filler struct {
	n, choice int
}

// listLength is that of the largest enum in a list: the propagation of mounts.
const listLength = 6

// single is the index of what is in no list.
const single = -1

func (f *filler) fill(v reflect.Value, index int) {
	f.n++
	switch x := v.Addr().Interface().(type) {
	case **types.Duration:
		*x = types.DurationProto(time.Duration(f.n) * time.Second)
		return
	case **types.BoolValue:
		*x = &types.BoolValue{Value: true}
		return
	case **types.Int64Value:
		*x = &types.Int64Value{Value: int64(f.n)}
		return
	case **types.Any:
		*x = &types.Any{TypeUrl: "any", Value: []byte("any")}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(f.integer(v, index))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Float32:
		v.SetFloat(float64(f.n) / 1024)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), index)
	case reflect.Struct:
		f.fillStruct(v, index)
	case reflect.Slice:
		f.fillSlice(v)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key%d", f.n)), reflect.ValueOf(fmt.Sprintf("text%d", f.n)))
	default:
		panic(fmt.Sprintf("no filling for %s", v.Type()))
	}
}

// integer is one that an enum knows, or any.
func (f *filler) integer(v reflect.Value, index int) int64 {
	_, isEnum := v.Interface().(interface{ EnumDescriptor() ([]byte, []int) })
	if !isEnum {
		return int64(f.n)
	}
	for _, value := range []int64{int64(index), 1} {
		v.SetInt(value)
		if fmt.Sprint(v.Interface()) != fmt.Sprint(value) {
			return value
		}
	}
	return int64(api.IPAMConfig_IPV4)
}

func (f *filler) fillStruct(v reflect.Value, index int) {
	for i := range v.NumField() {
		if v.Field(i).Kind() != reflect.Interface {
			f.fill(v.Field(i), index)
			continue
		}
		members := membersOf(v)
		choice := min(f.choice, len(members)-1)
		if index != single {
			choice = index % len(members)
		}
		if _, ok := v.Interface().(api.TaskSpec); ok {
			choice = slices.Index(members, reflect.TypeFor[api.TaskSpec_Container]())
		}
		member := reflect.New(members[choice])
		f.fill(member.Elem(), index)
		v.Field(i).Set(member)
	}
}

// membersOf are the types of the one oneof of a message.
func membersOf(message reflect.Value) []reflect.Type {
	of := message.Addr().Interface().(interface{ XXX_OneofWrappers() []any })
	var all []reflect.Type
	for _, w := range of.XXX_OneofWrappers() {
		all = append(all, reflect.TypeOf(w).Elem())
	}
	return all
}

func (f *filler) fillSlice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(fmt.Appendf(nil, "text%d", f.n))
		return
	}
	length := listLength
	if v.Type().Elem().Kind() == reflect.String {
		length = 1
	}
	v.Set(reflect.MakeSlice(v.Type(), length, length))
	for i := range length {
		f.fill(v.Index(i), i)
	}
}

func filled(spec any, choice int) {
	f := &filler{choice: choice}
	f.fill(reflect.ValueOf(spec).Elem(), single)
}

// clearLeaf clears the leaf number n below a value, counted in the order of
// fields, and returns its path; none if there are fewer.
func clearLeaf(v reflect.Value, n *int, path string) string {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return ""
	case v.Kind() == reflect.Interface, v.Kind() == reflect.Pointer && !isWrapper(v):
		return clearLeaf(v.Elem(), n, path)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if found := clearLeaf(v.Field(i), n, path+"."+v.Type().Field(i).Name); found != "" {
				return found
			}
		}
		return ""
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 && v.Type().Elem().Kind() != reflect.String:
		for i := range v.Len() {
			if found := clearLeaf(v.Index(i), n, fmt.Sprintf("%s[%d]", path, i)); found != "" {
				return found
			}
		}
		return ""
	}
	if v.IsZero() {
		return ""
	}
	if *n--; *n >= 0 {
		return ""
	}
	v.SetZero()
	return path
}

func isWrapper(v reflect.Value) bool {
	return v.Type().Elem().PkgPath() == reflect.TypeFor[types.Duration]().PkgPath()
}
