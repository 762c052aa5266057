package judge

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text takes a JSON string, and the literal text of anything else, so that a number where a string belongs does
// not hide the rest of a line from the judge.
type text string

// UnmarshalJSON never fails on well-formed JSON.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		if bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b) {
			*t = text(b[1 : len(b)-1])
			return nil
		}
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// whole is an integer that may be missing: a number or the decimal text of one; anything else counts as missing.
type whole struct {
	n   int64
	set bool
}

// UnmarshalJSON never fails.
func (w *whole) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err == nil {
		w.n, w.set = n, true
	}
	return nil
}

// list takes an array of anything and keeps its elements apart; what is not an array is an empty list.
type list []json.RawMessage

// UnmarshalJSON never fails.
func (l *list) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) == nil {
		*l = raw
	}
	return nil
}

// texts is an array of strings, or nothing.
func (l list) texts() []string {
	out := make([]string, 0, len(l))
	for _, raw := range l {
		var t text
		if json.Unmarshal(raw, &t) == nil && t != "" {
			out = append(out, string(t))
		}
	}
	return out
}

// maxDigits bounds a decimal before it becomes a big.Rat. A token id has at most 78 digits; quantities far fewer.
const maxDigits = 80

// quantity reads a plain decimal: digits, at most one point, an optional sign, no exponent (an exponent would let
// twenty bytes ask for gigabytes). nil when s is not one.
func quantity(s string) *big.Rat {
	if s == "" || len(s) > maxDigits {
		return nil
	}
	digits, points := 0, 0
	for i, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		case c == '-' && i == 0:
		default:
			return nil
		}
	}
	if digits == 0 || points > 1 {
		return nil
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return r
}

// baseUnits is how many on-chain units one share or one pUSD has.
const baseUnits = 1_000_000

// fromBase reads an amount in base units as shares or pUSD; nil when s is not a number.
func fromBase(s string) *big.Rat {
	r := quantity(s)
	if r == nil {
		return nil
	}
	return r.Quo(r, big.NewRat(baseUnits, 1))
}

// canonical is one spelling for equal decimals ("0.50" and ".5"); what is no decimal stays as it is.
func canonical(s string) string {
	if r := quantity(s); r != nil {
		return r.RatString()
	}
	return s
}

// zero reports an absent or zero quantity.
func zero(r *big.Rat) bool { return r == nil || r.Sign() == 0 }

// equal compares quantities; an absent one equals zero.
func equal(a, b *big.Rat) bool {
	if zero(a) || zero(b) {
		return zero(a) && zero(b)
	}
	return a.Cmp(b) == 0
}

// show is a quantity for people: a decimal with at most six places.
func show(r *big.Rat) string {
	if r == nil {
		return "0"
	}
	s := r.FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// milli turns Unix milliseconds into microseconds, held at the ends of the range: a hostile time stamp must not
// wrap into the past.
func milli(ms int64) int64 {
	const top = math.MaxInt64 / 1000
	return min(max(ms, -top), top) * 1000
}

// plus adds a span to a time without wrapping.
func plus(at, span int64) int64 {
	if span > 0 && at > math.MaxInt64-span {
		return math.MaxInt64
	}
	return at + span
}
