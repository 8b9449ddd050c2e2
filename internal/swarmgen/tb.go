package swarmgen

// TB is what the package uses of testing.TB, so that a command can build a
// directory too. Fatal does not return.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

func must(t TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
