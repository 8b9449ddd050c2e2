package wire

// Untidy tells that AppendJSON renders raw a second time, with care.
func Untidy(m *Message, raw []byte) bool {
	p := printer{}
	p.message(nil, m, raw)
	return p.untidy
}
