package polymarket

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// BookHash is the venue's hash of a book as received from REST: SHA-1, 40 lower-case hexadecimal digits, over the compact
// text with the value of "hash" emptied, keys in the order of the text. Good for seeing change, not as proof of anything.
func BookHash(raw []byte) (string, error) {
	v, ok := readJSON(raw)
	if !ok || !v.isObject() {
		return "", fmt.Errorf("hash book: %w: not an object", ErrBadFrame)
	}
	var b bytes.Buffer
	b.WriteByte('{')
	found := false
	for k, f := range v.fields() {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		if string(k) == "hash" {
			found, f = true, value(`""`)
		}
		b.Write(appendText(nil, string(k)))
		b.WriteByte(':')
		if err := json.Compact(&b, f); err != nil {
			return "", fmt.Errorf("hash book: %w", err)
		}
	}
	if !found {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"hash":""`)
	}
	b.WriteByte('}')
	sum := sha1.Sum(b.Bytes())
	return hex.EncodeToString(sum[:]), nil
}
