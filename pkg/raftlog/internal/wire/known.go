package wire

import (
	"strconv"
	"time"
)

// The numbers of fields in types that JSON shows in a form of their own.
const (
	fieldSeconds = 1
	fieldNanos   = 2
	wrapped      = 1
	anyURL       = 1
	anyValue     = 2
)

// maxSeconds of a duration, of the JSON form.
const maxSeconds = 315576000000

func secondsAndNanos(raw []byte) (seconds, nanos int64) {
	for at := 0; at < len(raw); {
		tag, begin, end := head(raw, at)
		if end < 0 {
			return 0, 0
		}
		switch tag {
		case fieldSeconds<<3 | wireVarint:
			v, _ := uvarint(raw, begin)
			seconds = int64(v)
		case fieldNanos<<3 | wireVarint:
			v, _ := uvarint(raw, begin)
			nanos = int64(int32(v))
		}
		at = end
	}
	return seconds, nanos
}

func validDuration(seconds, nanos int64) bool {
	return seconds >= -maxSeconds && seconds <= maxSeconds && nanos > -1e9 && nanos < 1e9 &&
		(seconds <= 0 || nanos >= 0) && (seconds >= 0 || nanos <= 0)
}

func (p *printer) timestamp(dst, raw []byte) []byte {
	seconds, nanos := secondsAndNanos(raw)
	if nanos < 0 || nanos >= 1e9 {
		return p.fail(dst, "timestamp out of range")
	}
	dst = time.Unix(seconds, 0).UTC().AppendFormat(append(dst, '"'), time.RFC3339)
	dst = appendFraction(dst[:len(dst)-1], nanos)
	return append(dst, 'Z', '"')
}

func (p *printer) duration(dst, raw []byte) []byte {
	seconds, nanos := secondsAndNanos(raw)
	if !validDuration(seconds, nanos) {
		return p.fail(dst, "duration out of range")
	}
	dst = append(dst, '"')
	if seconds == 0 && nanos < 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendInt(dst, seconds, 10)
	dst = appendFraction(dst, max(nanos, -nanos))
	return append(dst, 's', '"')
}

// appendFraction appends none, three, six or nine digits.
func appendFraction(dst []byte, nanos int64) []byte {
	if nanos == 0 {
		return dst
	}
	digits := [10]byte{'.'}
	for i := 9; i > 0; i-- {
		digits[i] = byte('0' + nanos%10)
		nanos /= 10
	}
	n := 10
	for n > 4 && string(digits[n-3:n]) == "000" {
		n -= 3
	}
	return append(dst, digits[:n]...)
}

// wrapper shows the value alone, zero included.
func (p *printer) wrapper(dst []byte, m *Message, raw []byte) []byte {
	f := last(raw, wrapped)
	return p.value(dst, m.field(wrapped), f.Varint, f.Data)
}

// any shows the payload as its bytes: its type is that of a plugin, and there
// is no telling what is in it. One without bytes reads null.
func (p *printer) any(dst []byte, m *Message, raw []byte) []byte {
	url, payload := last(raw, anyURL), last(raw, anyValue)
	dst = append(dst, '{')
	if len(url.Data) > 0 {
		dst = append(appendString(append(dst, `"@type":`...), url.Data), ',')
	}
	dst = append(dst, `"@value":`...)
	switch {
	case m.fields[anyValue].secret && !p.reveal:
		dst = append(dst, quotedRedacted...)
	case payload.Number == 0:
		dst = append(dst, "null"...)
	default:
		dst = appendBase64(dst, payload.Data)
	}
	return append(dst, '}')
}
