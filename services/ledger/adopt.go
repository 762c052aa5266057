package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluice/pkg/msgs"
)

// Events or trades that were removed from a stream before these books have read them: new books of an account whose log was
// purged, or old ones that were away for too long. It is told as a discrepancy, and the open orders, of which the removed
// part may have told, are taken from the executor.

// Missed says that messages were removed unread.
type Missed struct {
	Part     string // partOrders or partTrades
	From, To uint64 // event numbers of the log, or sequences of the feed
}

// Adopted is what the executor says of its open orders, when its log stood at event N.
type Adopted struct {
	N      uint64
	Orders []msgs.Order
}

func (Missed) input()  {}
func (Adopted) input() {}

// missed reports what was removed.
func (t *turn) missed(in Missed) {
	r := Report{Subject: "log", Asset: Cash, Explanation: fmt.Sprintf("events %d to %d of evt.order were removed before they were booked; open orders are taken from the executor, what has settled from the chain", in.From, in.To)}
	t.e.Kind, t.e.Reason = KindOrder, "removed"
	if in.Part == partTrades {
		r.Subject, t.e.Kind = "feed", KindTrade
		r.Explanation = fmt.Sprintf("trades between messages %d and %d of the private feed may have been removed before they were booked; what has settled is booked from the chain", in.From, in.To)
	}
	t.report(r)
}

// adopted takes the open orders, unless the books have read further than the executor had: an order that has ended since
// would be open for ever.
func (t *turn) adopted(in Adopted) {
	t.e.Kind, t.e.Reason = KindOrder, "adopted"
	if t.j.At.Log.N > in.N {
		return
	}
	for i := range in.Orders {
		t.state(&in.Orders[i])
	}
}

// adopt asks the executor for its open orders whenever events were removed unread, until they are in the books. Meanwhile
// the books are not ready: what these orders hold is not known.
func (s *Service) adopt(ctx context.Context, k *keeper, d *desk) error {
	p := part{partOpen, d.book.Terms.Account}
	for {
		select {
		case <-d.missed:
		case <-ctx.Done():
			return nil
		}
		s.lacks.lack(p, "events were removed unread; the executor is asked for its open orders")
		for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryLast) {
			err := s.adoptOnce(ctx, k, d)
			if err == nil {
				s.lacks.have(p)
				break
			}
			if ctx.Err() == nil {
				s.lacks.fail(p, fmt.Errorf("events were removed unread, and the executor does not tell its open orders: %w", err))
				s.cfg.Log.Warn("open orders not taken over, asking again", "account", p.account, "error", err)
			}
			_ = pause(ctx, wait)
		}
	}
}

// askTimeout bounds one question to the executor.
const askTimeout = 5 * time.Second

var errStale = errors.New("its answer is older than what is booked")

func (s *Service) adoptOnce(ctx context.Context, k *keeper, d *desk) error {
	in, err := s.openOrders(ctx, d.book.Terms.Account)
	if err != nil {
		return err
	}
	if err := k.give(ctx, work{desk: d, inputs: []Input{in}}); err != nil {
		return err
	}
	still, err := asked(ctx, k, func() bool { return d.journal.At.Missed })
	if err == nil && still {
		err = errStale
	}
	return err
}

// openOrders are what the executor can still trade. Of several pages the first says up to which event they hold.
func (s *Service) openOrders(ctx context.Context, a msgs.Account) (out Adopted, err error) {
	for q := (msgs.OrdersQuestion{Open: true}); ; {
		page, err := s.orders(ctx, a, q)
		if err != nil {
			return out, err
		}
		if q.After == "" {
			out.N = page.N
		}
		out.Orders = append(out.Orders, page.Orders...)
		if q.After = page.Next; q.After == "" {
			return out, nil
		}
	}
}

func (s *Service) orders(ctx context.Context, a msgs.Account, q msgs.OrdersQuestion) (page msgs.OrdersAnswer, err error) {
	data, err := json.Marshal(q)
	if err != nil {
		return page, fmt.Errorf("encode question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	subject := msgs.SvcSubject("executor", a, "orders")
	m, err := s.cfg.NATS.RequestWithContext(ctx, subject, data)
	if err != nil {
		return page, fmt.Errorf("ask %s: %w", subject, err)
	}
	var refused msgs.ErrorReply
	if err := json.Unmarshal(m.Data, &refused); err == nil && refused.Error != nil {
		return page, fmt.Errorf("ask %s: %w", subject, refused.Error)
	}
	if err := json.Unmarshal(m.Data, &page); err != nil {
		return page, fmt.Errorf("read answer of %s: %w", subject, err)
	}
	return page, nil
}
