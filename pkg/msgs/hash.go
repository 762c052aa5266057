package msgs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// ContentHash names what a command asks for, in 32 hex digits: to tell a repeat from another command with the same id.
// The order of the fields, white space and the spelling of decimals make no difference, nor do v and sent_ms: whoever
// sends again may stamp again. It is empty for a command that cannot be encoded, which none that was decoded is.
func ContentHash(cmd Command) string {
	b, err := json.Marshal(cmd)
	if err != nil {
		return ""
	}
	h := sha256.New()
	h.Write([]byte(TypeOf(cmd)))
	for _, m := range members(b) {
		switch m.name {
		case "v", "sent_ms":
			continue
		case "meta":
			m.raw = sorted(m.raw)
		}
		h.Write([]byte{'\n'})
		h.Write([]byte(m.name))
		h.Write([]byte{'='})
		h.Write(m.raw)
	}
	const half = sha256.Size / 2 // 128 bits: two contents that differ have two hashes
	return hex.EncodeToString(h.Sum(nil)[:half])
}

// sorted writes an object again with its names in order at every level, numbers as they were.
func sorted(raw []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return b
}
