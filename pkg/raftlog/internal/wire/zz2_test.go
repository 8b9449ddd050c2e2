package wire_test
import ("testing";"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire")
func TestMain(m *testing.M) { t := task(); wire.Raw, _ = t.Marshal(); m.Run() }
