package relayer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Where a unit stands.
const (
	carrying  = "carrying"  // its carrier is asked; what became of it is not known yet
	waits     = "waiting"   // its carrier is asked again at AgainMS
	following = "following" // its carrier has it
)

// unit is what was sealed as one, until it is over.
type unit struct {
	Payload msgs.TxPayload  `json:"payload"`
	Shares  []msgs.TxShare  `json:"shares"`
	Carrier msgs.Carrier    `json:"carrier"`
	Phase   string          `json:"phase"`
	ID      string          `json:"relayer_id,omitempty"`
	Tries   int             `json:"tries,omitempty"` // that the present carrier was asked
	AgainMS int64           `json:"again_ms,omitempty"`
	SinceMS int64           `json:"since_ms,omitempty"` // its carrier has it
	Sat     int             `json:"sat,omitempty"`      // how often the relayer, asked anew, has taken it or had it still
	BackMS  int64           `json:"back_ms,omitempty"`  // when the relayer may be asked again, as far as is known
	Left    bool            `json:"left,omitempty"`     // signed bytes have left, or may have
	Part    bool            `json:"part,omitempty"`     // own gas has taken on calls of it: it has to be brought to its end
	Unsure  bool            `json:"unsure,omitempty"`   // own gas may have taken it on, and has not said that it has not
	Code    msgs.Code       `json:"code,omitempty"`     // of what it waits for
	Cause   string          `json:"cause,omitempty"`    // as it was said
	Fix     string          `json:"fix,omitempty"`
	UntilMS int64           `json:"until_ms,omitempty"`
	Refusal json.RawMessage `json:"refusal,omitempty"` // the relayer's, the last
	TxHash  msgs.TxHash     `json:"tx_hash,omitempty"` // it was last seen mined in
	Block   uint64          `json:"block,omitempty"`

	Refused []msgs.TxRefused `json:"refused,omitempty"` // calls of an EOA that are not sent
}

func (u *unit) name() string                    { return u.Payload.Unit }
func (u *unit) nonce() string                   { return fmt.Sprint(u.Payload.Nonce) }
func (u *unit) is(k polymarket.WalletKind) bool { return u.Payload.Kind == k.String() }

// sharesNonce reports whether only one of two units can have effect. A creation uses no nonce of the wallet that it makes.
func (u *unit) sharesNonce(o *unit) bool {
	return !u.Payload.Create && !o.Payload.Create && u.Payload.Nonce == o.Payload.Nonce
}

func (u *unit) follow() Follow {
	return Follow{Unit: u.Payload, ID: u.ID, Carrier: u.Carrier, Refused: u.Refused}
}

// bound reports whether only own gas may still act on a unit: what it has taken on, or may have, no nonce holds apart from another.
func (u *unit) bound() bool { return u.Part || u.Unsure && !u.is(polymarket.Safe) }

// waitsFor reports whether it has been said that the unit waits for this.
func (u *unit) waitsFor(why *msgs.Error, untilMS int64) bool {
	return u.Phase == waits && u.Code == why.Code && u.Fix == why.Fix && wording(u.Cause) == wording(why.Cause) && closeTo(u.UntilMS, untilMS)
}

// wording is a text without its figures: a port or a time that differs is no news.
func wording(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || r == '.' {
			return -1
		}
		return r
	}, s)
}

// refusal is what the relayer said last.
func (u *unit) refusal() *polymarket.RelayerError {
	e := &polymarket.RelayerError{}
	if len(u.Refusal) == 0 || json.Unmarshal(u.Refusal, e) != nil {
		return nil
	}
	return e
}

// inUnit lists the requests of the open unit that have not ended.
func (w *Wallet) inUnit(u *unit) (out []*request) {
	for _, id := range u.Payload.RequestIDs {
		if r := w.requests[id]; r != nil && r.Unit == u.name() {
			out = append(out, r)
		}
	}
	return out
}

