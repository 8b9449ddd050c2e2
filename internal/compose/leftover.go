package compose

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gogo/protobuf/types"
)

// take returns what p points to and clears it. Whatever goes into the Compose
// file is taken out of a copy of its spec, so that what is left over at the end
// is what Compose has no word for: nothing is lost silently, not even a field
// that swarmkit has yet to invent.
func take[T any](p *T) T {
	value := *p
	var zero T
	*p = zero
	return value
}

// takeDuration returns nil where there is none. What is out of Go's range stays.
func takeDuration(p **types.Duration) *string {
	d, err := types.DurationFromProto(*p)
	if *p == nil || err != nil {
		return nil
	}
	*p = nil
	text := d.String()
	return &text
}

// leftovers names the fields of a spec that still hold something, as they are
// called in swarmkit's specs.proto.
func leftovers(spec any) []string { return remains(reflect.ValueOf(spec), "") }

func remains(v reflect.Value, path string) []string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if isValue(v.Type()) {
			return []string{path}
		}
		return remains(v.Elem(), path)
	case reflect.Struct:
		return remainingFields(v, path)
	case reflect.Slice:
		return remainingItems(v, path)
	case reflect.Map:
		if v.Len() == 0 {
			return nil
		}
	default:
		if v.IsZero() {
			return nil
		}
	}
	return []string{path}
}

// isValue tells wrappers whose presence alone says something.
func isValue(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[*types.Duration](), reflect.TypeFor[*types.BoolValue](),
		reflect.TypeFor[*types.Int64Value](), reflect.TypeFor[*types.Any]():
		return true
	}
	return false
}

func remainingFields(v reflect.Value, path string) []string {
	var found []string
	for i := range v.NumField() {
		under := path // a oneof: its member has the name
		if name := fieldName(v.Type().Field(i)); name != "" {
			under = strings.TrimPrefix(path+"."+name, ".")
		}
		found = append(found, remains(v.Field(i), under)...)
	}
	return found
}

func fieldName(f reflect.StructField) string {
	for part := range strings.SplitSeq(f.Tag.Get("protobuf"), ",") {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			return name
		}
	}
	return ""
}

func remainingItems(v reflect.Value, path string) []string {
	kind := v.Type().Elem().Kind()
	if v.Len() > 0 && kind != reflect.Struct && kind != reflect.Pointer {
		return []string{path}
	}
	var found []string
	for i := range v.Len() {
		found = append(found, remains(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
	}
	return found
}
