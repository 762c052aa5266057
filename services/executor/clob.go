package executor

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// clob is one account at the venue's order book API. When the venue refuses the credentials they are derived anew, once
// for each refusal, and the call is made again; that is the only repeat in here.
type clob struct {
	base    polymarket.CLOB
	account string
	creds   atomic.Pointer[polymarket.Credentials]
	turn    chan struct{} // of capacity one: who holds it derives
}

// callTimeout bounds one call, its answer included: the venue holds marketable orders for some seconds at most.
const callTimeout = 10 * time.Second

func newCLOB(base polymarket.CLOB, account msgs.Account, creds polymarket.Credentials) *clob {
	c := &clob{base: base, account: string(account), turn: make(chan struct{}, 1)}
	c.creds.Store(&creds)
	return c
}

// client is the API with the credentials of this moment.
func (c *clob) client() (polymarket.CLOB, *polymarket.Credentials) {
	creds := c.creds.Load()
	api := c.base
	api.Creds = *creds
	return api, creds
}

// derive gets new credentials unless someone else has done so since refused was used. They are a pure function of the
// key, so asking again is harmless.
func (c *clob) derive(ctx context.Context, refused *polymarket.Credentials) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if c.creds.Load() != refused {
		return nil
	}
	fresh, err := c.base.CreateOrDeriveKey(ctx, 0)
	if err == nil {
		c.creds.Store(&fresh)
	}
	return err
}

// Post places orders. Orders under refused credentials were not looked at, so they may go again at once.
func (c *clob) Post(ctx context.Context, orders []polymarket.Envelope, sendBy time.Time) []polymarket.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	api, creds := c.client()
	out := post(ctx, api, orders, sendBy)
	if _, refused := out[0].(polymarket.Unauthorised); !refused {
		return out
	}
	if err := c.derive(ctx, creds); err != nil {
		return slices.Repeat([]polymarket.Outcome{polymarket.NeverLeft{Cause: err}}, len(orders))
	}
	api, _ = c.client()
	return post(ctx, api, orders, sendBy)
}

func post(ctx context.Context, api polymarket.CLOB, orders []polymarket.Envelope, sendBy time.Time) []polymarket.Outcome {
	if len(orders) == 1 {
		o, _ := api.PostOrder(ctx, polymarket.PostRequest{Envelope: orders[0], SendBy: sendBy})
		return []polymarket.Outcome{o}
	}
	rs := make([]polymarket.PostRequest, len(orders))
	for i, e := range orders {
		rs[i] = polymarket.PostRequest{Envelope: e, SendBy: sendBy}
	}
	out, _ := api.PostOrders(ctx, rs)
	return out
}

// Cancel ends orders by id.
func (c *clob) Cancel(ctx context.Context, ids []msgs.OrderID) (CancelAnswer, polymarket.Outcome) {
	return c.cancel(ctx, func(ctx context.Context, api polymarket.CLOB) polymarket.CancelOutcome {
		if len(ids) == 1 {
			out, _ := api.CancelOrder(ctx, string(ids[0]))
			return out
		}
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = string(id)
		}
		out, _ := api.CancelOrders(ctx, texts)
		return out
	})
}

// CancelEverything ends whatever rests.
func (c *clob) CancelEverything(ctx context.Context) (CancelAnswer, polymarket.Outcome) {
	a, failed := c.cancel(ctx, func(ctx context.Context, api polymarket.CLOB) polymarket.CancelOutcome {
		out, _ := api.CancelAll(ctx)
		return out
	})
	a.Everything = failed == nil
	return a, failed
}

func (c *clob) cancel(ctx context.Context, call func(context.Context, polymarket.CLOB) polymarket.CancelOutcome) (CancelAnswer, polymarket.Outcome) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	api, creds := c.client()
	out := call(ctx, api)
	if _, refused := out.Failure.(polymarket.Unauthorised); refused && c.derive(ctx, creds) == nil {
		api, _ = c.client()
		out = call(ctx, api)
	}
	var a CancelAnswer
	for _, id := range out.Canceled {
		a.Cancelled = append(a.Cancelled, msgs.OrderID(id))
	}
	for _, id := range slices.Sorted(maps.Keys(out.NotCanceled)) {
		r := out.NotCanceled[id]
		a.Refused = append(a.Refused, CancelRefusal{OrderID: msgs.OrderID(id), Code: refusalCode(r), Message: r.VenueMessage})
	}
	return a, out.Failure
}

// refusalCode tells a hold, which passes, from other reasons.
func refusalCode(r polymarket.CancelRefusal) msgs.Code {
	if r.Reason == polymarket.CodeVenueRejected && strings.Contains(strings.ToLower(r.VenueMessage), "delay") {
		return msgs.HeldByDelay
	}
	return msgs.Code(r.Reason)
}

// Order looks one order up.
func (c *clob) Order(ctx context.Context, id msgs.OrderID) (VenueOrder, bool, error) {
	var o polymarket.OpenOrder
	var found bool
	err := c.read(ctx, func(ctx context.Context, api polymarket.CLOB) (err error) {
		o, found, err = api.Order(ctx, string(id))
		return err
	})
	return venueOrder(o), found, err
}

// OpenOrders lists a page of what rests.
func (c *clob) OpenOrders(ctx context.Context, cursor string) (list []VenueOrder, next string, err error) {
	err = c.read(ctx, func(ctx context.Context, api polymarket.CLOB) error {
		page, after, err := api.OpenOrdersPage(ctx, polymarket.OrderFilter{}, cursor)
		list, next = make([]VenueOrder, 0, len(page)), after
		for _, o := range page {
			list = append(list, venueOrder(o))
		}
		return err
	})
	return list, next, err
}

// Traded lists a page of the own orders of trades since a moment.
func (c *clob) Traded(ctx context.Context, since time.Time, cursor string) (ids []msgs.OrderID, next string, err error) {
	err = c.read(ctx, func(ctx context.Context, api polymarket.CLOB) error {
		page, after, err := api.TradesPage(ctx, polymarket.TradeFilter{After: since.Unix()}, cursor)
		ids, next = make([]msgs.OrderID, 0, len(page)), after
		for i := range page {
			for _, f := range page[i].Fills(api.Creds.Key) {
				ids = append(ids, msgs.OrderID(f.OrderID))
			}
		}
		return err
	})
	return ids, next, err
}

func (c *clob) read(ctx context.Context, call func(context.Context, polymarket.CLOB) error) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	api, creds := c.client()
	err := call(ctx, api)
	if isUnauthorised(err) {
		if err := c.derive(ctx, creds); err != nil {
			return err
		}
		api, _ = c.client()
		err = call(ctx, api)
	}
	return err
}

func venueOrder(o polymarket.OpenOrder) VenueOrder {
	return VenueOrder{
		OrderID: msgs.OrderID(o.ID), Status: o.Status, TokenID: msgs.TokenID(o.AssetID), ConditionID: msgs.ConditionID(o.Market),
		Side: msgs.Side(o.Side), OrderType: msgs.OrderType(o.Type), Price: o.Price, Size: o.OriginalSize, Matched: o.SizeMatched,
		ExpiresMS: max(0, o.Expiration*1000-gtdExtraMS),
	}
}
