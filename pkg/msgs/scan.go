package msgs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// Bounds of what is given back in events. Whoever cannot read one meta cannot read the message in which it stands, with
// everybody's fills.
const (
	// maxDepth bounds nesting: no message of the contract needs more than four levels, meta may have some of its own.
	maxDepth = 16
	// maxNumber and maxExponent bound a number's text and the digits of its exponent: what is longer fits no usual type, and
	// parsers of several languages refuse a message that has it.
	maxNumber, maxExponent = 40, 2
)

var (
	errNotObject = errors.New("it is not one JSON object")
	errTooDeep   = fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	errSurrogate = errors.New("it has half of a surrogate pair, which is no character")
)

// member is one name and value of a JSON object; the value is as it stands in the message.
type member struct {
	name string
	raw  []byte
}

// members splits an object that is known to be valid JSON, in order. Names are unescaped.
func members(object []byte) []member {
	out := make([]member, 0, 16)
	for name, raw := range each(object) {
		out = append(out, member{text(name), raw})
	}
	return out
}

// memberOf gives the value of a name in what is known to be valid JSON, nil when it is no object or has no such name.
func memberOf(b []byte, name string) []byte {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil
	}
	for quoted, raw := range each(b[i:]) {
		if n := len(quoted) - 2; n == len(name) && string(quoted[1:1+n]) == name || bytes.IndexByte(quoted, '\\') >= 0 && text(quoted) == name {
			return raw
		}
	}
	return nil
}

// each walks over names, quotes included, and values of an object that is known to be valid JSON.
func each(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, raw []byte) bool) {
		for i := skipSpace(object, 1); i < len(object) && object[i] == '"'; {
			end := skipValue(object, i)
			name := object[i:end]
			i = skipSpace(object, skipSpace(object, end)+1)
			end = skipValue(object, i)
			if !yield(name, object[i:end]) {
				return
			}
			if i = skipSpace(object, end); i < len(object) && object[i] == ',' {
				i = skipSpace(object, i+1)
			}
		}
	}
}

// elements splits an array that is known to be valid JSON.
func elements(array []byte) [][]byte {
	var out [][]byte
	for i := skipSpace(array, 1); i < len(array) && array[i] != ']'; {
		end := skipValue(array, i)
		out = append(out, array[i:end])
		i = skipSpace(array, end)
		if i < len(array) && array[i] == ',' {
			i = skipSpace(array, i+1)
		}
	}
	return out
}

// skipValue gives the index behind the value that starts at i of valid JSON.
func skipValue(b []byte, i int) int {
	switch {
	case i >= len(b):
		return i
	case b[i] == '"':
		return skipString(b, i)
	case b[i] != '{' && b[i] != '[':
		for i < len(b) && !isSpace(b[i]) && b[i] != ',' && b[i] != '}' && b[i] != ']' {
			i++
		}
		return i
	}
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// text is the value of a valid JSON string, quotes included in raw.
func text(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// oneObject checks that b is one JSON object in UTF-8, without a name given twice at any level, and gives its members.
func oneObject(b []byte) ([]member, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("it is not UTF-8")
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("it is not JSON: %w", syntaxError(b))
	}
	if halfPair(b) {
		return nil, errSurrogate
	}
	i := skipSpace(b, 0)
	if b[i] != '{' {
		return nil, errNotObject
	}
	m := members(b[i:])
	return m, nothingTwice(m, maxDepth)
}

// syntaxError says where the text stops being JSON.
func syntaxError(b []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(b, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w at byte %d", err, e.Offset)
	}
	return err
}

// nothingTwice finds a name that an object has twice, or nesting that goes too deep.
func nothingTwice(object []member, depth int) error {
	if depth == 0 {
		return errTooDeep
	}
	if name, twice := repeated(object); twice {
		return fmt.Errorf("the field %q stands in it twice", clip(name))
	}
	for _, m := range object {
		if err := nothingTwiceIn(m.raw, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func nothingTwiceIn(raw []byte, depth int) error {
	switch raw[0] {
	case '{':
		return nothingTwice(members(raw), depth)
	case '[':
		if depth == 0 {
			return errTooDeep
		}
		for _, e := range elements(raw) {
			if err := nothingTwiceIn(e, depth-1); err != nil {
				return err
			}
		}
	default:
		if depth < maxDepth-1 && !readableNumber(raw) { // those at the top have types, and are refused by name
			return fmt.Errorf("the number %s in it is longer than others can read", clip(string(raw)))
		}
	}
	return nil
}

// readableNumber reports whether a scalar of valid JSON is no number, or one that every reader of an event takes.
func readableNumber(raw []byte) bool {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return true
	}
	exponent := len(raw)
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		exponent = i + 1
	}
	return len(raw) <= maxNumber && len(bytes.TrimLeft(raw[exponent:], "+-")) <= maxExponent
}

// halfPair reports whether valid JSON has an escape \ud800 to \udfff that is not part of a pair. It stands for no character, and
// strict readers refuse the whole message.
func halfPair(b []byte) bool {
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i < len(b); {
		switch r := unitAt(b[i:]); {
		case r >= 0xdc00 && r <= 0xdfff, r >= 0xd800 && r <= 0xdbff && unitAt(b[i+escapeLen:])>>10 != 0xdc00>>10:
			return true
		case r >= 0xd800 && r <= 0xdbff:
			i += 2 * escapeLen
		default:
			i += 2
		}
		next := bytes.IndexByte(b[i:], '\\')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

// escapeLen is the length of \uXXXX.
const escapeLen = 6

// unitAt is the unit that an escape of the form \uXXXX at the start of b stands for, -1 when there is none.
func unitAt(b []byte) int {
	if len(b) < escapeLen || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r, err := strconv.ParseUint(string(b[2:escapeLen]), 16, 16)
	if err != nil {
		return -1
	}
	return int(r)
}

// repeated compares pairwise while that is cheap, and by a set beyond.
func repeated(object []member) (string, bool) {
	const few = 32
	if len(object) <= few {
		for i := range object {
			for j := range i {
				if object[i].name == object[j].name {
					return object[i].name, true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]bool, len(object))
	for _, m := range object {
		if seen[m.name] {
			return m.name, true
		}
		seen[m.name] = true
	}
	return "", false
}

// clip shortens what is quoted from a message, which may be anything of any length.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
