package sandbox

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"sluice/pkg/money"
)

// journal is the append-only record of what happened: one JSON line per fact, all of it in memory.
type journal struct {
	mu    sync.Mutex
	lines [][]byte // each with its newline
	wake  chan struct{}
}

// openJournal starts a journal; with a file it also starts the goroutine that copies the lines there until done.
func openJournal(file string, running *sync.WaitGroup, done <-chan struct{}, log *slog.Logger) (*journal, error) {
	j := &journal{wake: make(chan struct{}, 1)} // one pending wake is enough: the writer takes all lines
	if file == "" {
		return j, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	running.Go(func() {
		if err := j.copyTo(f, done); err != nil {
			log.Error("journal file ends", "error", err)
		}
	})
	return j, nil
}

// copyTo writes every line to f and closes it when done.
func (j *journal) copyTo(f *os.File, done <-chan struct{}) error {
	w, next := bufio.NewWriter(f), 0
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-j.wake:
		}
		for _, line := range j.since(next) {
			next++
			if _, err := w.Write(line); err != nil {
				f.Close()
				return fmt.Errorf("write journal: %w", err)
			}
		}
		if err := w.Flush(); err != nil {
			f.Close()
			return fmt.Errorf("write journal: %w", err)
		}
	}
	return f.Close()
}

// add appends one fact.
func (j *journal) add(v any) {
	line := append(mustJSON(v), '\n')
	j.mu.Lock()
	j.lines = append(j.lines, line)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// since returns the lines from number n on; the slice is never written again.
func (j *journal) since(n int) [][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines[min(max(n, 0), len(j.lines)):len(j.lines):len(j.lines)]
}

// Journal returns the lines so far, each a JSON object with its newline, from number n on.
func (s *Sandbox) Journal(n int) [][]byte { return s.journal.since(n) }

type metaLine struct {
	Kind     string        `json:"kind"`
	AtUS     int64         `json:"at_us"`
	Env      string        `json:"env"`
	Seed     uint64        `json:"seed"`
	Accounts []metaAccount `json:"accounts"`
	Markets  []Market      `json:"markets"`
}

type metaAccount struct {
	Name          string `json:"name"`
	Address       string `json:"address"`
	Funder        string `json:"funder"`
	SignatureType int    `json:"signature_type"`
}

func (s *Sandbox) recordMeta(accounts []Account) {
	l := metaLine{Kind: "meta", AtUS: time.Now().UnixMicro(), Env: "sandbox", Seed: s.cfg.Seed, Markets: Markets()}
	for _, a := range accounts {
		l.Accounts = append(l.Accounts, metaAccount{a.Name, a.Address, a.Funder, a.SignatureType})
	}
	s.journal.add(l)
}

// The fates of a request.
const (
	fateAnswered = "answered"
	fateDropped  = "dropped" // processed, connection closed without an answer
	fateLost     = "lost"    // closed before it was processed
	fateLate     = "late"    // answered after a delay
)

type requestLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	ID      int64  `json:"id"`
	Address string `json:"address"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Query   string `json:"query"`
	Account string `json:"account"`
	Body    string `json:"body"`
	Status  int    `json:"status"`
	Answer  string `json:"answer"`
	Fate    string `json:"fate"`
	DoneUS  int64  `json:"done_us"`
}

type orderLine struct {
	Kind        string      `json:"kind"`
	AtUS        int64       `json:"at_us"`
	Request     int64       `json:"request"`
	OrderID     string      `json:"order_id"`
	Account     string      `json:"account"`
	TokenID     string      `json:"token_id"`
	ConditionID string      `json:"condition_id"`
	Side        string      `json:"side"`
	Type        string      `json:"type"`
	Price       money.Price `json:"price"`
	Size        money.Size  `json:"size"`
	MakerAmount string      `json:"maker_amount"`
	TakerAmount string      `json:"taker_amount"`
	Salt        string      `json:"salt"`
	TimestampMS int64       `json:"timestamp_ms"`
	Status      string      `json:"status"`
	Filled      money.Size  `json:"filled"`
	Reason      string      `json:"reason"`
}

func (s *Sandbox) recordOrder(o *order) {
	s.journal.add(orderLine{
		Kind: "order", AtUS: time.Now().UnixMicro(), Request: o.request, OrderID: o.id, Account: o.wallet.name,
		TokenID: o.token(), ConditionID: o.market.ConditionID, Side: o.eng.Side.String(), Type: o.kind,
		Price: o.eng.Price, Size: o.size(), MakerAmount: units(int64(o.maker)), TakerAmount: units(int64(o.taker)),
		Salt: o.salt, TimestampMS: o.timestamp, Status: o.state, Filled: o.eng.Filled, Reason: o.reason,
	})
}

type tradeLine struct {
	Kind         string    `json:"kind"`
	AtUS         int64     `json:"at_us"`
	TradeID      string    `json:"trade_id"`
	Status       string    `json:"status"`
	TakerOrderID string    `json:"taker_order_id"`
	TxHash       string    `json:"tx_hash"`
	Legs         []legLine `json:"legs"`
}

type legLine struct {
	Leg     int         `json:"leg"`
	Role    string      `json:"role"`
	OrderID string      `json:"order_id"`
	Account string      `json:"account"`
	TokenID string      `json:"token_id"`
	Side    string      `json:"side"`
	Price   money.Price `json:"price"`
	Size    money.Size  `json:"size"`
	Fee     money.Cash  `json:"fee"`
}

func (s *Sandbox) recordTrade(t *trade) {
	l := tradeLine{Kind: "trade", AtUS: t.updated.UnixMicro(), TradeID: t.id, Status: t.status, TakerOrderID: t.taker().order.id, TxHash: t.txHash}
	for i, g := range t.legs {
		role := roleMaker
		if i == 0 {
			role = roleTaker
		}
		l.Legs = append(l.Legs, legLine{i, role, g.order.id, g.order.wallet.name, g.order.token(), g.order.eng.Side.String(), g.price, g.size, g.fee})
	}
	s.journal.add(l)
}
