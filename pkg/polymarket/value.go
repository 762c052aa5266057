package polymarket

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

	"sluice/pkg/money"
)

// value is one JSON value inside a text that json.Valid has accepted, without surrounding white space. Venues write
// numbers as strings or as numbers and leave fields out or null; reading them through value makes that a matter of course,
// and costs a fifth of reflection.
type value []byte

// readJSON checks the whole text once, so that walking it cannot go out of bounds.
func readJSON(b []byte) (value, bool) {
	if !json.Valid(b) {
		return nil, false
	}
	return value(bytes.Trim(b, jsonSpace)), true
}

const jsonSpace = " \t\r\n"

func (v value) isObject() bool { return len(v) > 0 && v[0] == '{' }
func (v value) isArray() bool  { return len(v) > 0 && v[0] == '[' }
func (v value) isNull() bool   { return len(v) == 0 || v[0] == 'n' }

// fields yields the members of an object in order; nothing for any other value. Names are bytes of the text, so that
// comparing them copies nothing.
func (v value) fields() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if !v.isObject() {
			return
		}
		for i := skipSpace(v, 1); v[i] != '}'; {
			key := value(v[i:valueEnd(v, i)])
			i = skipSpace(v, i+len(key))
			i = skipSpace(v, i+1) // the colon
			end := valueEnd(v, i)
			if !yield(key.raw(), v[i:end]) {
				return
			}
			if i = skipSpace(v, end); v[i] == ',' {
				i = skipSpace(v, i+1)
			}
		}
	}
}

// items yields the elements of an array; nothing for any other value.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if !v.isArray() {
			return
		}
		for i := skipSpace(v, 1); v[i] != ']'; {
			end := valueEnd(v, i)
			if !yield(v[i:end]) {
				return
			}
			if i = skipSpace(v, end); v[i] == ',' {
				i = skipSpace(v, i+1)
			}
		}
	}
}

// text is a string's content, or a number or boolean as written; "" for null, objects and arrays.
func (v value) text() string { return string(v.raw()) }

// raw is text without a copy, unless the string has escapes.
func (v value) raw() []byte {
	switch {
	case v.isNull() || v.isObject() || v.isArray():
		return nil
	case v[0] != '"':
		return v
	case bytes.IndexByte(v, '\\') < 0:
		return v[1 : len(v)-1]
	}
	var s string
	_ = json.Unmarshal(v, &s) // a valid string
	return []byte(s)
}

// id is the text in lower case when it is hexadecimal, so that ids compare.
func (v value) id() string { return lowerHex(v.text()) }

func lowerHex(s string) string {
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		return strings.ToLower(s)
	}
	return s
}

func (v value) bool() bool { return string(v.raw()) == "true" }

// texts is an array of strings, nil for anything else.
func (v value) texts() []string {
	var out []string
	for e := range v.items() {
		out = append(out, e.id())
	}
	return out
}

// valueEnd is the index after the value that starts at i.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch b[i] {
			case '"':
				i = stringEnd(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	return i
}

func stringEnd(b []byte, i int) int {
	for i++; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// maxExponent bounds what a number in scientific notation may ask for.
const maxExponent = 40

// micro reads a decimal, string or number, also ".48", "5." and "1e-05"; more than six decimals are cut toward zero. ok is
// false for "", null and everything that is not a number in range.
func micro[T money.Micro](v value) (_ T, ok bool) {
	raw := v.raw()
	if bytes.ContainsAny(raw, "eE") {
		s, ok := expand(string(raw))
		if !ok {
			return 0, false
		}
		raw = []byte(s)
	}
	n, _, err := money.ParseTolerant[T](string(raw))
	return n, err == nil
}

// expand writes scientific notation out: "1.5e-05" becomes "0.000015".
func expand(s string) (string, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e, ok := whole(strings.TrimPrefix(exponent, "+"))
	if !ok || e > maxExponent || e < -maxExponent {
		return "", false
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	head, tail, _ := strings.Cut(mantissa, ".")
	for ; e > 0; e-- {
		if tail == "" {
			tail = "0"
		}
		head, tail = head+tail[:1], tail[1:]
	}
	for ; e < 0; e++ {
		if head == "" {
			head = "0"
		}
		head, tail = head[:len(head)-1], head[len(head)-1:]+tail
	}
	return sign + head + "." + tail, true
}

// number reads a whole number, string or number; a fraction is cut off.
func (v value) number() (int64, bool) {
	raw, _, _ := bytes.Cut(v.raw(), []byte("."))
	return whole(raw)
}

// whole reads an optional minus and at most 18 digits.
func whole[S string | []byte](s S) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(digits[i]-'0')
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}
