package msgs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"sluice/pkg/money"
)

// ContentHash names what a command asks for, in 32 hex digits: to tell a repeat from another command with the same id.
// The order of the fields, white space and the spelling of decimals make no difference, nor do v and sent_ms: whoever
// sends again may stamp again. It is empty for a command that cannot be encoded, which none that was decoded is.
func ContentHash(cmd Command) string {
	content, ok := make([]byte, 0, 512), false
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
	return hex.EncodeToString(h[:half])
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
		b = append(named(b, m.name), m.raw...)
	}
	return b
}

// content writes what contentOf writes, of most submits, without their JSON: it lies on the way of every order. It leaves those
// with meta, with a signed order and with characters that JSON escapes to the general way.
func (s *Submit) content(b []byte) (content []byte, ok bool) {
	if s.Meta != nil || s.Signed != nil {
		return b, false
	}
	w := lines{b: append(b, TypeOf(s)...), plain: true}
	w.text("client_order_id", string(s.ClientOrderID), true)
	w.text("token_id", string(s.TokenID), false)
	w.text("market", s.Market, false)
	w.text("outcome", s.Outcome, false)
	w.text("side", string(s.Side), false)
	w.text("type", string(s.Type), true)
	amount(&w, "price", s.Price)
	amount(&w, "max_slippage", s.MaxSlippage)
	amount(&w, "size", s.Size)
	amount(&w, "amount", s.Amount)
	w.number("expires_ms", s.ExpiresMS, s.ExpiresMS != 0)
	w.flag("post_only", s.PostOnly)
	w.flag("defer_exec", s.DeferExec)
	w.pointed("valid_until_ms", s.ValidUntilMS)
	w.text("builder", s.Builder, false)
	w.pointed("fee_rate_bps", s.FeeRateBPS)
	w.pointed("nonce", s.Nonce)
	w.number("expiration", s.Expiration, s.Expiration != 0)
	return w.b, w.plain
}

// lines writes fields as their JSON, a line each.
type lines struct {
	b     []byte
	plain bool // no text needed an escape
}

func named(b []byte, name string) []byte { return append(append(append(b, '\n'), name...), '=') }

func (w *lines) text(name, v string, empty bool) {
	if v == "" && !empty {
		return
	}
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.plain = false
		}
	}
	w.b = append(append(append(named(w.b, name), '"'), v...), '"')
}

func (w *lines) number(name string, v int64, there bool) {
	if there {
		w.b = strconv.AppendInt(named(w.b, name), v, 10)
	}
}

func (w *lines) pointed(name string, v *int64) {
	if v != nil {
		w.number(name, *v, true)
	}
}

func (w *lines) flag(name string, v bool) {
	if v {
		w.b = append(named(w.b, name), "true"...)
	}
}

func amount[T money.Price | money.Size | money.Cash](w *lines, name string, v *T) {
	if v != nil {
		w.b = append(money.Append(append(named(w.b, name), '"'), *v), '"')
	}
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
