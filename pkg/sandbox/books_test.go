package sandbox

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

func bigOf(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

func ownerOf(tr *trader) common.Address { return common.HexToAddress(tr.account.Address) }

// checkBooks recomputes the sandbox's books from scratch: what is held is what open orders can still take, nobody is
// over-promised, every token pair exists in full sets, and cash has gone nowhere but into sets and fees.
func (s *Sandbox) checkBooks(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[*wallet]int64{}
	heldShares := map[*holding]int64{}
	for _, o := range s.orders {
		if !o.open() {
			if o.held != 0 {
				t.Errorf("order %s is %s and holds %d", o.id, o.state, o.held)
			}
			continue
		}
		if o.eng.Side == engine.Sell {
			heldShares[o.wallet.holding(o.token())] += int64(o.eng.Left())
		} else {
			held[o.wallet] += int64(o.eng.CashLeft())
		}
	}
	accounts := int64(len(Accounts()))
	cash, sets := int64(s.fees), int64(0)
	tokens := map[string]int64{}
	for _, w := range s.wallets {
		cash += w.cash
		if w.held != held[w] {
			t.Errorf("wallet %s holds %d for orders of %d", w.name, w.held, held[w])
		}
		for token, h := range w.shares {
			tokens[token] += h.have
			if h.held != heldShares[h] {
				t.Errorf("wallet %s holds %d shares for orders of %d", w.name, h.held, heldShares[h])
			}
		}
	}
	for _, m := range s.markets {
		yes, no := tokens[m.Tokens[0]], tokens[m.Tokens[1]]
		if yes != no {
			t.Errorf("%s: %d Yes and %d No", m.Slug, yes, no)
		}
		sets += yes - accounts*int64(fundedShares) - int64(makerShares)
	}
	if start := accounts*int64(fundedCash) + int64(makerCash); cash+sets != start {
		t.Errorf("cash %s and sets %s do not add up to %s", money.Cash(cash), money.Cash(sets), money.Cash(start))
	}
}

// show is the book of an outcome as the venue shows it now.
func (s *Sandbox) show(slug string, outcome int) wireBook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byToken[marketOf(slug).Tokens[outcome]].view(outcome)
}
