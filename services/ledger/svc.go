package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// historyMost bounds a page of history, to fit one message.
const historyMost = 500

// teller answers questions about one account's books.
type teller struct {
	s *Service
	k *keeper
	d *desk
}

// serve answers questions about an account from what is on disk.
func (s *Service) serve(ctx context.Context, k *keeper, d *desk) error {
	account := d.book.Terms.Account
	c := &teller{s, k, d}
	end, err := actor.Desk{Service: serviceName, Version: version, Account: account, Doc: "books of account " + string(account), Verbs: map[string]actor.Answer{
		"balances": c.balances, "positions": c.positions, "history": c.history, "holds": c.holds, "position": c.position,
	}}.Open(ctx, s.cfg.NATS)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return end()
}

// look takes f's view of the journal between two groups.
func look[A any](ctx context.Context, c *teller, f func(*Journal) A) (A, *msgs.Error) {
	a, err := asked(ctx, c.k, func() A { return f(c.d.journal) })
	if err != nil {
		return a, &msgs.Error{Code: msgs.VenueDown, Cause: "the ledger is busy or stopping: " + err.Error(), Fix: "ask again"}
	}
	return a, nil
}

func includes(j *Journal) msgs.Includes {
	return msgs.Includes{OrderN: j.At.Log.N, Block: j.At.Block}
}

func (c *teller) balances(ctx context.Context, _ []byte) (any, *msgs.Error) {
	a, refusal := look(ctx, c, func(j *Journal) msgs.BalancesAnswer {
		b := j.Balances()[Cash]
		a := msgs.BalancesAnswer{Account: c.d.book.Terms.Account, Env: c.s.cfg.Env, Wallet: c.d.book.Terms.Wallet, Includes: includes(j), Positions: j.Positions(),
			Cash: msgs.CashBalance{Asset: string(Cash), Total: money.Cash(b.Total), Held: money.Cash(b.Held), UnsettledIn: money.Cash(b.In),
				UnsettledOut: money.Cash(b.Out), Available: money.Cash(b.Available())}}
		if r := j.last; r != nil {
			a.Reconciled = &msgs.ReconcileState{AtMS: r.AtMS, Block: r.Block, Match: r.Match, Discrepancy: r.Discrepancy}
		}
		return a
	})
	if refusal != nil {
		return nil, refusal
	}
	c.s.names.put(a.Positions)
	return a, nil
}

func (c *teller) positions(ctx context.Context, _ []byte) (any, *msgs.Error) {
	a, refusal := look(ctx, c, func(j *Journal) msgs.PositionsAnswer {
		return msgs.PositionsAnswer{Account: c.d.book.Terms.Account, Env: c.s.cfg.Env, Includes: includes(j), Positions: j.Positions()}
	})
	if refusal != nil {
		return nil, refusal
	}
	c.s.names.put(a.Positions)
	return a, nil
}

func (c *teller) holds(ctx context.Context, _ []byte) (any, *msgs.Error) {
	a, refusal := look(ctx, c, func(j *Journal) msgs.HoldsAnswer { return msgs.HoldsAnswer{Includes: includes(j), Holds: j.Holds()} })
	return a, refusal
}

func (c *teller) position(ctx context.Context, _ []byte) (any, *msgs.Error) {
	a, refusal := look(ctx, c, func(j *Journal) msgs.LedgerPosition {
		return msgs.LedgerPosition{Account: c.d.book.Terms.Account, Env: c.s.cfg.Env, FeedSeq: j.At.FeedAt.Seq, Block: j.At.Block,
			Order: msgs.OrderPosition{Incarnation: j.At.Sure.Incarnation, N: j.At.Sure.N, Seq: j.At.LogAt.Seq, Doubt: j.At.Doubt}}
	})
	return a, refusal
}

func (c *teller) history(ctx context.Context, data []byte) (any, *msgs.Error) {
	var q msgs.HistoryQuestion
	if len(data) > 0 {
		if err := json.Unmarshal(data, &q); err != nil {
			return nil, &msgs.Error{Code: msgs.BadJSON, Cause: "the question cannot be read: " + err.Error(), Fix: "send one JSON object"}
		}
	}
	var after uint64
	if q.After != "" {
		n, err := strconv.ParseUint(q.After, 10, 64)
		if err != nil {
			return nil, &msgs.Error{Code: msgs.BadValue, Cause: "after is not the next of a page", Fix: "leave it out for the first page"}
		}
		after = n
	}
	at, refusal := look(ctx, c, includes)
	if refusal != nil {
		return nil, refusal
	}
	a := msgs.HistoryAnswer{Includes: at}
	var err error
	if a.Changes, a.Next, err = c.k.store.changes(ctx, c.d.book.ID, q, after); err != nil {
		return nil, &msgs.Error{Code: msgs.VenueDown, Cause: err.Error(), Fix: "ask again; `sluice ledger verify` looks whether the books are whole"}
	}
	return a, nil
}

// changes is one page of the changes of balances.
func (s *Store) changes(ctx context.Context, book int64, q msgs.HistoryQuestion, after uint64) (out msgs.List[msgs.LedgerBalance], next string, err error) {
	limit := historyMost
	if q.Limit > 0 {
		limit = min(q.Limit, historyMost)
	}
	asset := q.Asset
	if q.TokenID != "" {
		asset = string(q.TokenID)
	}
	until := q.UntilMS
	if until == 0 {
		until = 1<<63 - 1
	}
	rows, err := s.read.QueryContext(ctx, `SELECT body FROM event WHERE book = ? AND n > ? AND type = ? AND (? = '' OR asset = ?)
		AND at_ms >= ? AND at_ms < ? ORDER BY n LIMIT ?`, book, after, string(msgs.KindBalance), asset, asset, q.FromMS, until, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("read history: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		var b msgs.LedgerBalance
		if err := rows.Scan(&body); err != nil {
			return nil, "", fmt.Errorf("read history: %w", err)
		}
		if len(out) == limit {
			next = strconv.FormatUint(out[limit-1].N, 10)
			break
		}
		if err := json.Unmarshal(body, &b); err != nil {
			return nil, "", fmt.Errorf("read history: %w", err)
		}
		out = append(out, b)
	}
	return out, next, rows.Err()
}
