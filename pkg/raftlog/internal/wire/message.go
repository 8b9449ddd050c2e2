// Package wire reads the messages of swarmkit from their bytes: it checks
// them, renders them as JSON with their secrets covered and compares them,
// without decoding them into the types of swarmkit's api package.
//
// [Type] gives the shape of a message, made once from the descriptors that the
// api package registers. What is valid is what the code generated for that
// package takes: [Message.Check] finds no error if and only if Unmarshal finds
// none. All of it is safe for concurrent use.
package wire

import "fmt"

// Message is the shape of one type of message, at one place: the same type can
// hold secrets below one parent and none below another.
type Message struct {
	name   string
	form   form
	fields []field // by number, those of kind kindUnknown are not there
	always []int   // numbers of the fields that JSON shows even where absent
	mixed  bool    // gogo does not write its fields in order

	// What Check needs, kept close together: by tag, where that is one byte.
	ops      [256]op
	children []*Message
}

// form tells messages that JSON shows as something else than an object.
type form uint8

const (
	formObject form = iota
	formTimestamp
	formDuration
	formWrapper
	formAny
)

type kind uint8

const (
	kindUnknown kind = iota
	kindBool
	kindInt32
	kindInt64
	kindUint32
	kindUint64
	kindEnum
	kindFloat
	kindString
	kindBytes
	kindMessage
	kindStdDuration // a duration that the api package keeps as time.Duration
)

// field is the shape of one field. What rendering always needs stands first.
type field struct {
	label  string // "name":
	child  *Message
	kind   kind // of a map, that of its values
	list   bool
	isMap  bool // keys are strings
	always bool // a message that is never nil in the api package
	oneof  uint8
	secret bool
	env    bool // NAME=value, of which the value is secret
	op     op
	wire   int
	number int
	words  []word // of an enum
	name   string // in JSON
}

// word is the name of a value of an enum, quoted.
type word struct {
	value int32
	text  string
}

// step is what Check does with a field.
type step uint8

const (
	stepRare step = iota // unknown, or of a form that is read with care
	stepBytes
	stepVarint
	stepMessage
	stepNumbers // a message of one or two varints, and nothing else
	stepMap
	stepFloat
	stepStdDuration
	stepDone // rare has passed over it
)

// op is what Check does at a tag.
type op struct {
	step  step
	child uint8 // the index in children of a message, of a map's values
}

const noChild = 0xff

// The wire types.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wireGroup  = 3
	wireEnd    = 4
	wire32     = 5
)

// maxDepth bounds the nesting of messages; those of swarmkit stay below 12.
const maxDepth = 16

// field returns nil for a number that the message does not know.
func (m *Message) field(number int) *field {
	if number >= len(m.fields) || m.fields[number].kind == kindUnknown {
		return nil
	}
	return &m.fields[number]
}

// Error tells where bytes are not a message of the wanted type.
type Error struct {
	// Offset is the first byte of the damaged field, in what was handed in;
	// -1 where it is not known.
	Offset int
	// What is wrong, in a few words.
	What string
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return "decode message: " + e.What
	}
	return fmt.Sprintf("decode message: offset %d: %s", e.Offset, e.What)
}
