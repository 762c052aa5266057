package ledger

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// state is a Journal as it is kept beside its entries, to start from. It can be made anew from the entries.
type state struct {
	Seq     uint64        `json:"seq"`
	Hash    Hash          `json:"hash"`
	N       uint64        `json:"n"`
	Covered uint64        `json:"covered"`
	SweptMS int64         `json:"swept_ms"`
	Last    *Report       `json:"last,omitempty"`
	Lines   []Posting     `json:"lines"`
	Orders  []*order      `json:"orders,omitempty"`
	Legs    []*leg        `json:"legs,omitempty"`
	Txs     []*txn        `json:"txs,omitempty"`
	Lots    map[Asset]lot `json:"lots,omitempty"`
}

// Save writes the state. Positions are not part of it.
func (j *Journal) Save() ([]byte, error) {
	s := state{Seq: j.seq, Hash: j.hash, N: j.n, Covered: j.covered, SweptMS: j.sweptMS, Last: j.last, Lines: postings(j.bal), Lots: j.lots}
	for _, id := range byKey(j.orders) {
		s.Orders = append(s.Orders, j.orders[id])
	}
	for _, id := range sortedLegs(j.legs) {
		s.Legs = append(s.Legs, j.legs[id])
	}
	for _, h := range byKey(j.txs) {
		s.Txs = append(s.Txs, j.txs[h])
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return b, nil
}

// Load makes the books that Save wrote.
func Load(t Terms, b []byte) (*Journal, error) {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("decode state: %w", err)
	}
	j := NewJournal(t)
	j.seq, j.hash, j.n, j.covered, j.sweptMS, j.last = s.Seq, s.Hash, s.N, s.Covered, s.SweptMS, s.Last
	for _, p := range s.Lines {
		j.bal[Line{p.Book, p.Asset}] = p.Amount
	}
	for _, o := range s.Orders {
		j.orders[o.ID] = o
		if o.Client != "" {
			j.client[o.Client] = o.ID
		}
	}
	for _, l := range s.Legs {
		j.legs[l.legID] = l
		for _, h := range l.Hashes {
			j.byHash[h] = append(j.byHash[h], l.legID)
		}
	}
	for _, x := range s.Txs {
		j.txs[x.Hash] = x
	}
	if s.Lots != nil {
		j.lots = s.Lots
	}
	return j, nil
}

// Head is the last entry and its hash.
func (j *Journal) Head() (seq uint64, hash Hash) { return j.seq, j.hash }

// N is the number of the last event.
func (j *Journal) N() uint64 { return j.n }

// MarshalText writes a hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads a hash from hex.
func (h *Hash) UnmarshalText(b []byte) error {
	if n, err := hex.Decode(h[:], b[:min(len(b), 2*len(h))]); err != nil || n != len(h) || len(b) != 2*n {
		return fmt.Errorf("read hash %q: not %d hex digits", b, 2*len(h))
	}
	return nil
}

// Balance is what a wallet has of one asset, and what of it is spoken for.
type Balance struct {
	Total, Held, Out, In int64
}

// Available is what can be spent: unsettled receipts are not.
func (b Balance) Available() int64 { return b.Total - b.Held - b.Out }

// Balances are all assets that the books know of.
func (j *Journal) Balances() map[Asset]Balance {
	out := map[Asset]Balance{Cash: {}}
	for l, n := range j.bal {
		b := out[l.Asset]
		switch kind(l.Book) {
		case bookWallet:
			b.Total += n
		case bookHold:
			b.Held += n
		case bookOut:
			b.Out += n
		case bookIn:
			b.In += n
		default:
			continue
		}
		out[l.Asset] = b
	}
	return out
}

// kind is a book's name without what comes behind the colon.
func kind(book string) string {
	for i := range book {
		if book[i] == ':' {
			return book[:i+1]
		}
	}
	return book
}

// Holds are what orders keep from being spent, in a fixed order.
func (j *Journal) Holds() []msgs.Hold {
	var out []msgs.Hold
	for _, p := range postings(j.bal) {
		id, ok := isHold(p.Book)
		o := j.orders[id]
		if !ok || o == nil {
			continue
		}
		h := msgs.Hold{Asset: string(assetName(p.Asset)), Amount: money.Cash(p.Amount), SinceMS: o.SinceMS,
			Ref: msgs.Ref{ClientOrderID: o.Client, OrderID: o.ID}}
		if t := p.Asset.token(); t != nil {
			h.TokenID = *t
		}
		out = append(out, h)
	}
	return out
}

// Positions are the shares that the books know of, by token, in a fixed order.
func (j *Journal) Positions() msgs.List[msgs.Position] {
	var out msgs.List[msgs.Position]
	all := j.Balances()
	for _, a := range byKey(all) {
		t, b := a.token(), all[a]
		if t == nil || b == (Balance{}) {
			continue
		}
		p := msgs.Position{TokenID: *t, Total: money.Size(b.Total), Held: money.Size(b.Held), UnsettledIn: money.Size(b.In),
			UnsettledOut: money.Size(b.Out), Available: money.Size(b.Available())}
		if l := j.lots[a]; l.Size > 0 {
			if avg, err := money.PriceOf(l.Cost, l.Size, money.HalfUp); err == nil {
				p.AvgPrice = avg
			}
		}
		out = append(out, p)
	}
	return out
}
