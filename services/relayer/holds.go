package relayer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Held is what resting orders and unsettled trades of an account need, in base units.
type Held struct {
	Cash      int64 // pUSD
	Positions map[msgs.TokenID]int64
}

// atLeast raises h to what another source says.
func (h *Held) atLeast(o Held) {
	h.Cash = max(h.Cash, o.Cash)
	for id, n := range o.Positions {
		h.add(id, max(0, n-h.Positions[id]))
	}
}

func (h *Held) add(id msgs.TokenID, n int64) {
	if h.Positions == nil {
		h.Positions = map[msgs.TokenID]int64{}
	}
	h.Positions[id] += n
}

// Bounds of asking what is held.
const (
	holdsWait     = 3 * time.Second // for one answer
	maxOrderPages = 40              // of 500 orders each, beyond which nobody has looked at all of them
)

// holders are the services that know what is held. The executor knows it first, the ledger also of trades that settle; the
// larger figure counts.
type holders struct {
	nc      *nats.Conn
	account msgs.Account
}

// held asks both. It is an error when neither answers, or when one that answers cannot tell.
func (h holders) held(ctx context.Context) (Held, error) {
	out, fromOrders := h.byOrders(ctx)
	books, fromBooks := h.byBooks(ctx)
	if fromOrders != nil && fromBooks != nil {
		return Held{}, errors.Join(fromOrders, fromBooks)
	}
	out.atLeast(books)
	return out, nil
}

func (h holders) ask(ctx context.Context, service, verb string, question, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, holdsWait)
	defer cancel()
	data, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode question: %w", err)
	}
	subject := msgs.SvcSubject(service, h.account, verb)
	m, err := h.nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return fmt.Errorf("ask %s: %w", subject, err)
	}
	var refused msgs.ErrorReply
	if err := json.Unmarshal(m.Data, &refused); err == nil && refused.Error != nil {
		return fmt.Errorf("ask %s: %w", subject, refused.Error)
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		return fmt.Errorf("ask %s: read answer: %w", subject, err)
	}
	return nil
}

func (h holders) byBooks(ctx context.Context) (Held, error) {
	var a msgs.BalancesAnswer
	if err := h.ask(ctx, "ledger", "balances", msgs.Empty{}, &a); err != nil {
		return Held{}, err
	}
	out := Held{Cash: max(0, int64(a.Cash.Held)) + max(0, int64(a.Cash.UnsettledOut))}
	for _, p := range a.Positions {
		out.add(p.TokenID, max(0, int64(p.Held))+max(0, int64(p.UnsettledOut)))
	}
	return out, nil
}

func (h holders) byOrders(ctx context.Context) (Held, error) {
	var out Held
	q := msgs.OrdersQuestion{}
	for range maxOrderPages {
		var a msgs.OrdersAnswer
		if err := h.ask(ctx, "executor", "orders", q, &a); err != nil {
			return Held{}, err
		}
		for i := range a.Orders {
			if err := out.order(&a.Orders[i]); err != nil {
				return Held{}, err
			}
		}
		if q.After = a.Next; q.After == "" {
			return out, nil
		}
	}
	return Held{}, fmt.Errorf("the executor has more than %d pages of orders", maxOrderPages)
}

// order counts what one order may still take from the wallet: what rests, and what has traded and not settled.
func (h *Held) order(o *msgs.Order) error {
	open := o.Unsettled
	if !o.Final {
		open += o.Remaining
	}
	switch {
	case open <= 0:
	case o.Side == msgs.Sell:
		h.add(o.TokenID, int64(open))
	default:
		cash, err := money.Cost(open, o.Price, money.Up)
		if err != nil {
			return fmt.Errorf("count order %s%s: %w", o.ClientOrderID, o.OrderID, err)
		}
		h.Cash += int64(max(cash, 0))
	}
	return nil
}
