package ledger

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm"
	"sluice/pkg/sandbox/chain"
)

// node answers as an endpoint of a chain without a network.
type node struct{ e *chain.Endpoint }

func (n node) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	n.e.ServeHTTP(w, r)
	return w.Result(), nil
}

// headsOld is when the pool asks its endpoints for their heads again.
const headsOld = 5 * time.Second

// shore is a chain on which two wallets trade and pay, and what follows it.
type shore struct {
	t      *testing.T
	r      *rand.Rand
	c      *chain.Chain
	keys   []*ecdsa.PrivateKey
	who    []common.Address
	pool   *evm.Pool
	src    Transfers
	first  common.Hash // the block before anything moved
	from   uint64
	orders int64
}

func newShore(t *testing.T, seed uint64) *shore {
	s := &shore{t: t, r: rand.New(rand.NewPCG(seed, 4))}
	cfg := chain.Config{Markets: []chain.Market{{Question: common.HexToHash("0x1")}}}
	for i := range 2 {
		key, err := crypto.ToECDSA(bytes.Repeat([]byte{byte(i + 7)}, 32))
		if err != nil {
			t.Fatal(err)
		}
		s.keys, s.who = append(s.keys, key), append(s.who, crypto.PubkeyToAddress(key.PublicKey))
		cfg.Accounts = append(cfg.Accounts, chain.Account{Owner: s.who[i], Kind: chain.EOA, PUSD: 1000 * whole, Shares: 1000 * whole, Gas: 100})
	}
	var err error
	if s.c, err = chain.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.c.Close)
	s.first, s.from = s.c.Head().Hash(), s.c.Head().Number.Uint64()
	s.pool, err = evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{Name: "one", URL: "http://one"}}, HTTP: &http.Client{Transport: node{s.c.Endpoint()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	s.src = s.follower()
	return s
}

// follower is a new one, which knows nothing of what was read before.
func (s *shore) follower() Transfers {
	p := chain.Polygon()
	return FinalLogs(Onchain{Pool: s.pool, Cash: p.PUSD, Positions: p.CTF, Exchanges: []common.Address{p.Exchange, p.NegRiskExchange}, Wallets: s.who,
		From: s.from})
}

// send lets a wallet call a contract in a later block.
func (s *shore) send(from int, to common.Address, contract, method string, args ...any) {
	s.t.Helper()
	data, err := chain.Interface(contract).Pack(method, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	tx, err := types.SignNewTx(s.keys[from], types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{ChainID: big.NewInt(chain.ID),
		Nonce: s.c.Nonce(s.who[from]), To: &to, Data: data, Gas: 1_000_000, GasTipCap: big.NewInt(chain.MinTip), GasFeeCap: big.NewInt(10 * chain.MinTip)})
	if err == nil {
		err = s.c.Send(tx)
	}
	if err != nil && !strings.Contains(err.Error(), "underpriced") { // one of the same nonce waits
		s.t.Fatal(err)
	}
}

// something happens at random: a trade of some kind with a fee, a payment, a transfer of one position or of both.
func (s *shore) something() {
	m := s.c.Conditions()[0]
	a := s.r.IntN(2)
	n := big.NewInt(s.r.Int64N(1_000_000) + 1)
	leg := func(who int, side uint8, token *big.Int, cash, fee int64) chain.Leg {
		s.orders++
		return chain.Leg{OrderHash: common.BigToHash(big.NewInt(s.orders)), Maker: s.who[who], Side: side, TokenId: token, Shares: big.NewInt(1_000_000), Cash: big.NewInt(cash), Fee: big.NewInt(fee)}
	}
	var err error
	switch s.r.IntN(6) {
	case 0:
		_, err = s.c.Settle(m, leg(a, 0, m.Tokens[0], 400_000, 1000), []chain.Leg{leg(1-a, 1, m.Tokens[0], 400_000, 0)})
	case 1:
		_, err = s.c.Settle(m, leg(a, 0, m.Tokens[0], 400_000, 70), []chain.Leg{leg(1-a, 0, m.Tokens[1], 600_000, 0)})
	case 2:
		_, err = s.c.Settle(m, leg(a, 1, m.Tokens[0], 400_000, 7), []chain.Leg{leg(1-a, 1, m.Tokens[1], 600_000, 0)})
	case 3:
		s.send(a, chain.Polygon().PUSD, "Token", "transfer", []common.Address{s.who[1-a], common.HexToAddress("0xbeef")}[s.r.IntN(2)], n)
	case 4:
		s.send(a, chain.Polygon().CTF, "ConditionalTokens", "safeTransferFrom", s.who[a], s.who[1-a], m.Tokens[0], n, []byte{})
	case 5:
		s.send(a, chain.Polygon().CTF, "ConditionalTokens", "safeBatchTransferFrom", s.who[a], s.who[1-a], []*big.Int{m.Tokens[0], m.Tokens[1]}, []*big.Int{n, n}, []byte{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// moved is what eth_call says that a wallet's balance of an asset has changed by since the beginning, at a block.
func (s *shore) moved(n *evm.Node, who common.Address, token *big.Int, at common.Hash) int64 {
	s.t.Helper()
	to, contract, args := chain.Polygon().PUSD, "Token", []any{who}
	if token != nil {
		to, contract, args = chain.Polygon().CTF, "ConditionalTokens", []any{who, token}
	}
	data, err := chain.Interface(contract).Pack("balanceOf", args...)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := new(big.Int)
	for sign, hash := range map[int64]common.Hash{1: at, -1: s.first} {
		b, err := n.Client.CallContractAtHash(s.t.Context(), ethereum.CallMsg{To: &to, Data: data}, hash)
		if err != nil {
			s.t.Fatal(err)
		}
		sum.Add(sum, new(big.Int).Mul(new(big.Int).SetBytes(b), big.NewInt(sign)))
	}
	return sum.Int64()
}

// Through settlements of every kind, payments and transfers, and reorganisations that drop some of them, the books made of
// final logs equal what the contracts answer at the final block, after every block and to the unit; and a follower that starts
// anew, in the middle of a block or far behind, comes to the same.
func TestBooksOfFinalLogsEqualTheContracts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShore(t, 5)
		var books []*Journal
		var shelves []*shelf
		for i := range s.who {
			terms := termsOf(fmt.Sprint("w", i))
			terms.Wallet = strings.ToLower(s.who[i].Hex())
			books, shelves = append(books, NewJournal(terms)), append(shelves, &shelf{keys: map[string]bool{}})
		}
		for range 4 {
			s.c.Mine()
		}
		seq, fills, dropped, checked := uint64(0), 0, 0, 0
		catchUp := func(src Transfers) {
			for name := ""; ; {
				p, err := src.After(t.Context(), name, seq, 0)
				if err != nil {
					t.Fatal(err)
				}
				if name = p.Chain; len(p.Txs) == 0 {
					return
				}
				for _, x := range p.Txs {
					for _, l := range x.Logs {
						if l.Fill != nil {
							fills++
						}
					}
					for i := range books {
						shelves[i].tell(t, books[i], int64(x.Block), Mined{Chain: p.Chain, Tx: x})
					}
					seq = x.Seq
				}
			}
		}
		for step := range 40 {
			for range s.r.IntN(3) {
				s.something()
			}
			if s.r.IntN(5) == 0 {
				if _, err := s.c.Reorg(1+s.r.IntN(2), func(*types.Transaction) bool {
					lost := s.r.IntN(2) == 0
					if lost {
						dropped++
					}
					return lost
				}); err != nil {
					t.Fatal(err)
				}
			} else {
				s.c.Mine()
			}
			time.Sleep(headsOld)
			if step%20 == 19 { // it was away: what is far behind is read by ranges
				for range 20 {
					s.something()
					s.c.Mine()
				}
				time.Sleep(headsOld)
				s.src = s.follower()
			}
			catchUp(s.src)
			final := s.c.Hash(s.pool.Finalized(t.Context()))
			err := s.pool.Read(t.Context(), func(_ context.Context, n *evm.Node) error {
				for i, who := range s.who {
					for _, token := range []*big.Int{nil, s.c.Conditions()[0].Tokens[0], s.c.Conditions()[0].Tokens[1]} {
						asset := Cash
						if token != nil {
							asset = Asset(token.String())
						}
						checked++
						if got, want := books[i].Balances()[asset].Total, s.moved(n, who, token, final); got != want {
							return fmt.Errorf("step %d: the books have %d of %s, the contract %d", step, got, asset, want)
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if fills < 30 || dropped < 3 {
			t.Errorf("%d fills, %d dropped transactions: the test shows little", fills, dropped)
		}
		t.Logf("%d balances equal, %d fills, %d transactions dropped by reorganisations", checked, fills, dropped)
	})
}

// A final block that stands on another than the one before it ends the reading; nothing is booked of it.
func TestReplacedFinalBlockIsNotBooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShore(t, 6)
		block := func() {
			s.c.Mine()
			time.Sleep(headsOld)
		}
		for range 6 {
			block()
		}
		if _, err := s.src.After(t.Context(), "", 0, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.c.Reorg(5, nil); err != nil {
			t.Fatal(err)
		}
		block()
		_, err := s.src.After(t.Context(), "", 0, 0)
		if e, ok := errors.AsType[*ForkError](err); !ok || e.Fix() == "" {
			t.Errorf("after a final block was replaced: %v", err)
		}
	})
}

// The topics are those of the events, and whatever a log holds, it is read or refused; no amount is negative but the −1 of one
// that cannot be counted.
func TestOddLogsAreReadOrRefused(t *testing.T) {
	for topic, event := range map[string]common.Hash{topicTransfer: chain.Interface("Token").Events["Transfer"].ID, topicFilled: chain.Interface("Exchange").Events["OrderFilled"].ID,
		topicSingle: chain.Interface("ConditionalTokens").Events["TransferSingle"].ID, topicBatch: chain.Interface("ConditionalTokens").Events["TransferBatch"].ID} {
		if topic != event.Hex() {
			t.Errorf("topic %s is not %s", topic, event)
		}
	}
	c := &Onchain{Cash: chain.Polygon().PUSD, Positions: chain.Polygon().CTF}
	r, read := rand.New(rand.NewPCG(1, 1)), 0
	for range 50_000 {
		l := &types.Log{Address: []common.Address{c.Cash, c.Positions}[r.IntN(2)], Data: make([]byte, 32*r.IntN(9)+r.IntN(2))}
		for range r.IntN(5) {
			l.Topics = append(l.Topics, common.HexToHash([]string{topicTransfer, topicSingle, topicBatch, topicFilled}[r.IntN(4)]))
		}
		for i := 31; i < len(l.Data); i += 32 {
			switch l.Data[i] = byte([]int{0, 1, 2, 32, 64, 96, 128, 255}[r.IntN(8)]); r.IntN(12) {
			case 0:
				l.Data[i-8] = 0xff
			case 1:
				l.Data[i-31] = 0xff
			}
		}
		logs, err := c.decode(l)
		if err == nil && len(logs) > 0 {
			read++
		}
		for _, x := range logs {
			for _, n := range amounts(x) {
				if n < -1 {
					t.Fatalf("%+v is read as %d", l, n)
				}
			}
		}
	}
	if read < 1000 {
		t.Errorf("only %d logs could be read", read)
	}
}
