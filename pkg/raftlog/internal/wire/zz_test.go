package wire
import "testing"
func count(m *Message, raw []byte) (n int) {
	for len(raw) > 0 { w, at := next(raw); n++; f := m.field(w.Number); if f.isMap {n+=2} else if f.child != nil { n += count(f.child, w.Data) }; raw = raw[at:] }
	return
}
var Raw []byte
func TestCount(t *testing.T) { t.Log(len(Raw), count(Type("Task"), Raw)) }
