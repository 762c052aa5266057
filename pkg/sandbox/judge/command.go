package judge

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// command is one stored command with what the rules ask of it.
type command struct {
	message
	account, family, verb string
	payload               commandBody
	bad                   bool   // not a JSON object, or one with a name in it twice
	id                    string // client_order_id of submit and replace, request_id of the others
	content               [sha256.Size]byte
	repeat                bool // the same content was stored before
	reused                bool // its id was stored before with other content
	refused               bool // answered as bad input: it had no effect
	answered              bool
	// effect is the first event that shows that the command was acted upon.
	effect mark
	// stillOpen is what a cancel_all_done admitted to be open, as raw text.
	stillOpen string
}

// mark is a place on an account's log. The zero mark is none.
type mark struct {
	pos      int // counts events from 1
	storedUs int64
	atMs     int64
	seq      int64 // of the message
}

func (m mark) set() bool { return m.pos > 0 }

// first keeps the earlier of two marks.
func (m mark) first(other mark) mark {
	if !m.set() || (other.set() && other.pos < m.pos) {
		return other
	}
	return m
}

// commandBody is the union of the commands that are judged.
type commandBody struct {
	ClientOrderID  text      `json:"client_order_id"`
	RequestID      text      `json:"request_id"`
	TokenID        text      `json:"token_id"`
	Market         text      `json:"market"`
	Outcome        text      `json:"outcome"`
	Side           text      `json:"side"`
	Type           text      `json:"type"`
	Price          text      `json:"price"`
	Size           text      `json:"size"`
	SizeIs         text      `json:"size_is"`
	Amount         text      `json:"amount"`
	Replaces       text      `json:"replaces"`
	Prefix         text      `json:"prefix"`
	Cancel         text      `json:"cancel"`
	SentMs         whole     `json:"sent_ms"`
	ValidUntilMs   whole     `json:"valid_until_ms"`
	ExpiresMs      whole     `json:"expires_ms"`
	PostOnly       text      `json:"post_only"`
	DeferExec      text      `json:"defer_exec"`
	Expiration     whole     `json:"expiration"`
	OrderID        text      `json:"order_id"`
	ClientOrderIDs list      `json:"client_order_ids"`
	OrderIDs       list      `json:"order_ids"`
	ConditionID    text      `json:"condition_id"`
	Asset          text      `json:"asset"`
	DeadlineMs     whole     `json:"deadline_ms"`
	Signed         signedRaw `json:"signed"`
}

// signedRaw is an order signed elsewhere, in the venue's spelling; the zero value when there is none.
type signedRaw struct{ wire wireOrder }

// UnmarshalJSON never fails: a malformed one is for the executor to refuse.
func (s *signedRaw) UnmarshalJSON(b []byte) error {
	var p postBody
	if json.Unmarshal([]byte(`{"order":`+string(b)+`}`), &p) == nil && p.Order != nil {
		s.wire = p.wire()
	}
	return nil
}

func newCommand(m message, family, account, verb string) *command {
	k := &command{message: m, account: account, family: family, verb: verb}
	k.bad = decode([]byte(m.data), &k.payload) != "" || ambiguous([]byte(m.data))
	if k.orders() {
		k.id = string(k.payload.ClientOrderID)
	} else {
		k.id = string(k.payload.RequestID)
	}
	k.content = content(m)
	return k
}

// ambiguous reports an object that has a name twice, in whatever case: which value counts is for nobody to say, and whoever
// refuses it may name either.
func ambiguous(object []byte) bool {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return false
		}
		key := strings.ToLower(fmt.Sprint(name))
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// content is equal for commands that ask for the same: white space, order of fields and the time of sending aside.
func content(m message) [sha256.Size]byte {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(m.data)))
	d.UseNumber()
	body := []byte(m.data)
	if d.Decode(&fields) == nil && fields != nil && !d.More() {
		delete(fields, "sent_ms")
		delete(fields, "v")
		if b, err := json.Marshal(fields); err == nil {
			body = b
		}
	}
	return sha256.Sum256(append([]byte(m.subject+"\n"), body...))
}

// orders reports a command that may bring an order to the venue.
func (k *command) orders() bool {
	return k.family == "order" && (k.verb == "submit" || k.verb == "replace")
}

// controls reports a command that is about the account as a whole, named by a request_id.
func (k *command) controls() bool { return k.family == "control" || k.verb == "cancel_all" }

// cancels reports a command after which what it matches must not rest at the venue.
func (k *command) cancels() bool {
	return k.verb == "cancel" || k.verb == "cancel_all" || (k.verb == "halt" && k.payload.Cancel == "true")
}

// targets are the ids that a cancel names, as (client_order_ids, order ids in lower case).
func (k *command) targets() (clients, orders []string) {
	p := &k.payload
	clients, orders = p.ClientOrderIDs.texts(), p.OrderIDs.texts()
	if p.ClientOrderID != "" {
		clients = append(clients, string(p.ClientOrderID))
	}
	if p.OrderID != "" {
		orders = append(orders, string(p.OrderID))
	}
	for i := range orders {
		orders[i] = lower(orders[i])
	}
	return clients, orders
}

// side is what the command says, itself or in the order signed elsewhere.
func (k *command) side() string {
	if k.payload.Side == "" {
		return k.payload.Signed.wire.side
	}
	return string(k.payload.Side)
}

// anyBadInput stands, in an answerKey, for whatever id an answer to bad input bears. A blank is in no id.
const anyBadInput = "bad input"

// keys are the (cmd_seq, id) pairs under which an event can answer the command.
func (k *command) keys() []answerKey {
	keys := []answerKey{{k.seq, ""}}
	add := func(id string) { keys = append(keys, answerKey{k.seq, id}) }
	switch {
	case k.bad: // who answered may have recovered an id from what is no JSON
		add(anyBadInput)
	case k.orders():
		add(k.id)
	case k.verb == "cancel":
		clients, orders := k.targets()
		for _, id := range append(clients, orders...) {
			add(id)
		}
	}
	if k.payload.RequestID != "" {
		add("request " + string(k.payload.RequestID))
	}
	return keys
}

// validUntil is when the command is no longer wanted, in µs; false means never.
func (k *command) validUntil(age int64) (int64, bool) {
	p := &k.payload
	switch {
	case p.ValidUntilMs.set && p.ValidUntilMs.n == 0:
		return 0, false
	case p.ValidUntilMs.set:
		return milli(p.ValidUntilMs.n), true
	case p.SentMs.set:
		return plus(milli(p.SentMs.n), age), true
	}
	return plus(k.storedUs, age), true
}

// markRepeats finds, in stored order, the commands that were stored before: as they are, or their ids.
func markRepeats(commands []*command) {
	contents := make(map[[sha256.Size]byte]bool, len(commands))
	ids := make(map[string]bool, len(commands))
	for _, k := range commands {
		k.repeat = contents[k.content]
		contents[k.content] = true
		if k.bad || k.id == "" || k.verb == "cancel" {
			continue
		}
		name := "request " + k.id
		if k.orders() {
			name = "order " + k.id
		}
		k.reused = ids[name] && !k.repeat
		ids[name] = true
	}
}

// badInput reports a code that says the command had no effect, whatever it asked for.
func badInput(code string) bool {
	switch code {
	case "bad_json", "unknown_field", "missing_field", "bad_value", "number_not_string", "too_large", "unknown_account",
		"unknown_verb", "bad_msg_id", "bad_reply_to", "forbidden", "clock_skew", "duplicate_id", "id_too_old", "poison":
		return true
	}
	return false
}
