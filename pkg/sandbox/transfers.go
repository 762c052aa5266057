package sandbox

import (
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// What moves, and who is neither a wallet nor an exchange.
const (
	assetCash    = "pUSD"
	zeroAddress  = "0x0000000000000000000000000000000000000000"
	tokenVault   = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045" // holds the collateral of all full sets
	feeRecipient = "0x115f48dc2a731aa16251c6d6e1befc42f92accc9"
)

// The kinds of logs.
const (
	logTransfer = "transfer"
	logFilled   = "order_filled"
)

// ChainLog is one log of a transaction: a transfer of collateral (Asset) or of outcome shares (TokenID), or the fill of
// an order. Addresses are lower-case; amounts are whole base units, which are millionths.
type ChainLog struct {
	Seq     int64  `json:"seq"` // of the transaction, from 1 without a gap
	Block   int64  `json:"block"`
	AtMS    int64  `json:"at_ms"`
	TxHash  string `json:"tx_hash"`
	Index   int    `json:"log_index"`
	Undone  bool   `json:"undone,omitempty"` // the transaction, told before with this log, stands on the chain no more
	Final   bool   `json:"final"`            // no reorganisation can take it back
	Kind    string `json:"kind"`
	Asset   string `json:"asset,omitempty"`
	TokenID string `json:"token_id,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Amount  string `json:"amount,omitempty"`

	OrderID string `json:"order_id,omitempty"`
	Maker   string `json:"maker,omitempty"` // wallet of the order
	Side    string `json:"side,omitempty"`
	Making  string `json:"making,omitempty"` // what the order gave, without its fee
	Taking  string `json:"taking,omitempty"` // what it received, before its fee
	Fee     string `json:"fee,omitempty"`
}

// transaction is one change of the chain; its logs are written when somebody asks for them.
type transaction struct {
	hash  string
	block int64
	at    time.Time
	logs  func(*txWriter)

	undone bool // it is one that was there before
	open   bool // it can be undone
}

// chain is every transaction so far, under the sandbox's lock.
type chain struct {
	id    string // of this chain: a restart is another one
	txs   []transaction
	woken chan struct{} // closed at the next transaction
}

func newChain(seed uint64) chain {
	name := "sluice sandbox chain " + strconv.FormatUint(seed, 10) + " " + strconv.FormatInt(time.Now().UnixNano(), 10)
	return chain{id: hexutil.Encode(crypto.Keccak256([]byte(name))), woken: make(chan struct{})}
}

// mine adds a transaction in a block of its own.
func (c *chain) mine(hash string, logs func(*txWriter)) { c.add(transaction{hash: hash, logs: logs}) }

// add tells of a transaction: that it is there, or no more.
func (c *chain) add(x transaction) {
	x.block, x.at = int64(len(c.txs))+1, time.Now()
	c.txs = append(c.txs, x)
	close(c.woken)
	c.woken = make(chan struct{})
}

// mineFunds gives a wallet what it starts with.
func (s *Sandbox) mineFunds(w *wallet, cash money.Cash, shares money.Size) {
	s.chain.mine(hexutil.Encode(crypto.Keccak256([]byte("sluice sandbox funds of "+w.address.Hex()))), func(t *txWriter) {
		t.cash(zeroAddress, lower(w.address), int64(cash))
		for _, m := range s.markets {
			for _, token := range m.Tokens {
				t.shares(token, zeroAddress, lower(w.address), int64(shares))
			}
		}
	})
}

// mineTrade settles a trade on chain.
func (s *Sandbox) mineTrade(t *trade) { s.chain.mine(t.txHash, t.writeLogs) }

// writeLogs writes what an exchange does with a match: the taker gives to the exchange, each maker is served from there
// by a swap, a mint of full sets or a merge, the taker gets the proceeds, and the fee is netted from a sale or comes on
// top of a purchase.
func (t *trade) writeLogs(w *txWriter) {
	x, taker := strings.ToLower(t.market.spender()), t.taker()
	buys := taker.order.eng.Side == engine.Buy
	w.give(taker, x)
	for i := range t.legs[1:] {
		maker := &t.legs[1+i]
		w.give(maker, x)
		if maker.order.eng.Outcome != taker.order.eng.Outcome {
			w.sets(t.market, x, int64(maker.size), buys)
		}
		w.take(maker, x, 0)
		w.filled(maker)
	}
	if fee := int64(taker.fee); buys {
		w.take(taker, x, 0)
		w.cash(lower(taker.order.wallet.address), feeRecipient, fee)
	} else {
		w.take(taker, x, fee)
		w.cash(x, feeRecipient, fee)
	}
	w.filled(taker)
}

// txWriter writes the logs of one transaction in order.
type txWriter struct {
	common ChainLog
	out    []ChainLog
}

func (w *txWriter) add(l ChainLog) {
	c := w.common
	l.Seq, l.Block, l.AtMS, l.TxHash, l.Index, l.Undone, l.Final = c.Seq, c.Block, c.AtMS, c.TxHash, len(w.out), c.Undone, c.Final
	w.out = append(w.out, l)
}

// cash and shares write one transfer; nothing moves silently, and nothing is not moved.
func (w *txWriter) cash(from, to string, amount int64) {
	if amount != 0 {
		w.add(ChainLog{Kind: logTransfer, Asset: assetCash, From: from, To: to, Amount: units(amount)})
	}
}

func (w *txWriter) shares(token, from, to string, amount int64) {
	if amount != 0 {
		w.add(ChainLog{Kind: logTransfer, TokenID: token, From: from, To: to, Amount: units(amount)})
	}
}

// give moves what a leg pays to the exchange.
func (w *txWriter) give(l *leg, x string) {
	if l.order.eng.Side == engine.Buy {
		w.cash(lower(l.order.wallet.address), x, int64(l.cash))
	} else {
		w.shares(l.order.token(), lower(l.order.wallet.address), x, int64(l.size))
	}
}

// take moves what a leg gets from the exchange.
func (w *txWriter) take(l *leg, x string, fee int64) {
	if l.order.eng.Side == engine.Buy {
		w.shares(l.order.token(), x, lower(l.order.wallet.address), int64(l.size))
	} else {
		w.cash(x, lower(l.order.wallet.address), int64(l.cash)-fee)
	}
}

// sets turns the exchange's collateral into full sets, or full sets into collateral.
func (w *txWriter) sets(m *market, x string, size int64, mint bool) {
	cashFrom, cashTo, from, to := x, tokenVault, zeroAddress, x
	if !mint {
		cashFrom, cashTo, from, to = tokenVault, x, x, zeroAddress
	}
	w.cash(cashFrom, cashTo, size)
	for _, token := range m.Tokens {
		w.shares(token, from, to, size)
	}
}

func (w *txWriter) filled(l *leg) {
	making, taking := int64(l.cash), int64(l.size)
	if l.order.eng.Side == engine.Sell {
		making, taking = taking, making
	}
	w.add(ChainLog{Kind: logFilled, OrderID: l.order.id, Maker: lower(l.order.wallet.address), TokenID: l.order.token(),
		Side: l.order.eng.Side.String(), Making: units(making), Taking: units(taking), Fee: units(int64(l.fee))})
}

func lower(a common.Address) string { return strings.ToLower(a.Hex()) }

// maxTransactions bounds one answer: about a megabyte.
const maxTransactions = 500

// Transfers returns the logs of the transactions after number after, at most limit transactions (0 is 500), whole.
func (s *Sandbox) Transfers(after int64, limit int) []ChainLog {
	s.mu.Lock()
	txs, _ := s.chain.since(after, limit)
	s.mu.Unlock()
	return logsOf(after, txs)
}

// since is what stands after a number, and what is closed when there is more.
func (c *chain) since(after int64, limit int) ([]transaction, <-chan struct{}) {
	if limit <= 0 || limit > maxTransactions {
		limit = maxTransactions
	}
	from := min(max(after, 0), int64(len(c.txs)))
	to := min(from+int64(limit), int64(len(c.txs)))
	return c.txs[from:to:to], c.woken
}

func logsOf(after int64, txs []transaction) (out []ChainLog) {
	for i, tx := range txs {
		w := txWriter{common: ChainLog{Seq: max(after, 0) + int64(i) + 1, Block: tx.block, AtMS: tx.at.UnixMilli(), TxHash: tx.hash,
			Undone: tx.undone, Final: !tx.open}}
		tx.logs(&w)
		out = append(out, w.out...)
	}
	return out
}

// Holdings returns what a wallet has of each asset, in millionths: collateral under "pUSD", shares under their token id.
// What the venue has matched counts at once, as the venue counts it; after settlement it is what the transfers add up to.
func (s *Sandbox) Holdings(address string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int64{}
	w := s.wallets[common.HexToAddress(address)]
	if w == nil {
		return out
	}
	out[assetCash] = w.cash
	for token, h := range w.shares {
		out[token] = h.have
	}
	return out
}
