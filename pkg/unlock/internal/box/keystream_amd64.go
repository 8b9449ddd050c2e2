package box

import "golang.org/x/sys/cpu"

var fast = cpu.X86.HasAVX2

// keystream writes the six blocks of Salsa20 that begin at s. It needs AVX2.
//
//go:noescape
func keystream(dst *[chunk]byte, s *stream)
