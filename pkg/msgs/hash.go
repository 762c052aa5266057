package msgs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"sluice/pkg/money"
)

// ContentHash names what a command asks for, in 32 hex digits: to tell a repeat from another command with the same id.
// The order of the fields, white space and the spelling of decimals make no difference, nor do v and sent_ms: whoever
// sends again may stamp again. It is empty for a command that cannot be encoded, which none that was decoded is.
func ContentHash(cmd Command) string {
	const usual = 512 // bytes; those of most commands
	content, ok := make([]byte, 0, usual), false
	if s, is := cmd.(*Submit); is {
		content, ok = s.content(content)
	}
	if !ok {
		b, err := json.Marshal(cmd)
		if err != nil {
			return ""
		}
		content = contentOf(content[:0], cmd, b)
	}
	h := sha256.Sum256(content)
	const half = sha256.Size / 2 // 128 bits: two contents that differ have two hashes
	var digits [2 * half]byte
	hex.Encode(digits[:], h[:half])
	return string(digits[:])
}

// contentOf writes what counts of an encoded command: its type, and a line for each of its fields.
func contentOf(b []byte, cmd Command, encoded []byte) []byte {
	b = append(b, TypeOf(cmd)...)
	for _, m := range members(encoded) {
		switch m.name {
		case "v", "sent_ms":
			continue
		case "meta":
			m.raw = sorted(m.raw)
		}
		b = append(lines(b).named(m.name), m.raw...)
	}
	return b
}

// content writes what contentOf writes, of most submits, without their JSON: it lies on the way of every order. It leaves those
// with a signed order, with a meta that is not plain and with characters that JSON escapes to the general way.
func (s *Submit) content(b []byte) (content []byte, ok bool) {
	meta, plain := s.plainMeta(make([]pair, 0, quickPairs))
	if !plain || s.Signed != nil || escaped(string(s.ClientOrderID), string(s.TokenID), s.Market, s.Outcome, string(s.Side), string(s.Type), s.Builder) {
		return b, false
	}
	w := append(append(append(append(lines(b), "cmd."...), FamilyOrder...), '.'), VerbSubmit...)
	if meta != nil {
		w = written(w.named("meta"), meta)
	}
	w = w.text("client_order_id", string(s.ClientOrderID), true)
	w = w.text("token_id", string(s.TokenID), false)
	w = w.text("market", s.Market, false)
	w = w.text("outcome", s.Outcome, false)
	w = w.text("side", string(s.Side), false)
	w = w.text("type", string(s.Type), true)
	w = amount(w, "price", s.Price)
	w = amount(w, "max_slippage", s.MaxSlippage)
	w = amount(w, "size", s.Size)
	w = amount(w, "amount", s.Amount)
	w = w.number("expires_ms", s.ExpiresMS, s.ExpiresMS != 0)
	w = w.flag("post_only", s.PostOnly)
	w = w.flag("defer_exec", s.DeferExec)
	w = w.pointed("valid_until_ms", s.ValidUntilMS)
	w = w.text("builder", s.Builder, false)
	w = w.pointed("fee_rate_bps", s.FeeRateBPS)
	w = w.pointed("nonce", s.Nonce)
	return w.number("expiration", s.Expiration, s.Expiration != 0), true
}

// plainMeta gives the members of meta with their names in order; nil without a meta.
func (s *Submit) plainMeta(into []pair) (object []pair, ok bool) {
	if s.Meta == nil {
		return nil, true
	}
	w := walk{b: s.Meta}
	object, ok = w.pairs(into)
	slices.SortFunc(object, func(a, b pair) int { return bytes.Compare(a.name, b.name) })
	return object, ok && w.atEnd() && !bytes.ContainsAny(s.Meta, "<>&")
}

// escaped reports whether one of the texts has a character that is not written in JSON as it is.
func escaped(texts ...string) bool {
	for _, s := range texts {
		for i := range len(s) {
			c := s[i]
			if c >= '0' && c <= '9' {
				continue // most of a token
			}
			if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
				return true
			}
		}
	}
	return false
}

// lines are fields as their JSON, a line each.
type lines []byte

func (b lines) named(name string) lines { return append(append(append(b, '\n'), name...), '=') }

func (b lines) text(name, v string, empty bool) lines {
	if v == "" && !empty {
		return b
	}
	return append(append(append(b.named(name), '"'), v...), '"')
}

func (b lines) number(name string, v int64, there bool) lines {
	if !there {
		return b
	}
	return strconv.AppendInt(b.named(name), v, 10)
}

func (b lines) pointed(name string, v *int64) lines {
	if v == nil {
		return b
	}
	return b.number(name, *v, true)
}

func (b lines) flag(name string, v bool) lines {
	if !v {
		return b
	}
	return append(b.named(name), "true"...)
}

func amount[T money.Price | money.Size | money.Cash](b lines, name string, v *T) lines {
	if v == nil {
		return b
	}
	return append(money.Append(append(b.named(name), '"'), *v), '"')
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
