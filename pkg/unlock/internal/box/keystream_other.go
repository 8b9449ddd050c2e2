//go:build !amd64

package box

const fast = false

func keystream(*[chunk]byte, *stream) { panic("no AVX2") }
