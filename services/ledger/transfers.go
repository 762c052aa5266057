package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Transfers is the chain as the books see it: what has moved, in order, each transaction whole.
type Transfers interface {
	// After returns transactions of a chain after number seq, oldest first. Where there are none it waits for the first,
	// at most so long, and then returns none. The page names its chain; when that is another one it comes at once, and its
	// transactions mean nothing: numbers are of one chain.
	After(ctx context.Context, chain string, seq uint64, wait time.Duration) (Page, error)
}

// Page is some transactions of one chain.
type Page struct {
	Chain string
	Txs   []Tx
}

// sandboxChain reads the transfers that a local venue serves.
type sandboxChain struct {
	base string
	http *http.Client
}

const (
	// chainTimeout is how long an answer may take beyond what it may wait.
	chainTimeout = 30 * time.Second
	// pageTxs is how many transactions are asked for at once: a group's worth.
	pageTxs = 256
	// maxLine bounds one log.
	maxLine = 64 << 10
)

// After asks for one page.
func (c *sandboxChain) After(ctx context.Context, chain string, seq uint64, wait time.Duration) (p Page, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait+chainTimeout)
	defer cancel()
	q := url.Values{"after": {strconv.FormatUint(seq, 10)}, "limit": {strconv.Itoa(pageTxs)}, "wait_ms": {strconv.FormatInt(wait.Milliseconds(), 10)},
		"chain": {chain}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/_sandbox/transfers?"+q.Encode(), nil)
	if err != nil {
		return p, fmt.Errorf("ask for transfers: %w", err)
	}
	r, err := c.http.Do(req)
	if err != nil {
		return p, fmt.Errorf("ask for transfers: %w", err)
	}
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	if r.StatusCode != http.StatusOK {
		return p, fmt.Errorf("ask for transfers: status %d", r.StatusCode)
	}
	p.Chain = r.Header.Get("Sandbox-Chain")
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := p.read(lines.Bytes()); err != nil {
			return p, err
		}
	}
	if err := lines.Err(); err != nil {
		return p, fmt.Errorf("read transfers: %w", err)
	}
	return p, nil
}

// chainLine is one log as it is served.
type chainLine struct {
	Seq     uint64       `json:"seq"`
	Block   uint64       `json:"block"`
	AtMS    int64        `json:"at_ms"`
	TxHash  msgs.TxHash  `json:"tx_hash"`
	Kind    string       `json:"kind"`
	Asset   Asset        `json:"asset"`
	TokenID msgs.TokenID `json:"token_id"`
	From    string       `json:"from"`
	To      string       `json:"to"`
	Amount  string       `json:"amount"`
	OrderID msgs.OrderID `json:"order_id"`
	Maker   string       `json:"maker"`
	Side    msgs.Side    `json:"side"`
	Making  string       `json:"making"`
	Taking  string       `json:"taking"`
	Fee     string       `json:"fee"`
	Undone  bool         `json:"undone"`
	Final   bool         `json:"final"`
}

// read takes one line. A kind of tomorrow is skipped.
func (p *Page) read(b []byte) error {
	var l chainLine
	if err := json.Unmarshal(b, &l); err != nil {
		return fmt.Errorf("read transfer %q: %w", b[:min(len(b), 200)], err)
	}
	if n := len(p.Txs); n == 0 || p.Txs[n-1].Hash != l.TxHash || p.Txs[n-1].Seq != l.Seq {
		p.Txs = append(p.Txs, Tx{Seq: l.Seq, Block: l.Block, AtMS: l.AtMS, Hash: l.TxHash, Undone: l.Undone, Final: l.Final})
	}
	x := &p.Txs[len(p.Txs)-1]
	switch l.Kind {
	case "transfer":
		if l.TokenID != "" {
			l.Asset = assetOf(l.TokenID)
		}
		x.Logs = append(x.Logs, Log{Transfer: &Transfer{Asset: l.Asset, From: l.From, To: l.To, Amount: baseUnits(l.Amount)}})
	case "order_filled":
		size, cash := l.Taking, l.Making
		if l.Side == msgs.Sell {
			size, cash = cash, size
		}
		x.Logs = append(x.Logs, Log{Fill: &Fill{Order: l.OrderID, Wallet: l.Maker, Token: l.TokenID, Side: l.Side,
			Size: money.Size(baseUnits(size)), Cash: money.Cash(baseUnits(cash)), Fee: money.Cash(baseUnits(l.Fee))}})
	}
	return nil
}

// baseUnits reads an amount; what does not fit, or is none, is −1.
func baseUnits(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
