package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Parse reads a non-negative plain decimal ("0.52", "100") exactly. It refuses signs, exponents, empty text, a
// missing digit on either side of the point, and more than six decimals; trailing zeros beyond six are refused too.
func Parse[T Micro](s string) (T, error) {
	v, err := parse(s, false)
	return T(v), err
}

// ParseTolerant reads what venues send: like Parse, but also ".48", "5." and any number of decimals, the surplus
// cut off (toward zero), with surplus reporting whether something other than zeros was lost.
func ParseTolerant[T Micro](s string) (v T, surplus bool, err error) {
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	head, cut := s, false
	for i := range s {
		if s[i] != '.' {
			continue
		}
		if end := i + 1 + Decimals; len(s) > end {
			for _, c := range s[end:] {
				if c < '0' || c > '9' {
					return 0, false, ErrSyntax
				}
				cut = cut || c != '0'
			}
			head = s[:end]
		}
		break
	}
	n, err := parse(head, true)
	if neg {
		n = -n
	}
	return T(n), cut, err
}

// ParseChange is Parse with an optional leading minus, for fields that are a change.
func ParseChange[T Micro](s string) (T, error) {
	if len(s) > 1 && s[0] == '-' {
		v, err := parse(s[1:], false)
		return T(-v), err
	}
	v, err := parse(s, false)
	return T(v), err
}

func parse(s string, bare bool) (int64, error) {
	var v uint64
	point, digits := -1, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c < '0' || c > '9' {
			return 0, ErrSyntax
		}
		d := uint64(c - '0')
		if v > (math.MaxInt64-d)/10 {
			return 0, ErrOverflow
		}
		v = v*10 + d
		digits++
	}
	places := 0
	if point >= 0 {
		places = len(s) - point - 1
	}
	switch {
	case digits == 0, !bare && (point == 0 || point == len(s)-1):
		return 0, ErrSyntax
	case places > Decimals:
		return 0, ErrDecimals
	}
	step := uint64(Step(places))
	if v > math.MaxInt64/step {
		return 0, ErrOverflow
	}
	return int64(v * step), nil
}

// Places is how many decimals v needs: 0 for whole numbers, at most 6.
func Places[T Micro](v T) int {
	n := Decimals
	for x := int64(v); n > 0 && x%10 == 0; n-- {
		x /= 10
	}
	return n
}

// Format writes v as the shortest plain decimal: "0.52", "100", "-52.1".
func Format[T Micro](v T) string { return string(Append(nil, v)) }

// Append appends Format(v) to b.
func Append[T Micro](b []byte, v T) []byte {
	u := uint64(v)
	if v < 0 {
		b, u = append(b, '-'), -u
	}
	b = strconv.AppendUint(b, u/Unit, 10)
	rest := u % Unit
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for div := uint64(Unit / 10); rest > 0; div /= 10 {
		b = append(b, byte('0'+rest/div))
		rest %= div
	}
	return b
}

func (p Price) String() string { return Format(p) }
func (s Size) String() string  { return Format(s) }
func (c Cash) String() string  { return Format(c) }

// MarshalJSON writes a decimal string.
func (p Price) MarshalJSON() ([]byte, error) { return quote(p), nil }

// MarshalJSON writes a decimal string.
func (s Size) MarshalJSON() ([]byte, error) { return quote(s), nil }

// MarshalJSON writes a decimal string.
func (c Cash) MarshalJSON() ([]byte, error) { return quote(c), nil }

// UnmarshalJSON reads a decimal string; a JSON number is ErrNumber.
func (p *Price) UnmarshalJSON(b []byte) error { return unquote(b, p) }

// UnmarshalJSON reads a decimal string; a JSON number is ErrNumber.
func (s *Size) UnmarshalJSON(b []byte) error { return unquote(b, s) }

// UnmarshalJSON reads a decimal string, which may be negative; a JSON number is ErrNumber.
func (c *Cash) UnmarshalJSON(b []byte) error { return unquote(b, c) }

// ErrNumber reports a JSON number where a decimal string must stand: binary floats lose money silently.
var ErrNumber = errors.New("a JSON number; write a decimal string")

func quote[T Micro](v T) []byte { return append(Append([]byte{'"'}, v), '"') }

func unquote[T Micro](b []byte, v *T) error {
	if len(b) == 0 || b[0] != '"' {
		if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
			return ErrNumber
		}
		return ErrSyntax
	}
	if len(b) < 2 || b[len(b)-1] != '"' {
		return ErrSyntax
	}
	s := string(b[1 : len(b)-1]) // an escape cannot be part of a decimal, so none needs to be understood
	n, err := ParseChange[T](s)
	if err != nil {
		return fmt.Errorf("%q: %w", s, err)
	}
	*v = n
	return nil
}
