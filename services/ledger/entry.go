package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Entry is one change of the books, whole: its postings, what it made known, and the new states of what it touched. It is
// never changed; what was wrong is corrected by another entry.
type Entry struct {
	Seq      uint64    `json:"seq"`
	AtMS     int64     `json:"at_ms"`
	Kind     Kind      `json:"kind"`
	Keys     []string  `json:"keys,omitempty"` // natural keys: no two entries have the same
	Reason   string    `json:"reason,omitempty"`
	Open     bool      `json:"open,omitempty"` // of a transaction that a reorganisation can take back, or has
	Ref      msgs.Ref  `json:"ref,omitzero"`
	Postings []Posting `json:"postings,omitempty"`
	Orders   []order   `json:"orders,omitempty"`
	Legs     []leg     `json:"legs,omitempty"`
	Txs      []txn     `json:"txs,omitempty"`
	Reports  []Report  `json:"reports,omitempty"`

	Body []byte `json:"-"` // the entry as it is stored and hashed
	Hash Hash   `json:"-"`
}

// Kind says what an entry came from.
type Kind string

// The kinds of entries.
const (
	KindOrder Kind = "order" // an event of the executor
	KindTrade Kind = "trade" // the private feed
	KindTx    Kind = "tx"    // a transaction of the chain
	KindChain Kind = "chain" // another chain stands where the old one stood
	KindLate  Kind = "late"  // time has passed and something has not come
	KindHead  Kind = "head"  // nothing but the place of the chain's head
)

// Hash is of an entry and all before it.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// The first byte of what is hashed tells a beginning from an entry.
const (
	markGenesis = 0
	markEntry   = 1
)

// genesis is the hash before the first entry: it binds the chain to its account and env.
func genesis(t Terms) Hash {
	return sha256.Sum256(fmt.Appendf([]byte{markGenesis}, "%s %s %s", t.Env, t.Account, t.Book))
}

// chained is the hash of an entry behind prev.
func chained(prev Hash, seq uint64, body []byte) Hash {
	b := make([]byte, 0, 1+len(prev)+8+len(body))
	b = append(b, markEntry)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	return sha256.Sum256(append(b, body...))
}

// seal writes the body and the hash.
func (e *Entry) seal(prev Hash) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode entry: %w", err)
	}
	e.Body, e.Hash = b, chained(prev, e.Seq, b)
	return nil
}

// openEntry reads an entry back from its body.
func openEntry(seq uint64, body []byte, hash Hash) (*Entry, error) {
	e := &Entry{Body: body, Hash: hash}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("decode entry %d: %w", seq, err)
	}
	return e, nil
}

// Report is one comparison of what was expected with what the chain shows.
type Report struct {
	AtMS        int64      `json:"at_ms"`
	Subject     string     `json:"subject"`
	Ref         msgs.Ref   `json:"ref,omitzero"`
	Asset       Asset      `json:"asset"`
	Expected    money.Cash `json:"expected"`
	Actual      money.Cash `json:"actual"`
	Discrepancy money.Cash `json:"discrepancy"`
	Tolerance   money.Cash `json:"tolerance"`
	Match       bool       `json:"match"`
	Explanation string     `json:"explanation,omitempty"`
	Block       uint64     `json:"block"`
}

// events are what an entry tells the world: each change of the wallet, each comparison. They follow from the entry and
// the state, so that a replay tells the same under the same numbers.
func (j *Journal) events(e *Entry) (out []msgs.Event) {
	for _, p := range e.Postings {
		if p.Book != bookWallet {
			continue
		}
		out = append(out, &msgs.LedgerBalance{Asset: string(assetName(p.Asset)), TokenID: p.Asset.token(), Balance: money.Cash(j.bal[Line{bookWallet, p.Asset}]),
			Change: money.Cash(p.Amount), Reason: e.Reason, Final: !e.Open, Ref: e.Ref})
		msgs.HeadOf(out[len(out)-1]).Type = msgs.KindBalance
	}
	for _, r := range e.Reports {
		ev := &msgs.LedgerReconciled{Subject: r.Subject, Ref: r.Ref, Asset: string(r.Asset), Expected: r.Expected, Actual: r.Actual,
			Discrepancy: r.Discrepancy, Tolerance: r.Tolerance, Match: r.Match, Explanation: r.Explanation, Block: r.Block}
		if ev.Type = msgs.KindReconciled; !r.Match {
			ev.Type = msgs.KindDiscrepancy
		}
		out = append(out, ev)
	}
	if e.Kind == KindHead {
		h := &msgs.LedgerHead{}
		h.Type = msgs.KindHead
		out = append(out, h)
	}
	for _, ev := range out {
		j.n++
		h := msgs.HeadOf(ev)
		h.V, h.Account, h.Env, h.N, h.AtMS = 1, j.cfg.Account, j.cfg.Env, j.n, e.AtMS
		*msgs.AnchorOf(ev) = msgs.Anchor{Book: j.cfg.Book, Entry: e.Seq, Hash: e.Hash.String()}
	}
	if len(out) > 0 {
		j.covered = e.Seq
	}
	return out
}

// assetName is what an asset is called outside: shares are told apart by their token id.
func assetName(a Asset) Asset {
	if a == Cash {
		return Cash
	}
	return "shares"
}
