package money

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Parse and Format are inverse on every value, and Parse refuses what is not a plain decimal.
func TestPlainDecimalsReadExactly(t *testing.T) {
	for s, want := range map[string]Cash{"0": 0, "0.52": 520000, "100": 100000000, "0.000001": 1, "1.50": 1500000,
		"9223372036854.775807": math.MaxInt64} {
		if got, err := Parse[Cash](s); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]error{"": ErrSyntax, ".5": ErrSyntax, "5.": ErrSyntax, "-1": ErrSyntax, "+1": ErrSyntax,
		"1e3": ErrSyntax, " 1": ErrSyntax, "1.2.3": ErrSyntax, "0x1": ErrSyntax, "NaN": ErrSyntax, "0.1234567": ErrDecimals,
		"9223372036854.775808": ErrOverflow, "99999999999999999999": ErrOverflow} {
		if v, err := Parse[Cash](s); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %d, %v; want %v", s, v, err, want)
		}
	}
	for range 10000 {
		v := Cash(rand.Int64() >> rand.IntN(60))
		if got, err := ParseChange[Cash](Format(-v)); err != nil || got != -v {
			t.Fatalf("%d came back as %d, %v", -v, got, err)
		}
	}
}

func TestVenueSpellingsAreTolerated(t *testing.T) {
	for s, want := range map[string]struct {
		v   Size
		cut bool
	}{".48": {480000, false}, "5.": {5000000, false}, "219.217767": {219217767, false},
		"1.23456789": {1234567, true}, "1.500000000": {1500000, false}, "-.5": {-500000, false}} {
		if v, cut, err := ParseTolerant[Size](s); err != nil || v != want.v || cut != want.cut {
			t.Errorf("ParseTolerant(%q) = %d, %t, %v", s, v, cut, err)
		}
	}
	for _, s := range []string{"", ".", "x", "1.2345678x", "-"} {
		if _, _, err := ParseTolerant[Size](s); err == nil {
			t.Errorf("ParseTolerant(%q) was read", s)
		}
	}
}

func TestJSONNumberIsRefused(t *testing.T) {
	var p Price
	if err := json.Unmarshal([]byte(`0.52`), &p); !errors.Is(err, ErrNumber) {
		t.Errorf("number: %v", err)
	}
	if err := json.Unmarshal([]byte(`"0.52"`), &p); err != nil || p != 520000 {
		t.Errorf("string: %d, %v", p, err)
	}
}

// Each product and quotient agrees with arbitrary-precision arithmetic, in every rounding.
func TestRoundingAgreesWithBigArithmetic(t *testing.T) {
	for range 20000 {
		a, b, c := rand.Int64()>>rand.IntN(62), rand.Int64()>>rand.IntN(62), 1+rand.Int64()>>rand.IntN(62)
		for _, r := range []Rounding{Down, Up, HalfUp} {
			got, err := mulDiv(a, b, c, r)
			num := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
			q, rest := new(big.Int).QuoRem(num, big.NewInt(c), new(big.Int))
			if r == Up && rest.Sign() > 0 || r == HalfUp && rest.Lsh(rest, 1).Cmp(big.NewInt(c)) >= 0 {
				q.Add(q, big.NewInt(1))
			}
			if !q.IsInt64() {
				if err == nil {
					t.Fatalf("%d×%d÷%d overflowed unseen: %d", a, b, c, got)
				}
			} else if err != nil || got != q.Int64() {
				t.Fatalf("%d×%d÷%d rounding %d = %d, %v; want %s", a, b, c, r, got, err, q)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0.52", "1e9", "-1", "18446744073709551616", "0.0000001", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse[Cash](s)
		if err != nil {
			return
		}
		if back, err := Parse[Cash](Format(v)); err != nil || back != v {
			t.Fatalf("%q → %d → %q → %d, %v", s, v, Format(v), back, err)
		}
	})
}
