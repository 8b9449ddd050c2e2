package unlock_test

import (
	"testing"

	"github.com/moby/swarmkit/v2/manager/encryption"
)

// A log holds a record for each of its entries: none may cost an allocation
// where the buffer is large enough.
func TestAppendDecryptAllocatesNothing(t *testing.T) {
	dek := encryption.GenerateSecretKey()
	record := engineRecord(t, make([]byte, 1000), dek, false)
	deks, buffer := engineNode{dek: dek}.opened(t).DEKs(), make([]byte, 0, 1000)
	n := testing.AllocsPerRun(100, func() {
		if _, err := deks.AppendDecrypt(buffer, record); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
