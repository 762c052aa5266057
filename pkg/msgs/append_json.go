package msgs

import (
	"encoding/binary"
	"encoding/json"
	"strconv"

	"sluice/pkg/money"
)

// writer lays JSON out. A member whose name ends in If is left out when it is zero.
type writer struct {
	b   []byte
	err error // the first of encoding/json
}

// marshal has encoding/json write a value.
func (w *writer) marshal(v any) {
	raw, err := json.Marshal(v)
	if w.err == nil {
		w.err = err
	}
	w.b = append(w.b, raw...)
}

func (w *writer) open()  { w.b = append(w.b, '{') }
func (w *writer) close() { w.b = append(w.b, '}') }

// name begins a member: behind a comma, unless it is its object's first.
func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) text(name, s string) {
	w.name(name)
	w.b = append(w.b, '"')
	from := len(w.b)
	w.b = append(w.b, s...)
	if !bare(w.b[from:]) {
		w.b = w.b[:from-1]
		w.marshal(s)
		return
	}
	w.b = append(w.b, '"')
}

// bare reports whether text stands in JSON as it is: ASCII but for what JSON escapes, and what encoding/json escapes for the
// sake of HTML. It looks at eight bytes at a time: most of an event is hashes and addresses.
func bare(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if escapes(binary.LittleEndian.Uint64(text)) {
			return false
		}
	}
	rest := [8]byte([]byte("        "))
	copy(rest[:], text)
	return !escapes(binary.LittleEndian.Uint64(rest[:]))
}

// escapes reports whether any of the eight bytes of x is a control character, beyond ASCII, or one of " & < > and \. A byte's
// top bit comes out of a subtraction when the byte was smaller; where it was equal, after exclusive or, when it was below one.
func escapes(x uint64) bool {
	const (
		each = 0x0101010101010101
		top  = 0x80 * each
	)
	control := x - ' '*each
	angle := ((x | 2*each) ^ '>'*each) - each // < is > without the bit of 2
	quote := ((x | 4*each) ^ '&'*each) - each // " is & without the bit of 4
	slash := (x ^ '\\'*each) - each
	return (control|angle|quote|slash|x)&top != 0
}

func (w *writer) textIf(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *writer) whole(name string, v int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *writer) wholeIf(name string, v int64) {
	if v != 0 {
		w.whole(name, v)
	}
}

func (w *writer) count(name string, v uint64) {
	w.name(name)
	w.b = strconv.AppendUint(w.b, v, 10)
}

func (w *writer) countIf(name string, v uint64) {
	if v != 0 {
		w.count(name, v)
	}
}

// units writes a whole number as a string.
func (w *writer) units(name string, v int64) {
	w.name(name)
	w.b = append(w.b, '"')
	w.b = strconv.AppendInt(w.b, v, 10)
	w.b = append(w.b, '"')
}

func (w *writer) flag(name string, v bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *writer) flagIf(name string, v bool) {
	if v {
		w.flag(name, v)
	}
}

func micro[T money.Micro](w *writer, name string, v T) {
	w.name(name)
	w.b = append(w.b, '"')
	w.b = money.Append(w.b, v)
	w.b = append(w.b, '"')
}

func microIf[T money.Micro](w *writer, name string, v T) {
	if v != 0 {
		micro(w, name, v)
	}
}
