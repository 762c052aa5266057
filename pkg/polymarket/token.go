package polymarket

import (
	"fmt"

	"github.com/holiman/uint256"
)

// TokenID is the number of an outcome token, 256 bits big endian: comparable, hashed as it stands. Text and JSON are the
// decimal digits.
type TokenID [32]byte

// maxTokenDigits is the length of 2^256 in decimal.
const maxTokenDigits = 78

// ParseTokenID reads decimal digits without sign or leading zeros.
func ParseTokenID(s string) (TokenID, error) {
	bad := len(s) == 0 || len(s) > maxTokenDigits || s[0] == '0' && len(s) > 1
	for i := 0; i < len(s) && !bad; i++ {
		bad = s[i] < '0' || s[i] > '9'
	}
	var n uint256.Int
	if bad || n.SetFromDecimal(s) != nil {
		return TokenID{}, fmt.Errorf("parse token id %.90q: want decimal digits of 256 bits", s)
	}
	return n.Bytes32(), nil
}

// String is the decimal form.
func (t TokenID) String() string {
	return new(uint256.Int).SetBytes32(t[:]).Dec()
}

// MarshalText writes the decimal form.
func (t TokenID) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseTokenID reads.
func (t *TokenID) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTokenID(string(b))
	return err
}
