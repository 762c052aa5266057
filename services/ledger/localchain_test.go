package ledger

import (
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox/chain"
)

// local follows the shore's chain as one that begins anew with its program.
func (s *shore) local() Transfers {
	p, m := chain.Polygon(), s.c.Conditions()[0]
	return FinalLogs(Onchain{Pool: s.pool, Cash: p.PUSD, Positions: p.CTF, Exchanges: []common.Address{p.Exchange}, Wallets: s.who[:1], Local: true,
		Held: []*big.Int{m.Tokens[0], m.Tokens[1]}})
}

// What wallets of a local chain have from the start is in no log: it is told first and once, a follower that goes on tells it no
// more, and the chain of the next start has another name.
func TestWhatWalletsHadFromTheStartIsBookedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShore(t, 7)
		terms := termsOf("w0")
		terms.Wallet = strings.ToLower(s.who[0].Hex())
		j, sh, seq := NewJournal(terms), &shelf{keys: map[string]bool{}}, uint64(0)
		read := func(src Transfers) (name string, n int) {
			for {
				p, err := src.After(t.Context(), name, seq, 0)
				if err != nil {
					t.Fatal(err)
				}
				if name = p.Chain; len(p.Txs) == 0 {
					return name, n
				}
				for _, x := range p.Txs {
					sh.tell(t, j, int64(x.Block), Mined{Chain: p.Chain, Tx: x})
					seq, n = x.Seq, n+1
				}
			}
		}
		name, n := read(s.local())
		if n != 1 || !strings.HasPrefix(name, "evm 137 0x") {
			t.Errorf("%d transactions of %q, want what was given", n, name)
		}
		holds := func(cash, yes int64) {
			t.Helper()
			b := j.Balances()
			if got := b[Cash].Total; got != cash {
				t.Errorf("%d of collateral, want %d", got, cash)
			}
			if got := b[Asset(s.c.Conditions()[0].Tokens[0].String())].Total; got != yes {
				t.Errorf("%d of Yes, want %d", got, yes)
			}
		}
		holds(1000*whole, 1000*whole)
		s.send(0, chain.Polygon().PUSD, "Token", "transfer", common.HexToAddress("0xbeef"), big.NewInt(whole))
		for range 6 {
			s.c.Mine()
		}
		time.Sleep(headsOld)
		if again, n := read(s.local()); n != 1 || again != name {
			t.Errorf("%d transactions of %q after the start, want the payment alone, of %q", n, again, name)
		}
		holds(999*whole, 1000*whole)

		next := newShore(t, 7)
		if p, err := next.local().After(t.Context(), name, seq, 0); err != nil || p.Chain == name || len(p.Txs) != 0 {
			t.Errorf("the chain of the next start: %+v, %v", p, err)
		}
	})
}

func TestTokensThatAreNoneAreRefused(t *testing.T) {
	if ids, err := TokenIDs([]msgs.TokenID{"7", "123456789012345678901234567890"}); err != nil || len(ids) != 2 || ids[0].Int64() != 7 {
		t.Errorf("%v, %v", ids, err)
	}
	for _, bad := range []msgs.TokenID{"", "-1", "0x7", "seven", msgs.TokenID(strings.Repeat("9", 80))} {
		if _, err := TokenIDs([]msgs.TokenID{bad}); err == nil {
			t.Errorf("%q is taken for a token", bad)
		}
	}
}