// carry is the deed that has a unit's carrier carry it.
func (w *Wallet) carry(u *unit) actor.Deed {
	rs := w.inUnit(u)
	if u.Carrier == msgs.ByRelayer {
		return Submit{Unit: u.Payload, Purpose: purposeOf(rs), SendBy: sendBy(rs), Left: u.Left}
	}
	b := Bring{Unit: u.Payload, SendBy: sendBy(rs), Unsure: u.Unsure || u.Part}
	if b.Refusal = u.refusal(); b.Refusal == nil && u.is(polymarket.Proxy) {
		b.Refusal = &polymarket.RelayerError{Method: http.MethodPost, Path: "/submit", Reason: polymarket.RelayerNeverLeft, Message: "it was never sent to the relayer"}
	}
	return b
}

// ghostly reports whether a request stands in a payload that was given up and can still have effect.
func (w *Wallet) ghostly(id msgs.RequestID) bool {
	return slices.ContainsFunc(w.ghosts, func(g *unit) bool { return slices.Contains(g.Payload.RequestIDs, id) })
}

// step is an event about a unit.
func step(kind msgs.Type, u *unit) *msgs.TxUnit {
	e := &msgs.TxUnit{Head: msgs.Head{Type: kind}, Unit: u.name(), RequestIDs: u.Payload.RequestIDs, Carrier: u.Carrier}
	if !u.is(polymarket.EOA) && !u.Payload.Create {
		e.Nonce = u.nonce()
	}
	return e
}

// seal makes a unit of a pack. Its name is computed from what it is, so that a decision made again gives the same, and two units
// that differ never share one, even when a log is lost and counts anew.
func (t *decision) seal(p *Pack) (*unit, error) {
	u := &unit{Carrier: p.Carrier, Phase: carrying, Shares: p.Shares}
	out := &u.Payload
	*out = msgs.TxPayload{RequestIDs: p.Requests, Wallet: addressText(t.id.Wallet), Kind: t.id.Kind.String(), Create: p.Create, Nonce: p.Nonce, Block: p.Block, Chain: p.Chain}
	calls := make([]polymarket.Call, len(p.Calls))
	for i, c := range p.Calls {
		calls[i] = c.Call
		out.Calls = append(out.Calls, msgs.TxCall{To: addressText(c.Call.To), Data: hexutil.Encode(c.Call.Data), RequestIDs: c.Requests})
	}
	switch {
	case p.Create:
		out.Nonce = 0
	case t.id.Kind == polymarket.EOA:
		out.Nonce = 0
	case t.id.Kind == polymarket.Safe:
		call, err := t.id.Contracts.Bundle(calls)
		if err != nil {
			return nil, err
		}
		out.Hash = polymarket.SafeTx{ChainID: t.id.ChainID, Safe: t.id.Wallet, Call: call, Nonce: p.Nonce}.Hash().Hex()
	case t.id.Kind == polymarket.Proxy && p.Carrier == msgs.ByRelayer:
		out.Relay = addressText(p.Relay)
		h, err := polymarket.ProxyTx{ChainID: t.id.ChainID, Owner: t.id.Owner, Calls: calls, Nonce: p.Nonce, Relay: out.Relay}.Hash()
		if err != nil {
			return nil, err
		}
		out.Hash = h.Hex()
	case t.id.Kind == polymarket.Deposit:
		out.DeadlineS = t.nowMS/1000 + polymarket.BatchLife
		out.Hash = polymarket.WalletBatch{ChainID: t.id.ChainID, Wallet: t.id.Wallet, Nonce: p.Nonce, Deadline: uint64(out.DeadlineS), Calls: calls}.Hash().Hex()
	}
	content, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(content, "%s %d", t.id.Account, t.nowMS))
	out.Unit = fmt.Sprintf("u%d-%s", t.n+1, hex.EncodeToString(sum[:4]))
	return u, nil
}

func addressText(a common.Address) string { return hexutil.Encode(a[:]) }
