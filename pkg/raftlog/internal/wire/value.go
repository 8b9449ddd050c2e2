package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
)

const quotedRedacted = `"` + Redacted + `"`

// value renders a value, zero or not: v if it is a number, else data.
func (p *printer) value(dst []byte, f *field, v uint64, data []byte) []byte {
	if f.secret && !p.reveal {
		return covered(dst, f, data)
	}
	switch f.kind {
	case kindString:
		return appendString(dst, data)
	case kindMessage:
		return p.message(dst, f.child, data)
	case kindEnum:
		return f.appendWord(dst, int32(v))
	case kindBool:
		return strconv.AppendBool(dst, v != 0)
	case kindInt32:
		return strconv.AppendInt(dst, int64(int32(v)), 10)
	case kindUint32:
		return strconv.AppendUint(dst, uint64(uint32(v)), 10)
	case kindInt64:
		return append(strconv.AppendInt(append(dst, '"'), int64(v), 10), '"')
	case kindUint64:
		return append(strconv.AppendUint(append(dst, '"'), v, 10), '"')
	case kindFloat:
		return appendFloat(dst, float(v))
	case kindStdDuration:
		return p.duration(dst, data)
	}
	return appendBase64(dst, data)
}

// covered hides a value whatever it is, and of variables all but the name.
func covered(dst []byte, f *field, data []byte) []byte {
	if name, ok := variable(f, data); ok {
		dst = appendString(dst, name)
		dst[len(dst)-1] = '='
		return append(append(dst, Redacted...), '"')
	}
	return append(dst, quotedRedacted...)
}

// variable returns the name of NAME=value.
func variable(f *field, data []byte) (name []byte, ok bool) {
	if !f.env {
		return nil, false
	}
	name, _, ok = bytes.Cut(data, []byte{'='})
	return name, ok
}

// appendWord appends the name of an enum's value, the number if it has none.
func (f *field) appendWord(dst []byte, value int32) []byte {
	for i := range f.words {
		if f.words[i].value == value {
			return append(dst, f.words[i].text...)
		}
	}
	return strconv.AppendInt(dst, int64(value), 10)
}

func float(v uint64) float32 { return math.Float32frombits(uint32(v)) }

// appendFloat writes as encoding/json does.
func appendFloat(dst []byte, v float32) []byte {
	wide := float64(v)
	switch {
	case math.IsNaN(wide):
		return append(dst, `"NaN"`...)
	case math.IsInf(wide, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(wide, -1):
		return append(dst, `"-Infinity"`...)
	}
	size := math.Abs(wide)
	if size != 0 && (float32(size) < 1e-6 || float32(size) >= 1e21) {
		return strconv.AppendFloat(dst, wide, 'e', -1, 32)
	}
	return strconv.AppendFloat(dst, wide, 'f', -1, 32)
}

func appendBase64(dst, data []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), data)
	return append(dst, '"')
}

// appendString quotes text. What is no UTF-8 becomes U+FFFD, as in
// encoding/json, and the characters that HTML minds stay as they are.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plainPrefix(text)
		dst = append(dst, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return append(dst, '"')
		}
		r, size := utf8.DecodeRune(text)
		if size > 1 {
			dst = append(dst, text[:size]...)
		} else {
			dst = appendEscaped(dst, r)
		}
		text = text[size:]
	}
}

// plainPrefix counts the bytes that need no look: ASCII but for control
// characters, quotes and backslashes. It takes eight at a time.
func plainPrefix(text []byte) int {
	n := 0
	for n+8 <= len(text) && plainEight(text[n:]) {
		n += 8
	}
	if end := len(text); n > 0 && end-n < 8 && plainEight(text[end-8:]) {
		return end
	}
	for n < len(text) && text[n] >= 0x20 && text[n] < 0x80 && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}

func plainEight(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	x := binary.LittleEndian.Uint64(text)
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	special := x | (x - ones*0x20) | (quote - ones) | (slash - ones)
	return special&high == 0
}

func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case utf8.RuneError:
		return append(dst, `\ufffd`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
}
